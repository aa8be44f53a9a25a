//! `cargo xtask run`: Conman on this machine, with something in it to look at.

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Duration;

use crate::commands::arguments::asks_for_help;
use crate::commands::cargo::build_conman;
use crate::commands::web_ui;
use crate::failure::{During, Failure, Outcome};
use crate::json::Json;
use crate::{paths, shell, signals};

const HELP: &str = "\
cargo xtask run [--fresh] [--data DIR] [--listen ADDR] [--release]

Builds what is stale and starts Conman on its embedded default, with a sample app, one account per role, and a worker
that follows `dev`; prints the address and the accounts. Ctrl-C stops all of it.

    --fresh         delete the data folder first
    --data DIR      where data is kept between runs; ./.conman unless told otherwise
    --listen ADDR   address and port of the server; 127.0.0.1:7070 unless told otherwise
    --release       build optimised";

/// The environment that the worker follows.
const FOLLOWED: &str = "dev";
/// How long each process may take to stop in order.
const PATIENCE: Duration = Duration::from_secs(30);

#[derive(Debug, PartialEq, Eq)]
struct Options {
    data: PathBuf,
    listen: String,
    profile: &'static str,
    fresh: bool,
}

impl Options {
    fn parse(arguments: &[String]) -> Outcome<Self> {
        let mut options = Self {
            data: paths::root().join(".conman"),
            listen: "127.0.0.1:7070".to_owned(),
            profile: "dev",
            fresh: false,
        };
        let mut arguments = arguments.iter();
        while let Some(argument) = arguments.next() {
            let mut value = || {
                arguments
                    .next()
                    .cloned()
                    .ok_or_else(|| Failure::new(format!("`{argument}` needs a value\n\n{HELP}")))
            };
            match argument.as_str() {
                "--fresh" => options.fresh = true,
                "--release" => options.profile = "release",
                "--data" => options.data = PathBuf::from(value()?),
                "--listen" => options.listen = value()?,
                other => return Err(Failure::new(format!("`run` does not know `{other}`\n\n{HELP}"))),
            }
        }
        Ok(options)
    }
}

pub(crate) fn command(arguments: &[String]) -> Outcome<()> {
    if asks_for_help(arguments) {
        println!("{HELP}");
        return Ok(());
    }
    let options = Options::parse(arguments)?;
    web_ui::build_if_stale()?;
    let conman = build_conman(options.profile)?;
    if signals::interrupted() {
        return Ok(());
    }
    if options.fresh {
        delete(&options.data)?;
    }
    let mut demo = Command::new(&conman);
    demo.args(["demo", "--serve", "--json", "--listen", &options.listen, "--data"]).arg(&options.data);
    let mut server = Part::start("server", &mut demo)?;
    let Some(ready) = server.ready()? else {
        return server.stop();
    };
    println!("{}", welcome(&ready, &options.data));
    let url = ready.get("url").and_then(Json::text).unwrap_or_default();
    let token = ready.get("service_tokens").and_then(|tokens| tokens.get(FOLLOWED)).and_then(Json::text);
    let mut parts = Vec::new();
    if let Some(token) = token {
        let mut follow = Command::new(&conman);
        // By the environment: arguments are shown to everyone on the machine.
        follow.args(["worker", "run", "--server", url]).env("CONMAN_TOKEN", token);
        parts.push(Part::start("worker", &mut follow)?);
    } else {
        println!("No worker: the server has no service token for `{FOLLOWED}`.");
    }
    parts.push(server);
    let outcome = watch(&mut parts, signals::interrupted);
    println!();
    // The worker first: it would otherwise spend its last moments reconnecting.
    parts.iter_mut().map(Part::stop).fold(outcome, Outcome::and)
}

