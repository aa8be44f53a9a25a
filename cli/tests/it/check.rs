//! `conman check`: folders and revisions.

use crate::common::{PATIENCE, complaint, conman};
use conman_testkit::folder;
use serde_json::Value;
use std::fs;
use std::path::Path;
use std::process::Output;
use tokio::process::Command;

async fn check(words: &[&str]) -> Output {
    conman(&[&["check"], words].concat()).run(PATIENCE).await.unwrap()
}

fn printed(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn write(folder: &Path, name: &str, text: impl AsRef<[u8]>) {
    fs::create_dir_all(folder.join(name).parent().unwrap()).unwrap();
    fs::write(folder.join(name), text).unwrap();
}

async fn git(folder: &Path, words: &[&str]) {
    let mut command = Command::new("git");
    command
        .args(["-c", "user.name=Ana", "-c", "user.email=ana@lab.example"])
        .arg("-C")
        .arg(folder)
        .args(words);
    command.env("GIT_CONFIG_NOSYSTEM", "1").env("GIT_CONFIG_GLOBAL", "/dev/null");
    assert!(command.status().await.unwrap().success(), "{words:?}");
}

#[tokio::test]
async fn a_folder_without_mistakes_ends_well() {
    let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/clinical-lab/files");
    let output = check(&[fixture.to_str().unwrap()]).await;
    assert_eq!(output.status.code(), Some(0), "{}", complaint(&output));
    assert_eq!(printed(&output), "237 files checked, nothing found\n");
}

#[tokio::test]
async fn mistakes_are_told_by_file_and_end_with_1() {
    let place = folder().unwrap();
    write(
        place.path(),
        "entities/patient.yml",
        "type: entity\nname: patient\nfields:\n  - {name: age, type: int}\n",
    );
    write(
        place.path(),
        "pages/patient.yml",
        "type: page\nname: patient\nentity: patient\nfields:\n  - name: aeg\nlabell: Patient\n",
    );
    write(place.path(), "queues/broken.yml", "type: queue\nname: [\n");
    let output = check(&[place.path().to_str().unwrap()]).await;
    assert_eq!(output.status.code(), Some(1), "{}", complaint(&output));
    let text = printed(&output);
    assert!(!text.contains('\x1b'), "plain in a pipe: {text}");
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(
        lines[..6],
        [
            "pages/patient.yml",
            "  5:11  error    `fields[name=aeg]` refers to field `aeg` of entity `patient`, which is not there  reference",
            "                 did you mean `age`?",
            "  6:1   warning  `labell` is not a key that means something here  unknown_key",
            "                 did you mean `label`?",
            "",
        ],
        "{text}"
    );
    assert_eq!(lines[6], "queues/broken.yml");
    assert!(lines[7].contains("error") && lines[7].ends_with("  yaml"), "{text}");
    assert_eq!(lines.last(), Some(&"2 errors, 1 warning in 3 files"));
    let output = check(&["-o", "json", place.path().to_str().unwrap()]).await;
    assert_eq!(output.status.code(), Some(1));
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&report["files"], &report["errors"], &report["warnings"]), (&3.into(), &2.into(), &1.into()));
    let first = &report["findings"][0];
    assert_eq!(first["rule"], "reference");
    assert_eq!(
        (&first["severity"], &first["line"], &first["column"]),
        (&"error".into(), &5.into(), &11.into())
    );
}

#[tokio::test]
async fn a_revision_is_checked_whatever_lies_in_the_folder() {
    let place = folder().unwrap();
    let name = place.path().to_str().unwrap();
    git(place.path(), &["init", "-q", "-b", "main"]).await;
    write(place.path(), ".gitignore", "node_modules\n");
    write(place.path(), "menus/main.yml", "type: menu\nname: main\nitems:\n  - {name: a, page: a}\n");
    git(place.path(), &["add", "-A"]).await;
    git(place.path(), &["commit", "-q", "-m", "A menu without its page"]).await;
    write(place.path(), "pages/a.yml", "type: page\nname: a\n");
    write(place.path(), "node_modules/x/bad.yml", "a: [\n");
    git(place.path(), &["add", "-A"]).await;
    git(place.path(), &["commit", "-q", "-m", "The page"]).await;
    write(place.path(), "pages/b.yml", "a: [\n");

    assert_eq!(check(&["--repo", name, "HEAD~1"]).await.status.code(), Some(1));
    let output = check(&["--repo", name]).await;
    assert_eq!(printed(&output), "3 files checked, nothing found\n");
    assert_eq!(output.status.code(), Some(0));
    // The folder has a new file with a mistake; what Git ignores is passed over.
    let output = check(&[name]).await;
    assert_eq!(output.status.code(), Some(1));
    assert!(printed(&output).ends_with("1 error, 0 warnings in 4 files\n"), "{}", printed(&output));
}

#[tokio::test]
async fn what_cannot_be_checked_ends_with_2() {
    let place = folder().unwrap();
    let name = place.path().to_str().unwrap();
    for words in [vec!["/nowhere"], vec!["--repo", name], vec!["-o", "yaml", name]] {
        let output = check(&words).await;
        assert_eq!(output.status.code(), Some(2), "{words:?}: {}", complaint(&output));
    }
    git(place.path(), &["init", "-q"]).await;
    let output = check(&["--repo", name, "no-such-branch"]).await;
    assert_eq!(output.status.code(), Some(2));
    assert!(complaint(&output).contains("no-such-branch"), "{}", complaint(&output));
}

#[tokio::test]
async fn what_is_large_is_not_read_and_told_where_it_matters() {
    let place = folder().unwrap();
    let name = place.path().to_str().unwrap();
    // Sparse: a terabyte that no machine could read.
    for path in ["scan.tiff", "huge.yml"] {
        fs::File::create(place.path().join(path)).unwrap().set_len(1 << 40).unwrap();
    }
    let output = check(&[name]).await;
    assert_eq!(output.status.code(), Some(1), "{}", complaint(&output));
    let text = printed(&output);
    assert!(text.contains("at most 16 MiB are read of a file") && text.contains("huge.yml"), "{text}");
    assert!(text.ends_with("1 error, 0 warnings in 2 files\n"), "{text}");
    for path in ["scan.tiff", "huge.yml"] {
        fs::File::create(place.path().join(path)).unwrap().set_len(20 << 20).unwrap();
    }
    git(place.path(), &["init", "-q"]).await;
    git(place.path(), &["add", "-A"]).await;
    git(place.path(), &["commit", "-q", "-m", "Large files"]).await;
    let output = check(&["--repo", name]).await;
    assert!(printed(&output).ends_with("1 error, 0 warnings in 2 files\n"), "{}", printed(&output));
}

#[cfg(unix)]
#[tokio::test]
async fn links_and_names_that_no_app_takes_are_told() {
    let place = folder().unwrap();
    std::os::unix::fs::symlink("/etc/passwd", place.path().join("passwd.yml")).unwrap();
    write(place.path(), "con.yml", "a: 1\n");
    let output = check(&[place.path().to_str().unwrap()]).await;
    assert_eq!(output.status.code(), Some(1));
    let text = printed(&output);
    assert!(text.contains("`passwd.yml` is a link") && text.contains("`con.yml`"), "{text}");
    assert!(!text.contains("root:"), "{text}");
}
