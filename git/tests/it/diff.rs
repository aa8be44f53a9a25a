//! Changes and raw diffs.

use crate::common::{Lab, app, at, branch, git, new_commit, path, put, rules, workspace};
use conman_domain::TreeId;
use conman_git::{ChangeKind, DiffLimits, Edit, LineKind, RawDiff};
use proptest::prelude::*;

async fn trees(before: &[(&str, &str)], after: &[(&str, &[u8])]) -> (Lab, TreeId, TreeId) {
    let lab = Lab::in_memory(before).await;
    let files = after.iter().map(|(name, bytes)| (path(name), bytes.to_vec())).collect();
    let other =
        lab.repositories.create(app(2), &lab.main, files, crate::common::ana(), "After").await.unwrap();
    let other_dir = lab.git_dir().with_file_name(format!("{}.git", app(2)));
    let done = git(&lab.git_dir(), &["fetch", "-q", other_dir.to_str().unwrap(), "main:after"]);
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    let (from, to) = (lab.tree(lab.first).await, lab.tree(other).await);
    (lab, from, to)
}

fn plain(diff: &RawDiff) -> Vec<(LineKind, &str)> {
    diff.files
        .iter()
        .flat_map(|file| &file.hunks)
        .flat_map(|hunk| &hunk.lines)
        .map(|line| (line.kind, line.text.as_str()))
        .collect()
}

#[tokio::test]
async fn bytes_are_shown_as_they_are() {
    let (lab, from, to) = trees(
        &[("crlf.yml", "a\r\nb\r\n"), ("end.yml", "x\ny"), ("latin.yml", "caf\n"), ("pic.bin", "a\0b")],
        &[
            ("crlf.yml", b"a\r\nc\r\n"),
            ("end.yml", b"x\ny\n"),
            ("latin.yml", b"caf\xe9\n"),
            ("new.yml", b""),
            ("pic.bin", b"a\0c"),
        ],
    )
    .await;
    let diff = lab.repository.raw_diff(from, to, DiffLimits::default()).await.unwrap();
    let [crlf, end, latin, new, pic] = diff.files.as_slice() else { panic!("{diff:#?}") };
    let lines: Vec<_> = crlf.hunks[0].lines.iter().map(|line| (line.kind, line.text.as_str())).collect();
    assert_eq!(
        lines,
        [(LineKind::Context, "a\r"), (LineKind::Deleted, "b\r"), (LineKind::Added, "c\r")],
        "a carriage return is part of the line"
    );
    let hunk = &crlf.hunks[0];
    assert_eq!((hunk.old_start, hunk.old_lines, hunk.new_start, hunk.new_lines), (1, 2, 1, 2));
    assert_eq!((hunk.lines[0].old_no, hunk.lines[0].new_no), (Some(1), Some(1)));
    assert_eq!((hunk.lines[1].old_no, hunk.lines[1].new_no), (Some(2), None));
    assert_eq!((hunk.lines[2].old_no, hunk.lines[2].new_no), (None, Some(2)));
    assert!(hunk.header.starts_with("@@ -1,2 +1,2 @@"), "{}", hunk.header);
    let ends: Vec<_> = end.hunks[0].lines.iter().map(|line| (line.text.as_str(), line.no_newline)).collect();
    assert_eq!(ends, [("x", false), ("y", true), ("y", false)]);
    assert_eq!(latin.hunks[0].lines[1].text, "caf\u{fffd}");
    assert!(latin.hunks[0].lines[1].lossy && !latin.hunks[0].lines[0].lossy);
    assert!(new.hunks.is_empty() && !new.binary && new.change.kind == ChangeKind::Added);
    assert!(pic.binary && pic.hunks.is_empty());
    assert!(!diff.truncated);
}

#[tokio::test]
async fn limits_cut_and_say_so() {
    let long: String = (0..500).map(|line| format!("{line}\n")).collect();
    let (lab, from, to) =
        trees(&[], &[("a.yml", long.as_bytes()), ("b.yml", b"b\n"), ("c.yml", b"c\n")]).await;
    let limits = DiffLimits { max_file_lines: 100, ..DiffLimits::default() };
    let diff = lab.repository.raw_diff(from, to, limits).await.unwrap();
    assert!(diff.truncated && diff.files[0].truncated && !diff.files[1].truncated);
    assert_eq!(diff.files[0].hunks[0].lines.len(), 100);
    let limits = DiffLimits { max_files: 1, ..DiffLimits::default() };
    let diff = lab.repository.raw_diff(from, to, limits).await.unwrap();
    assert_eq!(diff.files.iter().map(|file| file.truncated).collect::<Vec<_>>(), [false, true, true]);
    let limits = DiffLimits { max_file_bytes: 100, ..DiffLimits::default() };
    let diff = lab.repository.raw_diff(from, to, limits).await.unwrap();
    assert!(diff.files[0].truncated && diff.files[0].hunks.is_empty());
    let limits = DiffLimits { max_lines: 501, ..DiffLimits::default() };
    let diff = lab.repository.raw_diff(from, to, limits).await.unwrap();
    assert_eq!(plain(&diff).len(), 501);
    assert!(diff.files[2].truncated);
}