/// Shows what the processes print until someone asks to stop; a process that ends by itself is a failure.
fn watch(parts: &mut [Part], asked_to_stop: impl Fn() -> bool) -> Outcome<()> {
    while !asked_to_stop() {
        for part in &mut *parts {
            part.show()?;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    Ok(())
}

/// One process of the run, in a process group of its own so that Ctrl-C stops all of them in order, from here.
struct Part {
    name: &'static str,
    child: Child,
    lines: Receiver<String>,
}

impl Part {
    fn start(name: &'static str, command: &mut Command) -> Outcome<Self> {
        command.process_group(0).stdin(Stdio::null()).stdout(Stdio::piped());
        let mut child = command.spawn().during(|| format!("cannot start the {name}"))?;
        let stdout =
            child.stdout.take().ok_or_else(|| Failure::new(format!("the {name} has no standard output")))?;
        let (sender, lines) = channel();
        std::thread::spawn(move || forward(stdout, &sender));
        Ok(Self { name, child, lines })
    }

    /// Waits for the line that says that the server is ready; `None` when someone asks to stop before.
    fn ready(&mut self) -> Outcome<Option<Json>> {
        loop {
            if signals::interrupted() {
                return Ok(None);
            }
            match self.lines.recv_timeout(Duration::from_millis(100)) {
                Ok(line) => match Json::parse(&line).filter(|json| json.get("url").is_some()) {
                    Some(ready) => return Ok(Some(ready)),
                    None => println!("{line}"),
                },
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => {
                    let status = self.child.wait().during(|| format!("cannot wait for the {}", self.name))?;
                    return Err(Failure::new(format!(
                        "the {} ended with {status} before it was ready",
                        self.name
                    )));
                }
            }
        }
    }

    fn show(&mut self) -> Outcome<()> {
        self.print();
        match self.child.try_wait().during(|| format!("cannot look after the {}", self.name))? {
            None => Ok(()),
            Some(status) => Err(Failure::new(format!("the {} ended with {status}", self.name))),
        }
    }

    fn print(&self) {
        let mut out = std::io::stdout();
        for line in self.lines.try_iter() {
            // A closed terminal is no reason to stop serving.
            let _ = writeln!(out, "{} | {line}", self.name);
        }
    }

    /// Stops the process in order, and says so when it did not stop well.
    fn stop(&mut self) -> Outcome<()> {
        println!("Stopping the {} …", self.name);
        shell::stop(&mut self.child, signals::SIGTERM, PATIENCE);
        self.print();
        let status = self.child.wait().during(|| format!("cannot wait for the {}", self.name))?;
        if status.success() {
            Ok(())
        } else {
            Err(Failure::new(format!("the {} ended with {status} when it was stopped", self.name)))
        }
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        shell::stop(&mut self.child, signals::SIGTERM, PATIENCE);
    }
}

fn forward(stream: impl Read, sender: &std::sync::mpsc::Sender<String>) {
    for line in BufReader::new(stream).lines().map_while(Result::ok) {
        if sender.send(line).is_err() {
            return;
        }
    }
}

/// Deletes the data folder, and nothing that is not one.
fn delete(data: &Path) -> Outcome<()> {
    let Ok(mut entries) = std::fs::read_dir(data) else {
        return Ok(());
    };
    let is_empty = entries.next().is_none();
    let is_default = data.file_name().is_some_and(|name| name == ".conman");
    if !is_empty && !is_default {
        return Err(Failure::new(format!(
            "--fresh deletes a folder called .conman only, and not {}: delete it yourself",
            data.display()
        )));
    }
    std::fs::remove_dir_all(data).during(|| format!("cannot delete {}", data.display()))
}

/// What a person needs to look around.
fn welcome(ready: &Json, data: &Path) -> String {
    let text = |json: Option<&Json>| json.and_then(Json::text).unwrap_or("-").to_owned();
    let mut out = format!("\nConman serves {}\ndata in {}\n", text(ready.get("url")), data.display());
    let accounts = ready.get("accounts").and_then(Json::members).cloned().unwrap_or_default();
    let mut rows: Vec<[String; 3]> = accounts
        .iter()
        .map(|(role, account)| [role.clone(), text(account.get("email")), text(account.get("password"))])
        .collect();
    // Whoever set the instance up has a role beside those of the app.
    if let Some(operator) = ready.get("operator") {
        rows.push([text(operator.get("role")), text(operator.get("email")), text(operator.get("password"))]);
    }
    if !rows.is_empty() {
        let head = ["role", "e-mail", "password"].map(str::to_owned);
        let width = |column: usize| {
            rows.iter().chain([&head]).map(|row| row[column].chars().count()).max().unwrap_or_default()
        };
        let widths = [width(0), width(1)];
        out.push('\n');
        for [role, email, password] in [&head].into_iter().chain(&rows) {
            let [first, second] = widths;
            out.push_str(&format!("  {role:<first$}  {email:<second$}  {password}\n"));
        }
    }
    let environments = ready.get("environments").and_then(Json::members).cloned().unwrap_or_default();
    if !environments.is_empty() {
        let names: Vec<&str> = environments.keys().map(String::as_str).collect();
        out.push_str(&format!("\nEnvironments: {}\n", names.join(", ")));
    }
    out.push_str("Ctrl-C stops it.\n");
    out
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::process::Command;

    use super::{Options, Part, delete, watch, welcome};
    use crate::json::Json;

    fn part(script: &str) -> Part {
        Part::start("server", Command::new("/bin/sh").arg("-c").arg(script)).unwrap()
    }

    #[test]
    fn a_server_is_ready_when_it_says_where_it_listens_and_stops_when_it_is_asked() {
        let mut server = part(
            r#"echo starting; echo '{"progress": 1}'; echo '{"url": "u"}'
            trap 'echo bye; exit 0' TERM; while :; do sleep 0.05; done"#,
        );
        let ready = server.ready().unwrap().unwrap();
        assert_eq!(ready.get("url").and_then(Json::text), Some("u"));
        let looks = std::cell::Cell::new(0);
        let mut parts = [server];
        watch(&mut parts, || looks.replace(looks.get() + 1) == 3).unwrap();
        parts[0].stop().unwrap();
    }

    #[test]
    fn a_server_that_ends_by_itself_is_a_failure_before_and_after_it_is_ready() {
        let failure = part("exit 3").ready().unwrap_err().to_string();
        assert!(failure.contains("exit status: 3 before it was ready"), "{failure}");
        let mut server = part(r#"echo '{"url": "u"}'; exit 4"#);
        server.ready().unwrap();
        let failure = watch(&mut [server], || false).unwrap_err().to_string();
        assert!(failure.contains("exit status: 4"), "{failure}");
    }

    #[test]
    fn a_server_that_does_not_stop_well_is_a_failure() {
        let mut server = part(r#"trap 'exit 5' TERM; echo '{"url": "u"}'; while :; do sleep 0.05; done"#);
        server.ready().unwrap();
        let failure = server.stop().unwrap_err().to_string();
        assert!(failure.contains("exit status: 5 when it was stopped"), "{failure}");
    }

    fn parse(line: &str) -> Option<Options> {
        let arguments: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        Options::parse(&arguments).ok()
    }

    #[test]
    fn options_have_defaults_and_unknown_ones_are_refused() {
        let options = parse("").unwrap();
        assert!(options.data.ends_with(".conman"));
        assert!(!options.fresh);
        let options = parse("--fresh --data x --listen 127.0.0.1:0 --release").unwrap();
        assert_eq!(
            (options.data.as_path(), options.profile, options.fresh),
            (Path::new("x"), "release", true)
        );
        assert_eq!(parse("--data"), None);
        assert_eq!(parse("--fresher"), None);
    }

    #[test]
    fn the_welcome_names_every_account() {
        let ready = Json::parse(
            r#"{"url": "http://127.0.0.1:7070", "accounts": {"author": {"email": "ada@example.org", "password": "p 1"},
            "owner": {"email": "o@example.org", "password": "p 2"}}, "operator": {"role": "instance_admin", "email": "i@example.org", "password": "p 3"},
            "environments": {"dev": "1", "prod": "2"}}"#,
        )
        .unwrap();
        let expected = "
Conman serves http://127.0.0.1:7070
data in d

  role            e-mail           password
  author          ada@example.org  p 1
  owner           o@example.org    p 2
  instance_admin  i@example.org    p 3

Environments: dev, prod
Ctrl-C stops it.
";
        assert_eq!(welcome(&ready, Path::new("d")), expected);
    }

    #[test]
    fn only_a_data_folder_is_deleted() {
        let base = std::env::temp_dir().join(format!("conman-xtask-{}", std::process::id()));
        let (precious, data) = (base.join("photos"), base.join(".conman"));
        for folder in [&precious, &data] {
            std::fs::create_dir_all(folder).unwrap();
            std::fs::write(folder.join("file"), "x").unwrap();
        }
        assert!(delete(&precious).is_err());
        assert!(precious.join("file").exists());
        delete(&data).unwrap();
        assert!(!data.exists());
        delete(&data).unwrap();
        std::fs::remove_dir_all(&base).unwrap();
    }
}
