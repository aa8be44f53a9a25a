//! From a save to the last client of the server's stream: `bench_streams [--clients 1000,10000] [--rounds 30]`.
//!
//! Needs `CONMAN_BIN`, an optimised binary; it serves the demo on the embedded default. Clients hold `/v1/worker/stream` as
//! workers do, and hear of each save. Time runs from the moment at which the save became active, by the clock that the
//! server tells it with (to the millisecond), to the moment at which the last client has read the event. The floor is a
//! program that writes the same bytes to as many connections in a loop, in a process of its own: this one again, told
//! `--bare`. How many saves a second one client brings about, one after the other, is told with it.

#![expect(clippy::print_stdout, reason = "the lines on standard output are what a bench is for")]

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, Result, bail, ensure};
use conman_testkit::{ConmanCommand, ConmanProcess, binary};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;

/// Rounds that are not counted.
const WARM_UP: u32 = 3;
/// How often each side has its turn.
const BLOCKS: u32 = 3;
/// Between two rounds: in life the next change is not there yet.
const PAUSE: Duration = Duration::from_millis(200);
/// How many connections are opened at once.
const OPENING: usize = 200;
/// What the floor writes: an event as the server writes it.
const EVENT: &[u8] = b"47\r\nevent: config_changed\ndata: {\"version\":1000000}\n\n\r\n";

fn main() -> Result<()> {
    let (mut clients, mut rounds) = (vec![1_000_usize, 10_000], 30_u32);
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        if argument == "--bare" {
            return bare();
        }
        let value = arguments.next().with_context(|| format!("{argument} needs a value"))?;
        match argument.as_str() {
            "--clients" => clients = value.split(',').map(str::parse).collect::<Result<_, _>>()?,
            "--rounds" => rounds = value.parse()?,
            _ => bail!("unknown argument {argument}"),
        }
    }
    let runtime = tokio::runtime::Runtime::new()?;
    for clients in clients {
        runtime.block_on(bench(clients, rounds))?;
    }
    Ok(())
}

async fn bench(clients: usize, rounds: u32) -> Result<()> {
    let command = ConmanCommand::new(binary::conman()?);
    let mut conman = command.args(["demo", "--serve", "--json", "--log", "error"]).start().await?;
    let outcome = measure(&conman, clients, rounds).await;
    conman.kill().await?;
    outcome
}

async fn measure(conman: &ConmanProcess, clients: usize, rounds: u32) -> Result<()> {
    let saver = Saver::of(conman)?;
    let (address, token) = (saver.address.clone(), text(&conman.ready()["service_tokens"]["dev"])?);
    let request =
        format!("GET /v1/worker/stream HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer {token}\r\n\r\n");
    let (mut ours_ms, mut floor_ms) = (Vec::new(), Vec::new());
    // In blocks: one program may not have open as many connections as both sides together would need.
    for block in 0..BLOCKS {
        let mut ours = Audience::gather(&address, &request, clients).await?;
        for round in 0..rounds / BLOCKS + WARM_UP {
            // From 1 on: `dev` may have the value of round 0 already, and the same value again is no change.
            let active = saver.save(block * rounds + round + 1).await?;
            let took = ours.hear().await?.saturating_sub(active);
            if round >= WARM_UP {
                ours_ms.push(took.as_secs_f64() * 1_000.0);
            }
            tokio::time::sleep(PAUSE).await;
        }
        ours.leaves();
        let (mut floor, floor_address) = floor()?;
        let mut control = TcpStream::connect(&floor_address).await?;
        control.write_all(b"control\r\n\r\n").await?;
        let mut bare = Audience::gather(&floor_address, "client\r\n\r\n", clients).await?;
        for round in 0..rounds / BLOCKS + WARM_UP {
            let begun = now();
            control.write_all(b"!").await?;
            let took = bare.hear().await?.saturating_sub(begun);
            if round >= WARM_UP {
                floor_ms.push(took.as_secs_f64() * 1_000.0);
            }
            tokio::time::sleep(PAUSE).await;
        }
        bare.leaves();
        // What it holds of those who left would be too much together with those who come.
        floor.kill().await?;
    }
    let begun = Instant::now();
    let mut saves = 0_u32;
    while begun.elapsed() < Duration::from_secs(3) {
        saver.save(1_000 + saves).await?;
        saves += 1;
    }
    let rate = f64::from(saves) / begun.elapsed().as_secs_f64();
    let line = json!({
        "bench": "distribute", "transport": "sse", "workers": clients, "rounds": rounds,
        "ours_p50_ms": percentile(&mut ours_ms, 50), "ours_p95_ms": percentile(&mut ours_ms, 95),
        "ours_p99_ms": percentile(&mut ours_ms, 99), "floor_p50_ms": percentile(&mut floor_ms, 50),
        "floor_p95_ms": percentile(&mut floor_ms, 95), "floor_p99_ms": percentile(&mut floor_ms, 99),
        "ratio_p95": hundredths(percentile(&mut ours_ms, 95) / percentile(&mut floor_ms, 95)),
        "saves_per_second": hundredths(rate),
    });
    println!("{line}");
    Ok(())
}

fn now() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

fn text(value: &Value) -> Result<String> {
    Ok(value.as_str().context("the demo tells it")?.to_owned())
}

/// Somebody who saves one value again and again.
struct Saver {
    address: String,
    token: String,
    path: String,
    name: String,
}

