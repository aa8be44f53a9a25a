//! The files that every test's app begins with.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

/// A page long enough that changes to its ends do not touch.
pub(crate) const LIST_PAGE: &str = include_str!("../sample/pages/list.yml");

const FILES: [(&str, &str); 6] = [
    ("README.md", include_str!("../sample/README.md")),
    ("entities/patient.yml", include_str!("../sample/entities/patient.yml")),
    ("pages/list.yml", LIST_PAGE),
    ("pages/detail.yml", include_str!("../sample/pages/detail.yml")),
    ("menus/main.yml", include_str!("../sample/menus/main.yml")),
    ("catalog/ward.yml", include_str!("../sample/catalog/ward.yml")),
];

/// Runs Git, without the settings of whoever runs the test, and answers what it printed.
pub(crate) fn git(folder: &Path, arguments: &[&str], input: &[u8]) -> Vec<u8> {
    let mut child = Command::new("git")
        .args([
            "-c",
            "user.name=Somebody",
            "-c",
            "user.email=somebody@lab.example",
            "-c",
            "protocol.file.allow=always",
        ])
        .args(arguments)
        .current_dir(folder)
        .env_clear()
        .env("PATH", std::env::var_os("PATH").expect("there is a PATH"))
        .env("HOME", folder)
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("these tests need Git");
    child.stdin.take().expect("it is piped").write_all(input).expect("Git reads its input");
    let output = child.wait_with_output().expect("Git ends");
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "git {arguments:?}: {told}");
    output.stdout
}

/// Makes a repository in an empty folder whose `main` holds the sample files, and answers a bundle of it.
pub(crate) fn sample_bundle(folder: &Path) -> Vec<u8> {
    let mut stream =
        b"commit refs/heads/main\ncommitter Somebody <somebody@lab.example> 1700000000 +0000\ndata 5\nBegin"
            .to_vec();
    stream.push(b'\n');
    for (path, text) in FILES {
        stream.extend_from_slice(format!("M 100644 inline {path}\ndata {}\n{text}\n", text.len()).as_bytes());
    }
    stream.extend_from_slice(b"done\n");
    git(folder, &["init", "-q", "--bare", "-b", "main", "."], b"");
    git(folder, &["fast-import", "--quiet", "--done"], &stream);
    git(folder, &["bundle", "create", "-q", "-", "main"], b"")
}
