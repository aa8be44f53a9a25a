//! Values over HTTP, against a bare handler: `bench_reads [--seconds 4] [--connections 32]`.
//!
//! Needs `CONMAN_BIN`, an optimised binary. It serves the demo, on the embedded default and, where
//! `CONMAN_TEST_POSTGRES` and `CONMAN_TEST_MONGODB` name servers, on those as well. The floor is an axum handler that
//! answers the same bytes out of memory to anybody, in a process of its own: this program again, told `--bare`. Both are
//! asked by the same connections in turns of one second, so that what else the machine does hits both.

#![expect(clippy::print_stdout, reason = "the lines on standard output are what a bench is for")]

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use axum::Router;
use axum::extract::{Path, State};
use axum::routing::{get, post};
use conman_testkit::{ConmanCommand, ConmanProcess, MongoDatabase, PostgresDatabase, binary};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};

/// One turn of a side.
const TURN: Duration = Duration::from_secs(1);

fn main() -> Result<()> {
    let (mut seconds, mut connections) = (4_u32, 32_usize);
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        if argument == "--bare" {
            return bare();
        }
        let value = arguments.next().with_context(|| format!("{argument} needs a value"))?;
        match argument.as_str() {
            "--seconds" => seconds = value.parse()?,
            "--connections" => connections = value.parse()?,
            _ => bail!("unknown argument {argument}"),
        }
    }
    let runtime = tokio::runtime::Runtime::new()?;
    runtime.block_on(async {
        bench("sqlite", &[], seconds, connections).await?;
        if std::env::var_os("CONMAN_TEST_POSTGRES").is_some()
            && std::env::var_os("CONMAN_TEST_MONGODB").is_some()
        {
            let (store, distribution) = (MongoDatabase::fresh().await?, PostgresDatabase::fresh().await?);
            let team = ["--store", store.url(), "--distribution", distribution.url()];
            bench("postgres", &team, seconds, connections).await?;
        }
        Ok(())
    })
}

async fn bench(backend: &str, databases: &[&str], seconds: u32, connections: usize) -> Result<()> {
    let command = ConmanCommand::new(binary::conman()?);
    let mut conman = command
        .args(["demo", "--serve", "--json", "--log", "error"])
        .args(databases.iter().copied())
        .start()
        .await?;
    let outcome = measure(backend, &conman, seconds, connections).await;
    conman.stop().await?;
    outcome
}

async fn measure(backend: &str, conman: &ConmanProcess, seconds: u32, connections: usize) -> Result<()> {
    let ready = conman.ready();
    let ours =
        ready["url"].as_str().context("the demo tells its URL")?.trim_start_matches("http://").to_owned();
    let token = ready["service_tokens"]["dev"].as_str().context("dev has a service token")?;
    let mut floor = Floor::start()?;
    let list = exchange(&ours, &request("/v1/config", token, None)).await?;
    let values: Vec<Value> = serde_json::from_slice(&list).context("a list of values")?;
    let name = values.first().and_then(|value| value["name"].as_str()).context("dev has values")?.to_owned();
    for (route, path) in
        [("/v1/config/:name", format!("/v1/config/{name}")), ("/v1/config", "/v1/config".to_owned())]
    {
        let asked = request(&path, token, None);
        let answer = exchange(&ours, &asked).await?;
        let kept = exchange(&floor.address, &request(&path, token, Some(&answer))).await?;
        ensure!(kept == b"kept", "the floor keeps what it is to answer");
        ensure!(exchange(&floor.address, &asked).await? == answer, "both answer the same");
        let (mut of_ours, mut of_floor) = (Times::default(), Times::default());
        load(&ours, &asked, connections, TURN).await?;
        load(&floor.address, &asked, connections, TURN).await?;
        for _ in 0..seconds {
            of_ours.add(load(&ours, &asked, connections, TURN).await?);
            of_floor.add(load(&floor.address, &asked, connections, TURN).await?);
        }
        let line = json!({
            "bench": "reads", "backend": backend, "route": route, "values": values.len(), "connections": connections,
            "ours_rps": of_ours.rate().round(), "floor_rps": of_floor.rate().round(),
            "ratio_rps": hundredths(of_ours.rate() / of_floor.rate()),
            "ours_p50_ms": of_ours.percentile(50), "ours_p99_ms": of_ours.percentile(99),
            "floor_p50_ms": of_floor.percentile(50), "floor_p99_ms": of_floor.percentile(99),
            "ratio_p99": hundredths(of_ours.percentile(99) / of_floor.percentile(99)),
        });
        println!("{line}");
    }
    floor.child.start_kill()?;
    Ok(())
}

/// How long answers took, in microseconds, and in how much time they all came.
#[derive(Default)]
struct Times {
    micros: Vec<u32>,
    seconds: f64,
}

impl Times {
    fn add(&mut self, other: Self) {
        self.micros.extend(other.micros);
        self.seconds += other.seconds;
    }

    fn rate(&self) -> f64 {
        self.micros.len() as f64 / self.seconds
    }