impl Saver {
    fn of(conman: &ConmanProcess) -> Result<Self> {
        let ready = conman.ready();
        let app = text(&ready["app_id"])?;
        let environment = text(&ready["environments"]["dev"])?;
        Ok(Self {
            address: text(&ready["url"])?.trim_start_matches("http://").to_owned(),
            token: text(&ready["accounts"]["app_admin"]["token"])?,
            path: format!("/api/apps/{app}/environments/{environment}/config"),
            // A whole number between 1 and 32 in the demo's catalog, which is not critical.
            name: "instrument_max_parallel_loads".to_owned(),
        })
    }

    /// Saves another value, and tells since when it is active.
    async fn save(&self, round: u32) -> Result<Duration> {
        let body = json!({"value": 1 + round % 7}).to_string();
        let request = format!(
            "PUT {}/{} HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer {}\r\nContent-Type: application/json\r\n\
             Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
            self.path,
            self.name,
            self.token,
            body.len()
        );
        let mut stream = TcpStream::connect(&self.address).await?;
        stream.write_all(request.as_bytes()).await?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await?;
        let (head, body) = answer.split_once("\r\n\r\n").context("an answer")?;
        ensure!(head.starts_with("HTTP/1.1 200"), "{head}\n{body}");
        let saved: Value = serde_json::from_str(body)?;
        let at = chrono::DateTime::parse_from_rfc3339(&text(&saved["activated_at"])?)?;
        Ok(Duration::from_millis(u64::try_from(at.timestamp_millis())?))
    }
}

/// Many clients, each of which tells when it has read an event.
struct Audience {
    clients: Vec<tokio::task::JoinHandle<()>>,
    heard: mpsc::UnboundedReceiver<Duration>,
}

impl Audience {
    async fn gather(address: &str, request: &str, clients: usize) -> Result<Self> {
        let (told, mut heard) = mpsc::unbounded_channel();
        let mut tasks = Vec::with_capacity(clients);
        for batch in (0..clients).collect::<Vec<_>>().chunks(OPENING) {
            for _ in batch {
                let mut stream = TcpStream::connect(address).await?;
                stream.write_all(request.as_bytes()).await?;
                let told = told.clone();
                tasks.push(tokio::spawn(async move {
                    let mut lines = BufReader::with_capacity(512, stream);
                    let mut line = String::new();
                    while lines.read_line(&mut line).await.is_ok_and(|read| read > 0) {
                        if line.starts_with("data:") && told.send(now()).is_err() {
                            return;
                        }
                        line.clear();
                    }
                }));
            }
            // Each client is told the present version, or welcomed, once.
            for _ in batch {
                tokio::time::timeout(Duration::from_secs(60), heard.recv()).await?.context("a client")?;
            }
        }
        Ok(Self { clients: tasks, heard })
    }

    /// Waits until all have heard the next event, and tells when the last one had.
    async fn hear(&mut self) -> Result<Duration> {
        let mut last = Duration::ZERO;
        for _ in &self.clients {
            let at = tokio::time::timeout(Duration::from_secs(60), self.heard.recv()).await?;
            last = last.max(at.context("a client is gone")?);
        }
        Ok(last)
    }

    fn leaves(self) {
        self.clients.into_iter().for_each(|client| client.abort());
    }
}

fn floor() -> Result<(tokio::process::Child, String)> {
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
    Ok((child, address))
}

/// Welcomes clients, and writes the event to all of them whenever the first connection says so.
fn bare() -> Result<()> {
    tokio::runtime::Runtime::new()?.block_on(async {
        let listener = TcpListener::bind(std::env::var("BENCH_ADDRESS")?).await?;
        let (add, mut added) = mpsc::unbounded_channel();
        let (strike, mut struck) = mpsc::unbounded_channel::<()>();
        tokio::spawn(async move {
            let mut clients: Vec<TcpStream> = Vec::new();
            loop {
                tokio::select! {
                    Some(client) = added.recv() => clients.push(client),
                    Some(()) = struck.recv() => {
                        let mut gone = Vec::new();
                        for (at, client) in clients.iter_mut().enumerate() {
                            if client.write_all(EVENT).await.is_err() {
                                gone.push(at);
                            }
                        }
                        gone.into_iter().rev().for_each(|at| drop(clients.swap_remove(at)));
                    }
                    else => return,
                }
            }
        });
        loop {
            let (mut stream, _) = listener.accept().await?;
            let (add, strike) = (add.clone(), strike.clone());
            tokio::spawn(async move {
                let mut byte = [0_u8; 1];
                let mut line = Vec::new();
                while !line.ends_with(b"\r\n\r\n") {
                    if stream.read_exact(&mut byte).await.is_err() {
                        return;
                    }
                    line.push(byte[0]);
                }
                if line.starts_with(b"client") {
                    let _ = stream.write_all(EVENT).await;
                    let _ = add.send(stream);
                    return;
                }
                while stream.read_exact(&mut byte).await.is_ok() {
                    let _ = strike.send(());
                }
            });
        }
    })
}

/// The nearest-rank percentile, in hundredths of a millisecond.
fn percentile(times: &mut [f64], percent: usize) -> f64 {
    times.sort_by(f64::total_cmp);
    let rank = (times.len() * percent).div_ceil(100).max(1);
    hundredths(times[rank - 1])
}

fn hundredths(number: f64) -> f64 {
    (number * 100.0).round() / 100.0
}
