//! What is measured of environments, workers, jobs and queues; `docs/observability.md` explains each metric.

use conman_domain::job::Work;
use conman_workflow::{Observed, ObservedEnvironment};
use prometheus::{Gauge, GaugeVec, HistogramOpts, HistogramVec, IntCounterVec, IntGaugeVec, Opts, Registry};
use std::time::{SystemTime, UNIX_EPOCH};

/// The upper bounds of how long a version takes to its workers, in seconds; an alert is at 5.
const BUCKETS: [f64; 14] = [0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 3.0, 4.0, 5.0, 7.5, 10.0, 30.0, 60.0, 300.0];
/// What is told of one environment is told by these.
const PLACE: [&str; 2] = ["app", "environment"];

/// The metrics.
pub(crate) struct ObservedMetrics {
    distribution: HistogramVec,
    rollbacks: IntCounterVec,
    jobs_finished: IntCounterVec,
    mails: IntCounterVec,
    active_version: IntGaugeVec,
    workers: IntGaugeVec,
    lag_versions: IntGaugeVec,
    lag_seconds: GaugeVec,
    forbidden: IntGaugeVec,
    jobs: IntGaugeVec,
    job_queue_age: GaugeVec,
    changesets_queued: IntGaugeVec,
    changeset_queue_age: GaugeVec,
    observed_at: Gauge,
}

impl ObservedMetrics {
    pub(crate) fn new(registry: &Registry) -> Self {
        let declared = "a metric is declared once, with a well-formed name";
        let integers = |name: &str, help: &str, labels: &[&str]| {
            let vec = IntGaugeVec::new(Opts::new(name, help), labels).expect(declared);
            registry.register(Box::new(vec.clone())).expect(declared);
            vec
        };
        let gauges = |name: &str, help: &str, labels: &[&str]| {
            let vec = GaugeVec::new(Opts::new(name, help), labels).expect(declared);
            registry.register(Box::new(vec.clone())).expect(declared);
            vec
        };
        let counters = |name: &str, help: &str, labels: &[&str]| {
            let vec = IntCounterVec::new(Opts::new(name, help), labels).expect(declared);
            registry.register(Box::new(vec.clone())).expect(declared);
            vec
        };
        let distribution = HistogramOpts::new(
            "conman_distribution_seconds",
            "Time from a version's activation to a worker's word that it runs it.",
        );
        let distribution = HistogramVec::new(distribution.buckets(BUCKETS.to_vec()), &PLACE).expect(declared);
        registry.register(Box::new(distribution.clone())).expect(declared);
        let observed_at = Gauge::new(
            "conman_observed_timestamp_seconds",
            "When the other metrics were last brought up to date.",
        )
        .expect(declared);
        registry.register(Box::new(observed_at.clone())).expect(declared);
        Self {
            distribution,
            rollbacks: counters("conman_rollbacks_total", "Releases that were left by going back.", &PLACE),
            jobs_finished: counters("conman_jobs_finished_total", "Jobs that ended.", &["type", "state"]),
            mails: counters("conman_mails_total", "Mails that were handed on or given up.", &["state"]),
            active_version: integers("conman_active_version", "The config version that is active.", &PLACE),
            workers: integers(
                "conman_workers",
                "Worker sessions by what became of the active version.",
                &["app", "environment", "state"],
            ),
            lag_versions: integers(
                "conman_worker_lag_versions_max",
                "By how many versions the worker lags that lags most.",
                &PLACE,
            ),
            lag_seconds: gauges(
                "conman_worker_lag_seconds_max",
                "For how long the worker lags that lags longest.",
                &PLACE,
            ),
            forbidden: integers(
                "conman_worker_forbidden_applications",
                "Values that workers applied where it is forbidden; must be 0.",
                &PLACE,
            ),
            jobs: integers("conman_jobs", "Jobs that wait or run.", &["type", "state"]),
            job_queue_age: gauges(
                "conman_job_queue_age_seconds",
                "For how long the longest waiting job has been due.",
                &["type"],
            ),
            changesets_queued: integers("conman_changesets_queued", "Changesets in the queue.", &["app"]),
            changeset_queue_age: gauges(
                "conman_changeset_queue_age_seconds",
                "For how long the longest waiting changeset has been queued.",
                &["app"],
            ),
            observed_at,
        }
    }

    /// Takes over what a look saw. What is gone is told no more.
    pub(crate) fn record(&self, seen: &Observed) {
        for vec in [&self.active_version, &self.workers, &self.lag_versions, &self.forbidden, &self.jobs] {
            vec.reset();
        }
        self.changesets_queued.reset();
        for vec in [&self.lag_seconds, &self.job_queue_age, &self.changeset_queue_age] {
            vec.reset();
        }
        for environment in &seen.environments {
            self.environment(environment);
        }
        for (app, environment, took) in &seen.distributions {
            self.distribution.with_label_values(&[app, environment]).observe(seconds(*took));
        }
        for (app, environment) in &seen.rollbacks {
            self.rollbacks.with_label_values(&[app, environment]).inc();
        }
        for (kind, state) in &seen.finished {
            self.jobs_finished.with_label_values(&[*kind, *state]).inc();
            if *kind == "send_notification" {
                self.mails.with_label_values(&[*state]).inc();
            }
        }
        // What none waits for is 0, not unknown.
        for kind in Work::TYPES {
            for state in ["queued", "running"] {
                self.jobs.with_label_values(&[kind, state]).set(0);
            }
            self.job_queue_age.with_label_values(&[kind]).set(0.0);
            for state in ["succeeded", "failed", "canceled"] {
                self.jobs_finished.with_label_values(&[kind, state]);
            }
        }
        for state in ["succeeded", "failed"] {
            self.mails.with_label_values(&[state]);
        }
        for ((kind, state), count) in &seen.jobs {
            self.jobs.with_label_values(&[*kind, *state]).set(i64::from(*count));
        }
        for (kind, age) in &seen.job_queue_age {
            self.job_queue_age.with_label_values(&[*kind]).set(seconds(*age));
        }
        for (app, count, age) in &seen.queues {
            self.changesets_queued.with_label_values(&[app]).set(i64::from(*count));
            self.changeset_queue_age.with_label_values(&[app]).set(seconds(*age));
        }
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        self.observed_at.set(now.as_secs_f64());
    }

    fn environment(&self, seen: &ObservedEnvironment) {
        let place = [seen.app.as_str(), seen.environment.as_str()];
        // There from the beginning, so that a rate over them is one.
        self.distribution.with_label_values(&place);
        self.rollbacks.with_label_values(&place);
        self.active_version.with_label_values(&place).set(i64::from(seen.active.unwrap_or_default().0));
        self.lag_versions.with_label_values(&place).set(i64::from(seen.lag_versions));
        self.lag_seconds.with_label_values(&place).set(seconds(seen.lag));
        let forbidden = i64::try_from(seen.forbidden_applications).unwrap_or(i64::MAX);
        self.forbidden.with_label_values(&place).set(forbidden);
        for (state, count) in &seen.workers {
            self.workers.with_label_values(&[place[0], place[1], *state]).set(i64::from(*count));
        }
    }
}

fn seconds(duration: chrono::TimeDelta) -> f64 {
    f64::from(u32::try_from(duration.num_milliseconds()).unwrap_or(u32::MAX)) / 1_000.0
}
