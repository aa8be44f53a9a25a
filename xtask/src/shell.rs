//! Running other programs: shown, waited for, and stopped when this program is asked to stop.

use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use crate::failure::{During, Failure, Outcome};
use crate::signals;

const POLL: Duration = Duration::from_millis(50);

/// Runs a command to its end with its output on the terminal; a status other than 0 is a failure.
pub(crate) fn run(command: &mut Command) -> Outcome<()> {
    let line = describe(command);
    println!("$ {line}");
    let status = status(command)?;
    if status.success() { Ok(()) } else { Err(Failure::new(format!("`{line}` ended with {status}"))) }
}

/// Runs a command to its end with its output on the terminal, and gives its status.
pub(crate) fn status(command: &mut Command) -> Outcome<ExitStatus> {
    let line = describe(command);
    let mut child = command.spawn().during(|| format!("cannot start `{line}`"))?;
    wait(&mut child)
}

/// Runs a command to its end and gives what it wrote to its standard output; a status other than 0 is a failure
/// that shows what it wrote to its standard error.
pub(crate) fn read(command: &mut Command) -> Outcome<String> {
    let line = describe(command);
    let output = command.stdin(Stdio::null()).output().during(|| format!("cannot start `{line}`"))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        return Err(Failure::new(format!("`{line}` ended with {}\n{}", output.status, said.trim_end())));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Runs a command to its end, shows both its streams, and gives them back line by line to be counted.
pub(crate) fn tee(command: &mut Command, mut each_line: impl FnMut(&str) + Send) -> Outcome<ExitStatus> {
    let line = describe(command);
    println!("$ {line}");
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().during(|| format!("cannot start `{line}`"))?;
    let (sender, receiver) = std::sync::mpsc::channel::<String>();
    let outputs: [Option<Box<dyn Read + Send>>; 2] = [
        child.stdout.take().map(|stream| Box::new(stream) as Box<dyn Read + Send>),
        child.stderr.take().map(|stream| Box::new(stream) as Box<dyn Read + Send>),
    ];
    let readers: Vec<_> = outputs
        .into_iter()
        .flatten()
        .map(|stream| {
            let sender = sender.clone();
            std::thread::spawn(move || copy_lines(stream, &sender))
        })
        .collect();
    drop(sender);
    std::thread::scope(|scope| {
        let printer = scope.spawn(move || {
            let mut out = std::io::stdout();
            for line in receiver {
                // A closed terminal must not end the run in its middle.
                let _ = out.write_all(line.as_bytes());
                let _ = out.flush();
                each_line(&line);
            }
        });
        let status = wait(&mut child);
        for reader in readers {
            // The reader ends with its stream and has no way to panic that would be worth more than its lines.
            let _ = reader.join();
        }
        let _ = printer.join();
        status
    })
}

fn copy_lines(stream: impl Read, sender: &std::sync::mpsc::Sender<String>) {
    let mut reader = BufReader::new(stream);
    let mut bytes = Vec::new();
    loop {
        bytes.clear();
        match reader.read_until(b'\n', &mut bytes) {
            Ok(0) | Err(_) => return,
            Ok(_) => {
                if sender.send(String::from_utf8_lossy(&bytes).into_owned()).is_err() {
                    return;
                }
            }
        }
    }
}

/// Waits for a child. Ctrl-C reaches children in the terminal's process group by itself; any other request to stop
/// is forwarded here, once.
pub(crate) fn wait(child: &mut Child) -> Outcome<ExitStatus> {
    let mut forwarded = false;
    loop {
        if let Some(status) = child.try_wait().during(|| "cannot wait for a child process".to_owned())? {
            return Ok(status);
        }
        if !forwarded && signals::received().is_some_and(|signum| signum != signals::SIGINT) {
            signals::send(child.id(), signals::SIGTERM);
            forwarded = true;
        }
        std::thread::sleep(POLL);
    }
}

/// Asks a child to stop with the given signal, waits up to `patience`, and kills it after that.
pub(crate) fn stop(child: &mut Child, signum: i32, patience: Duration) {
    if matches!(child.try_wait(), Ok(Some(_))) {
        return;
    }
    signals::send(child.id(), signum);
    let deadline = Instant::now() + patience;
    while Instant::now() < deadline {
        if matches!(child.try_wait(), Ok(Some(_))) {
            return;
        }
        std::thread::sleep(POLL);
    }
    // Both only fail when the child is gone already, which is what is wanted.
    let _ = child.kill();
    let _ = child.wait();
}

/// The command as a person would type it.
pub(crate) fn describe(command: &Command) -> String {
    let program = Path::new(command.get_program());
    let mut line = program.file_name().unwrap_or(program.as_os_str()).to_string_lossy().into_owned();
    for argument in command.get_args() {
        line.push(' ');
        let argument = argument.to_string_lossy();
        if argument.is_empty() || argument.contains(|c: char| c.is_whitespace() || "'\"$&|;<>".contains(c)) {
            line.push('\'');
            line.push_str(&argument.replace('\'', "'\\''"));
            line.push('\'');
        } else {
            line.push_str(&argument);
        }
    }
    line
}
