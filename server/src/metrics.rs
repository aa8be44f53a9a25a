//! What is counted, in the text form that Prometheus reads.

use crate::observed::ObservedMetrics;
use axum::http::StatusCode;
use conman_workflow::Observed;
use prometheus::{
    Encoder, Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, Opts, Registry,
    TextEncoder,
};
use std::cell::RefCell;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// The upper bounds of the latency histogram, in seconds.
const BUCKETS: [f64; 12] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0];

/// How many kinds of answers each thread has at hand.
const AT_HAND: usize = 16;

/// What the server counts.
pub struct Metrics {
    /// Tells these from those of another server in this process.
    id: u64,
    registry: Registry,
    requests: IntCounterVec,
    latency: HistogramVec,
    in_flight: IntGauge,
    sign_ins: IntCounterVec,
    password_queue: IntGauge,
    observed: ObservedMetrics,
}

thread_local! {
    /// What this thread counted lately: looking counters up by their labels costs more than counting, the more so as all
    /// threads do it in one place.
    static LATELY: RefCell<Vec<Counters>> = const { RefCell::new(Vec::new()) };
}

/// The counters of one kind of answer.
struct Counters {
    server: u64,
    route: String,
    method: &'static str,
    status: StatusCode,
    requests: IntCounter,
    latency: Histogram,
}

impl Counters {
    fn counts(&self, server: u64, route: &str, method: &str, status: StatusCode) -> bool {
        self.status == status && self.server == server && self.route == route && self.method == method
    }
}

impl std::fmt::Debug for Metrics {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Metrics")
    }
}

impl Metrics {
    /// Declares everything that is counted.
    pub(crate) fn new() -> Self {
        let declared = "a metric is declared once, with a well-formed name";
        let registry = Registry::new();
        let counter = |name: &str, help: &str, labels: &[&str]| {
            let vec = IntCounterVec::new(Opts::new(name, help), labels).expect(declared);
            registry.register(Box::new(vec.clone())).expect(declared);
            vec
        };
        let gauge = |name: &str, help: &str| {
            let gauge = IntGauge::new(name, help).expect(declared);
            registry.register(Box::new(gauge.clone())).expect(declared);
            gauge
        };
        let requests =
            counter("conman_http_requests_total", "Requests answered.", &["route", "method", "status"]);
        let sign_ins = counter("conman_sign_ins_total", "Attempts to sign in.", &["outcome"]);
        let in_flight = gauge("conman_http_requests_in_flight", "Requests being served.");
        let password_queue = gauge("conman_password_queue", "Callers waiting for a password to be hashed.");
        let latency =
            HistogramOpts::new("conman_http_request_duration_seconds", "Time to the head of the answer.")
                .buckets(BUCKETS.to_vec());
        let latency = HistogramVec::new(latency, &["route", "method"]).expect(declared);
        registry.register(Box::new(latency.clone())).expect(declared);
        let observed = ObservedMetrics::new(&registry);
        static SERVERS: AtomicU64 = AtomicU64::new(0);
        let id = SERVERS.fetch_add(1, Ordering::Relaxed);
        Self { id, observed, registry, requests, latency, in_flight, sign_ins, password_queue }
    }

    /// Where other parts of the server declare what they count.
    pub fn registry(&self) -> &Registry {
        &self.registry
    }

    pub(crate) fn began(&self) -> InFlight<'_> {
        self.in_flight.inc();
        InFlight(&self.in_flight)
    }

    pub(crate) fn answered(&self, route: &str, method: &'static str, status: StatusCode, took: Duration) {
        LATELY.with_borrow_mut(|lately| {
            let found = lately.iter().position(|of| of.counts(self.id, route, method, status));
            let at = found.unwrap_or_else(|| {
                lately.truncate(AT_HAND - 1);
                lately.push(self.counters(route, method, status));
                lately.len() - 1
            });
            // What comes often stays in front.
            lately.swap(at, at / 2);
            let counters = &lately[at / 2];
            counters.requests.inc();
            counters.latency.observe(took.as_secs_f64());
        });
    }

    fn counters(&self, route: &str, method: &'static str, status: StatusCode) -> Counters {
        Counters {
            server: self.id,
            route: route.to_owned(),
            method,
            status,
            requests: self.requests.with_label_values(&[route, method, status.as_str()]),
            latency: self.latency.with_label_values(&[route, method]),
        }
    }

    pub(crate) fn sign_in(&self, outcome: &'static str) {
        self.sign_ins.with_label_values(&[outcome]).inc();
    }

    /// Takes over what a look at environments, workers, jobs and queues saw.
    pub(crate) fn observed(&self, seen: &Observed) {
        self.observed.record(seen);
    }

    /// Writes everything down.
    pub(crate) fn text(&self, password_queue: usize) -> Result<Vec<u8>, prometheus::Error> {
        self.password_queue.set(i64::try_from(password_queue).unwrap_or(i64::MAX));
        let mut text = Vec::new();
        TextEncoder::new().encode(&self.registry.gather(), &mut text)?;
        Ok(text)
    }
}

/// A request that is being served.
pub(crate) struct InFlight<'a>(&'a IntGauge);

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        self.0.dec();
    }
}
