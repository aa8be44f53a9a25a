//! A process is awaited, watched, killed and started again.

use std::time::Duration;

use conman_testkit::ConmanCommand;
use tokio::io::AsyncReadExt as _;

const SOON: Duration = Duration::from_secs(30);

fn shell(script: &str) -> ConmanCommand {
    ConmanCommand::new("/bin/sh").arg("-c").arg(script)
}

#[tokio::test]
async fn the_ready_line_is_the_first_json_object_on_standard_output() -> anyhow::Result<()> {
    let script = r#"echo hello >&2; echo starting; echo 7; echo '{"url": "u"}'; exec sleep 1000"#;
    let mut process = shell(script).start().await?;
    assert_eq!(process.ready()["url"], "u");
    let line = process.line(SOON, |line| line.starts_with("start").then(|| line.to_owned())).await?;
    assert_eq!(line, "starting");
    process.kill().await?;
    let status = process.ended(SOON).await?;
    assert_eq!(std::os::unix::process::ExitStatusExt::signal(&status), Some(9));
    assert_eq!(process.log(), "hello");
    Ok(())
}

#[tokio::test]
async fn a_process_that_ends_instead_of_getting_ready_fails_with_its_log() {
    let error = shell("echo nothing; echo 'no such disk' >&2; exit 3").start().await.unwrap_err();
    let text = error.to_string();
    assert!(text.contains("exit status: 3"), "{text}");
    assert!(text.contains("no such disk"), "{text}");
}

#[tokio::test]
async fn a_restart_runs_the_same_command_on_the_same_data() -> anyhow::Result<()> {
    let folder = conman_testkit::folder()?;
    let script =
        r#"echo x >> "$DATA/starts"; printf '{"starts": %d}\n' $(wc -l < "$DATA/starts"); exec sleep 1000"#;
    let mut process = shell(script).env("DATA", folder.path()).start().await?;
    assert_eq!(process.ready()["starts"], 1);
    assert!(process.restart().await.is_err(), "it still runs");
    process.kill().await?;
    process.restart().await?;
    assert_eq!(process.ready()["starts"], 2);
    Ok(())
}

#[tokio::test]
async fn stopping_asks_first() -> anyhow::Result<()> {
    let script = r#"trap 'echo draining; exit 0' TERM; echo '{}'; while :; do sleep 0.05; done"#;
    let mut process = shell(script).start().await?;
    let status = process.stop().await?;
    assert!(status.success(), "{status}");
    assert!(process.output().contains("draining"));
    Ok(())
}

#[tokio::test]
async fn a_process_goes_with_its_value() -> anyhow::Result<()> {
    let folder = conman_testkit::folder()?;
    let pipe = folder.path().join("pipe");
    let made = std::process::Command::new("mkfifo").arg(&pipe).status()?;
    assert!(made.success());
    // Opened for writing by the process alone: it ends when the process does.
    let mut reader = tokio::net::unix::pipe::OpenOptions::new().open_receiver(&pipe)?;
    let process = shell(r#"exec 9>"$PIPE"; echo alive >&9; echo '{}'; exec sleep 1000"#).env("PIPE", &pipe);
    let process = process.start().await?;
    drop(process);
    let mut written = String::new();
    tokio::time::timeout(SOON, reader.read_to_string(&mut written)).await.expect("the process still runs")?;
    assert_eq!(written, "alive\n");
    Ok(())
}