#[tokio::test]
async fn a_rename_is_one_change() {
    let text: String = (0..20).map(|line| format!("line {line}\n")).collect();
    let lab = Lab::new(&[("a.yml", &text), ("gone.yml", "x\n")]).await;
    let (id, ws) = (workspace(1), branch("ws/ana/lab"));
    lab.repository.workspace_create(id, &ws, lab.first).await.unwrap();
    let tree = lab.tree(lab.first).await;
    let (a, gone) = (lab.blob(tree, "a.yml").await.unwrap(), lab.blob(tree, "gone.yml").await.unwrap());
    let edits = vec![
        Edit::Delete { path: path("a.yml"), expected: a },
        put("things/b.yml", None, &text.replace("line 7\n", "changed\n")),
        Edit::Delete { path: path("gone.yml"), expected: gone },
    ];
    lab.repository.write(id, &ws, edits, &rules(), at(1)).await.unwrap();
    let head = lab.repository.commit_working(id, &ws, new_commit("Rename")).await.unwrap().unwrap();
    let changes = lab.repository.changes(tree, lab.tree(head).await).await.unwrap();
    let [deleted, renamed] = changes.as_slice() else { panic!("{changes:?}") };
    assert_eq!((deleted.kind, deleted.path.as_str()), (ChangeKind::Deleted, "gone.yml"));
    assert_eq!((renamed.kind, renamed.path.as_str()), (ChangeKind::Renamed, "things/b.yml"));
    assert_eq!((renamed.old_path.as_ref(), renamed.old_blob), (Some(&path("a.yml")), Some(a)));
    let diff = lab.repository.raw_diff(tree, lab.tree(head).await, DiffLimits::default()).await.unwrap();
    let changed: Vec<_> = plain(&diff).into_iter().filter(|(kind, _)| *kind != LineKind::Context).collect();
    assert_eq!(
        changed,
        [(LineKind::Deleted, "x"), (LineKind::Deleted, "line 7"), (LineKind::Added, "changed")]
    );
}

/// What `git diff-tree -M50%` says, as lines of letter, old path, path.
fn by_git(lab: &Lab, from: TreeId, to: TreeId) -> Vec<String> {
    let output = git(
        &lab.git_dir(),
        &["diff-tree", "-r", "-M50%", "-z", "--name-status", &from.to_string(), &to.to_string()],
    );
    let text = String::from_utf8(output.stdout).unwrap();
    let mut parts = text.split('\0').filter(|part| !part.is_empty());
    let mut lines = Vec::new();
    while let Some(letter) = parts.next() {
        let letter = &letter[..1];
        let old = if letter == "R" { parts.next().unwrap() } else { "" };
        lines.push(format!("{letter} {old} {}", parts.next().unwrap()));
    }
    lines.sort();
    lines
}

async fn by_us(lab: &Lab, from: TreeId, to: TreeId) -> Vec<String> {
    let changes = lab.repository.changes(from, to).await.unwrap();
    let mut lines: Vec<String> = changes
        .into_iter()
        .map(|change| {
            let letter = match change.kind {
                ChangeKind::Added => "A",
                ChangeKind::Modified => "M",
                ChangeKind::Deleted => "D",
                ChangeKind::Renamed => "R",
            };
            format!(
                "{letter} {} {}",
                change.old_path.map(|path| path.to_string()).unwrap_or_default(),
                change.path
            )
        })
        .collect();
    lines.sort();
    lines
}

proptest! {
    #![proptest_config(ProptestConfig {
        failure_persistence: None,
        ..ProptestConfig::with_cases(std::env::var("PROPTEST_CASES").ok().and_then(|n| n.parse().ok()).unwrap_or(24))
    })]

    /// Every file keeps a random share of its lines and may move: renames must be those that Git sees.
    #[test]
    fn changes_are_those_of_git(files in prop::collection::vec((0..20usize, 0..4u8, 5..40usize), 1..8)) {
        let folders = ["a", "b", "c/d"];
        let text = |number: usize, lines: usize, changed: usize| -> String {
            (0..lines)
                .map(|line| if line < changed { format!("new {line} of {number}\n") } else { format!("old {line} of file {number}\n") })
                .collect()
        };
        let mut before = Vec::new();
        let mut after = Vec::new();
        for (number, (changed, place, lines)) in files.iter().enumerate() {
            before.push((format!("a/f{number}.yml"), text(number, *lines, 0)));
            if *place < 3 {
                // The file number in the name makes some base names stay and some change.
                let name = if changed % 2 == 0 { format!("f{number}.yml") } else { format!("g{number}.yml") };
                after.push((format!("{}/{name}", folders[usize::from(*place)]), text(number, *lines, *changed)));
            }
        }
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let before: Vec<_> = before.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
            let after: Vec<_> = after.iter().map(|(name, text)| (name.as_str(), text.as_bytes())).collect();
            let (lab, from, to) = trees(&before, &after).await;
            assert_eq!(by_us(&lab, from, to).await, by_git(&lab, from, to));
        });
    }
}