    /// The nearest-rank percentile, in milliseconds.
    fn percentile(&mut self, percent: usize) -> f64 {
        self.micros.sort_unstable();
        let rank = (self.micros.len() * percent).div_ceil(100).max(1);
        f64::from(self.micros[rank - 1]) / 1_000.0
    }
}

fn hundredths(number: f64) -> f64 {
    (number * 100.0).round() / 100.0
}

/// A whole request; with a body, one that asks the floor to keep it as its answer.
fn request(path: &str, token: &str, body: Option<&[u8]>) -> Vec<u8> {
    let method = if body.is_some() { "POST" } else { "GET" };
    let length = body.map_or(0, <[u8]>::len);
    let head = format!(
        "{method} {path} HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer {token}\r\nContent-Length: {length}\r\n\r\n"
    );
    [head.as_bytes(), body.unwrap_or_default()].concat()
}

/// Asks once on a connection of its own.
async fn exchange(address: &str, request: &[u8]) -> Result<Vec<u8>> {
    let mut connection = Connection::open(address).await?;
    connection.ask(request).await?;
    Ok(connection.body)
}

/// Asks on all connections, again and again, for a while.
async fn load(address: &str, request: &[u8], connections: usize, time: Duration) -> Result<Times> {
    let begun = Instant::now();
    let tasks = (0..connections).map(|_| {
        let (address, request) = (address.to_owned(), request.to_vec());
        tokio::spawn(async move {
            let mut connection = Connection::open(&address).await?;
            let mut micros = Vec::new();
            while begun.elapsed() < time {
                let asked = Instant::now();
                connection.ask(&request).await?;
                micros.push(asked.elapsed().as_micros() as u32);
            }
            anyhow::Ok(micros)
        })
    });
    let mut all = Times::default();
    for task in tasks.collect::<Vec<_>>() {
        all.micros.extend(task.await??);
    }
    all.seconds = begun.elapsed().as_secs_f64();
    Ok(all)
}

/// One kept-alive connection, as little a client as can be.
struct Connection {
    stream: BufReader<TcpStream>,
    line: String,
    body: Vec<u8>,
}

impl Connection {
    async fn open(address: &str) -> Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self {
            stream: BufReader::with_capacity(64 * 1024, stream),
            line: String::new(),
            body: Vec::new(),
        })
    }

    async fn ask(&mut self, request: &[u8]) -> Result<()> {
        self.stream.write_all(request).await?;
        let (mut first, mut length) = (true, 0);
        loop {
            self.line.clear();
            ensure!(self.stream.read_line(&mut self.line).await? > 0, "the connection was closed");
            if first {
                ensure!(self.line.starts_with("HTTP/1.1 200"), "{} was answered", self.line.trim());
                first = false;
            } else if self.line == "\r\n" {
                break;
            } else if let Some((name, value)) = self.line.split_once(':')
                && name.eq_ignore_ascii_case("content-length")
            {
                length = value.trim().parse()?;
            }
        }
        self.body.resize(length, 0);
        self.stream.read_exact(&mut self.body).await?;
        Ok(())
    }
}

/// The bare handler in a process of its own.
struct Floor {
    address: String,
    child: tokio::process::Child,
}

impl Floor {
    fn start() -> Result<Self> {
        let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
        let address = listener.local_addr()?.to_string();
        drop(listener);
        let mut command = tokio::process::Command::new(std::env::current_exe()?);
        let child = command.arg("--bare").env("BENCH_ADDRESS", &address).kill_on_drop(true).spawn()?;
        let begun = Instant::now();
        while std::net::TcpStream::connect(&address).is_err() {
            ensure!(begun.elapsed() < Duration::from_secs(10), "the floor does not start");
            std::thread::sleep(Duration::from_millis(10));
        }
        Ok(Self { address, child })
    }
}

type Kept = std::sync::Arc<std::sync::RwLock<std::collections::HashMap<String, axum::body::Bytes>>>;

/// Answers what it was given for a path, to anybody.
fn bare() -> Result<()> {
    async fn answer(State(kept): State<Kept>, path: axum::http::Uri) -> axum::body::Bytes {
        kept.read().ok().and_then(|kept| kept.get(path.path()).cloned()).unwrap_or_default()
    }
    async fn keep(State(kept): State<Kept>, path: axum::http::Uri, body: axum::body::Bytes) -> &'static str {
        if let Ok(mut kept) = kept.write() {
            kept.insert(path.path().to_owned(), body);
        }
        "kept"
    }
    async fn named(state: State<Kept>, _name: Path<String>, path: axum::http::Uri) -> axum::body::Bytes {
        answer(state, path).await
    }
    let app = Router::new()
        .route("/v1/config", get(answer).merge(post(keep)))
        .route("/v1/config/{name}", get(named).merge(post(keep)))
        .with_state(Kept::default());
    tokio::runtime::Runtime::new()?.block_on(async {
        let listener = TcpListener::bind(std::env::var("BENCH_ADDRESS")?).await?;
        Ok(axum::serve(listener, app).await?)
    })
}
