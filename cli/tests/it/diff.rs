//! `conman diff`: revisions, files, folders, and Git that calls it.

use crate::common::{PATIENCE, complaint, conman};
use serde_json::{Value, json};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Output;
use tempfile::TempDir;
use tokio::process::Command;

const OLD: &str = "type: entity\nname: patient\nfields:\n  - name: id\n    type: string\n";
const NEW: &str = "type: entity\nname: patient\nfields:\n  - name: id\n    type: string\n  - name: email\n    type: string\n";

/// A folder with files, and what is done there.
struct Place {
    folder: TempDir,
}

impl Place {
    fn new(files: &[(&str, &str)]) -> Self {
        let place = Self { folder: conman_testkit::folder().unwrap() };
        for (name, text) in files {
            place.write(name, text);
        }
        place
    }

    /// A repository with one commit of the files.
    async fn repository(files: &[(&str, &str)]) -> Self {
        let place = Self::new(files);
        place.git(&["init", "-q", "-b", "main"]).await;
        place.commit().await;
        place
    }

    fn at(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn name(&self, name: &str) -> String {
        self.at(name).to_str().unwrap().to_owned()
    }

    fn write(&self, name: &str, text: &str) {
        fs::create_dir_all(self.at(name).parent().unwrap()).unwrap();
        fs::write(self.at(name), text).unwrap();
    }

    async fn commit(&self) -> String {
        self.git(&["add", "-A"]).await;
        self.git(&["commit", "-q", "-m", "Step"]).await;
        self.git(&["rev-parse", "HEAD"]).await.trim().to_owned()
    }

    async fn git(&self, words: &[&str]) -> String {
        let output = git(self.folder.path(), words).await;
        assert!(output.status.success(), "{words:?}: {}", complaint(&output));
        String::from_utf8(output.stdout).unwrap()
    }
}

/// Git without the settings of the machine and its user.
async fn git(folder: &Path, words: &[&str]) -> Output {
    let mut command = Command::new("git");
    command.args(["-c", "user.name=Ana", "-c", "user.email=ana@lab.example", "-c", "safe.directory=*"]);
    command.arg("-C").arg(folder).args(words).env_clear();
    command.env("PATH", std::env::var_os("PATH").unwrap()).env("HOME", "/nonexistent");
    command.env("GIT_CONFIG_NOSYSTEM", "1").env("GIT_CONFIG_GLOBAL", "/dev/null");
    command.output().await.unwrap()
}

async fn diff(words: &[&str]) -> Output {
    conman(&[&["diff"], words].concat()).run(PATIENCE).await.unwrap()
}

/// What it prints where it can compare.
async fn printed(words: &[&str]) -> String {
    let output = diff(words).await;
    assert_eq!(output.status.code(), Some(0), "{words:?}: {}", complaint(&output));
    String::from_utf8(output.stdout).unwrap()
}

async fn answered(words: &[&str]) -> Value {
    serde_json::from_str(&printed(&[words, &["-o", "json"]].concat()).await).unwrap()
}

/// The operation and file of every change.
fn told(answer: &Value) -> Vec<(String, String)> {
    let text = |change: &Value, key: &str| change[key].as_str().unwrap().to_owned();
    let changes = answer["changes"].as_array().unwrap();
    changes.iter().map(|change| (text(change, "operation"), text(change, "filePath"))).collect()
}

fn pair(operation: &str, path: &str) -> (String, String) {
    (operation.to_owned(), path.to_owned())
}

#[tokio::test]
async fn two_files_answer_as_the_api_does() {
    let place = Place::new(&[("old.yml", OLD), ("new.yml", NEW)]);
    let (old, new) = (place.name("old.yml"), place.name("new.yml"));
    let answer = answered(&[&old, &new]).await;
    assert_eq!((&answer["baseSha"], &answer["headSha"]), (&json!(old), &json!(new)));
    assert_eq!(answer["summary"]["totalChanges"], 1);
    assert_eq!(answer["summary"]["byConfigType"]["entity"], 1);
    assert_eq!(told(&answer), [pair("added", &new)]);
    assert_eq!(
        (&answer["changes"][0]["lineStart"], &answer["changes"][0]["lineEnd"]),
        (&json!(6), &json!(7))
    );

    let table = printed(&[&old, &new]).await;
    let lines: Vec<&str> = table.lines().collect();
    assert_eq!((lines.len(), lines[0], lines[3]), (4, &*new, "1 change: 1 entity"), "{table}");
    assert!(lines[1].starts_with("  + 6-7  ") && lines[1].contains("email"), "{table}");
    assert!(!table.contains('`'), "{table}");

    let markdown = printed(&[&old, &new, "-o", "markdown"]).await;
    assert!(markdown.starts_with("### ") && markdown.contains("`email`"), "{markdown}");

    assert_eq!(printed(&[&new, &new]).await, "No changes.\n");
    assert_eq!(told(&answered(&["/dev/null", &new]).await), [pair("added", &new)]);
    assert_eq!(told(&answered(&[&old, "/dev/null"]).await), [pair("removed", &old)]);
}

#[tokio::test]
async fn two_folders_are_compared_file_by_file() {
    let place = Place::new(&[
        ("a/.git/config", "one"),
        ("a/entities/moved.yml", NEW),
        ("a/same.txt", "same\n"),
        ("a/gone.txt", "gone\n"),
        ("b/.git/config", "two"),
        ("b/entities/deep/moved.yml", NEW),
        ("b/same.txt", "same\n"),
        ("b/new/one.txt", "new\n"),
        ("elsewhere/secret.txt", "secret\n"),
    ]);
    std::os::unix::fs::symlink("../elsewhere", place.at("b/link")).unwrap();
    let answer = answered(&[&place.name("a"), &place.name("b")]).await;
    assert_eq!(answer["baseSha"], json!(place.name("a")));
    let expected = [
        pair("moved", "entities/deep/moved.yml"),
        pair("removed", "gone.txt"),
        pair("added", "link"),
        pair("added", "new/one.txt"),
    ];
    assert_eq!(told(&answer), expected, "{answer:#}");
    assert!(!answer.to_string().contains("secret"), "{answer:#}");
}

#[tokio::test]
async fn revisions_are_of_the_named_repository() {
    let place = Place::repository(&[("entities/patient.yml", OLD), ("notes.txt", "one\n")]).await;
    let first = place.git(&["rev-parse", "HEAD"]).await.trim().to_owned();
    place.write("entities/patient.yml", NEW);
    let second = place.commit().await;
    let repo = place.name("");

    let answer = answered(&["--repo", &repo, "HEAD~", "main"]).await;
    assert_eq!((&answer["baseSha"], &answer["headSha"]), (&json!(first), &json!(second)));
    assert_eq!(told(&answer), [pair("added", "entities/patient.yml")]);

    let same = diff(&["--exit-code", "--repo", &repo, "HEAD", "HEAD"]).await;
    assert_eq!((same.status.code(), &*same.stdout), (Some(0), &b"No changes.\n"[..]));
    let other = diff(&["--exit-code", "--repo", &repo, "HEAD~", "HEAD"]).await;
    assert_eq!((other.status.code(), &*complaint(&other)), (Some(1), ""));
    assert!(!other.stdout.is_empty());
}

#[tokio::test]
async fn what_cannot_be_compared_is_named() {
    let place = Place::repository(&[("x.yml", "x: 1\n")]).await;
    let output = diff(&["--repo", &place.name(""), "HEAD", "nowhere"]).await;
    assert_eq!((output.status.code(), &*output.stdout), (Some(1), &b""[..]));
    assert!(complaint(&output).contains("no such revision `nowhere`"), "{}", complaint(&output));

    let outside = conman_testkit::folder().unwrap();
    let output = diff(&["--repo", outside.path().to_str().unwrap(), "HEAD", "HEAD"]).await;
    assert_eq!(output.status.code(), Some(1));
    assert!(complaint(&output).contains("no such repository"), "{}", complaint(&output));

    for words in
        [&[][..], &["one"], &["one", "two", "three"], &["one", "two", "-o", "xml"], &["--what", "a", "b"]]
    {
        let output = diff(words).await;
        assert_eq!(output.status.code(), Some(2), "{words:?}: {}", complaint(&output));
        assert!(!output.stderr.is_empty(), "{words:?}");
    }
}

#[tokio::test]
async fn git_calls_it_for_every_file_that_differs() {
    let place = Place::repository(&[
        ("entities/patient.yml", OLD),
        ("entities/with space.yml", NEW),
        ("gone.txt", "gone\n"),
        ("changed.txt", "one\n"),
    ])
    .await;
    place.write("entities/patient.yml", NEW);
    fs::rename(place.at("entities/with space.yml"), place.at("entities/renamed.yml")).unwrap();
    fs::remove_file(place.at("gone.txt")).unwrap();
    place.write("changed.txt", "two\n");
    place.write("new.txt", "new\n");
    let external = format!("diff.external='{}' diff", env!("CARGO_BIN_EXE_conman"));

    let working = place.git(&["-c", &external, "diff"]).await;
    assert!(working.contains("entities/patient.yml\n  + 6-7  "), "{working}");
    assert!(working.contains("gone.txt\n  - 1"), "{working}");
    assert!(!working.contains("diff --git") && !working.contains("new.txt"), "{working}");

    place.commit().await;
    let committed = place.git(&["-c", &external, "diff", "-M", "HEAD~", "HEAD"]).await;
    let heads: Vec<&str> =
        committed.lines().filter(|line| !line.starts_with(' ') && !line.is_empty()).collect();
    let expected = ["changed.txt", "entities/patient.yml", "entities/renamed.yml", "gone.txt", "new.txt"];
    assert_eq!(heads, expected, "{committed}");
    assert!(committed.contains("entities/renamed.yml\n  > "), "{committed}");
    assert!(committed.contains("new.txt\n  + 1"), "{committed}");
}

#[tokio::test]
async fn git_may_call_it_for_a_path_in_conflict() {
    let place = Place::repository(&[("x.txt", "one\n")]).await;
    place.git(&["checkout", "-q", "-b", "other"]).await;
    place.write("x.txt", "two\n");
    place.commit().await;
    place.git(&["checkout", "-q", "main"]).await;
    place.write("x.txt", "three\n");
    place.commit().await;
    assert_eq!(git(place.folder.path(), &["merge", "-q", "other"]).await.status.code(), Some(1));
    let external = format!("diff.external='{}' diff", env!("CARGO_BIN_EXE_conman"));
    let shown = place.git(&["-c", &external, "diff", "--cached"]).await;
    assert!(shown.contains("x.txt: unmerged\n"), "{shown}");
}

#[tokio::test]
async fn hostile_text_does_not_reach_the_terminal() {
    let hostile = "name: \"\\e[2Jcleared\"\nraw: \u{9b}2J\u{202e}\n";
    let place = Place::new(&[("a/x\x1b]0;title\x07.yml", "name: calm\nraw: calm\n"), ("b/other.txt", "x\n")]);
    place.write("b/x\x1b]0;title\x07.yml", hostile);
    place.write("b/y\x1b[2J.txt", "\x1b[2J\n");
    for format in ["table", "markdown"] {
        let text = printed(&[&place.name("a"), &place.name("b"), "-o", format]).await;
        assert!(text.contains("title"), "{text:?}");
        let steers = |c: char| (c.is_control() && c != '\n') || c == '\u{202e}';
        assert!(!text.contains(steers), "{text:?}");
    }
    let output = diff(&["--repo", &place.name(""), "\x1b[2J", "HEAD"]).await;
    assert_eq!(output.status.code(), Some(1));
    assert!(!complaint(&output).contains('\x1b'), "{:?}", complaint(&output));
}
