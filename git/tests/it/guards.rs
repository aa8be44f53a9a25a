//! The tree verifier, at every entrance that takes trees made elsewhere.

use crate::common::{Lab, app, git_ok};
use conman_domain::TreeId;
use conman_git::{GitError, ImportSource};
use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

/// Writes an object as it is, with no check at all.
fn raw_object(git_dir: &Path, kind: &str, bytes: &[u8]) -> String {
    let mut child = Command::new("git")
        .arg("-C")
        .arg(git_dir)
        .args(["hash-object", "-t", kind, "-w", "--stdin", "--literally"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(bytes).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success());
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// Mode, name and id.
type RawEntry<'e> = (&'e str, &'e [u8], &'e str);

fn raw_tree(git_dir: &Path, entries: &[RawEntry<'_>]) -> String {
    let mut bytes = Vec::new();
    for (mode, name, id) in entries {
        bytes.extend_from_slice(mode.as_bytes());
        bytes.push(b' ');
        bytes.extend_from_slice(name);
        bytes.push(0);
        bytes.extend((0..20).map(|at| u8::from_str_radix(&id[2 * at..2 * at + 2], 16).unwrap()));
    }
    raw_object(git_dir, "tree", &bytes)
}

#[tokio::test]
async fn hostile_trees_are_refused_and_leave_nothing() {
    let lab = Lab::new(&[("a.yml", "a: 1\n")]).await;
    let source = lab.folder.path().join("source");
    fs::create_dir(&source).unwrap();
    git_ok(&source, &["init", "-q", "-b", "main"]);
    let blob = raw_object(&source, "blob", b"text\n");
    let blob = blob.as_str();
    let folder = raw_tree(&source, &[("100644", b"x", blob)]);
    let folder = folder.as_str();
    let mut deep = folder.to_owned();
    for _ in 0..40 {
        deep = raw_tree(&source, &[("40000", b"d", &deep)]);
    }
    let long = vec![b'a'; 300];
    let submodule = git_ok(&source, &["commit-tree", "-m", "sub", folder]);
    let file = |name: &'static [u8]| vec![("100644", name, blob)];
    let cases: Vec<(&str, Vec<RawEntry<'_>>)> = vec![
        ("symlink", vec![("120000", b"link", blob)]),
        ("submodule", vec![("160000", b"module", &submodule)]),
        ("bad_mode", vec![("100664", b"a", blob)]),
        ("bad_mode", vec![("100600", b"a", blob)]),
        ("bad_mode", vec![("040000", b"a", folder)]),
        ("unsorted", vec![("100644", b"b", blob), ("100644", b"a", blob)]),
        ("unsorted", vec![("40000", b"a", folder), ("100644", b"a.yml", blob)]),
        ("duplicate_name", vec![("100644", b"a", blob), ("100644", b"a", blob)]),
        ("duplicate_name", vec![("100644", b"a", blob), ("40000", b"a", folder)]),
        ("duplicate_name", vec![("100644", b"a", blob), ("100644", b"a.b", blob), ("40000", b"a", folder)]),
        ("empty_component", file(b"")),
        ("dot_component", file(b"..")),
        ("dot_component", file(b".")),
        ("dot_git", file(b".GIT")),
        ("dot_git", file(b"git~1")),
        ("dot_git", file(b"GIT~2")),
        ("trailing_dot_or_space", file(b".git.")),
        ("trailing_dot_or_space", file(b".git ")),
        ("reserved_character", file(b".git::$INDEX_ALLOCATION")),
        ("invisible_character", file(".g\u{200c}it".as_bytes())),
        ("invisible_character", file("\u{202e}.git".as_bytes())),
        ("git_control_file", file(b".gitmodules")),
        ("git_control_file", file(b"gitmod~1")),
        ("git_control_file", file(b".gitattributes")),
        ("git_control_file", file(b".lfsconfig")),
        ("backslash", file(b"a\\..\\b")),
        ("control_character", file(b"a\nb")),
        ("control_character", file(b"a\x1b[0m")),
        ("not_utf8", file(b"a\xff")),
        ("not_nfc", file("e\u{301}.yml".as_bytes())),
        ("device_name", file(b"CON")),
        ("reserved_character", file(b"a:b")),
        ("leading_dash", file(b"-rf")),
        ("leading_dash", file(b"--upload-pack=x")),
        ("component_too_long", vec![("100644", &long, blob)]),
        ("case_clash", vec![("100644", b"A.yaml", blob), ("100644", b"a.yaml", blob)]),
        ("case_clash", vec![("40000", b"A", folder), ("40000", b"a", folder)]),
        ("too_deep", vec![("40000", b"d", &deep)]),
        ("empty_folder", vec![("40000", b"d", "4b825dc642cb6eb9a060e54bf8d69288fbee4904")]),
    ];
    raw_object(&source, "tree", b"");
    for (rule, entries) in cases {
        let bare = raw_tree(&source, &entries);
        // Hidden one folder down, beside an ordinary file.
        let nested = raw_tree(&source, &[("100644", b"ok.yml", blob), ("40000", b"x", &bare)]);
        for tree in [&bare, &nested] {
            let commit = git_ok(&source, &["commit-tree", "-m", "evil", tree]);
            git_ok(&source, &["update-ref", "refs/heads/main", &commit]);
            let import = ImportSource::Local(source.clone());
            let error = lab.repositories.import(app(2), import, &lab.main).await.unwrap_err();
            // Git's own check comes first and refuses many of them; ours must refuse every one.
            assert!(
                matches!(error, GitError::Refused(_) | GitError::ImportRefused { .. }),
                "{rule}: {error:?}"
            );
            assert!(error.is_rejection());
            assert_eq!(fs::read_dir(lab.folder.path().join("repos")).unwrap().count(), 2, "{rule}");
        }
        for tree in [&bare, &nested] {
            let here = copy_objects(&source, &lab.git_dir(), tree);
            let error = lab.repository.verify_tree(here).await.unwrap_err();
            let GitError::Refused(refused) = error else { panic!("{rule}: {error:?}") };
            assert_eq!(refused.rule, rule, "{refused}");
            assert!(refused.path.chars().all(|c| !c.is_control()), "{refused}");
        }
    }
    let error = lab.repository.verify_tree(raw_into(&lab, b"100644 cut\0short")).await.unwrap_err();
    assert!(matches!(error, GitError::Refused(refused) if refused.rule == "malformed"));
}

fn raw_into(lab: &Lab, bytes: &[u8]) -> TreeId {
    raw_object(&lab.git_dir(), "tree", bytes).parse().unwrap()
}

/// Makes objects of one repository visible in another, as a copy of its files.
fn copy_objects(from: &Path, to: &Path, tree: &str) -> TreeId {
    fn copy(from: &Path, to: &Path) {
        for entry in fs::read_dir(from).unwrap() {
            let entry = entry.unwrap();
            let target = to.join(entry.file_name());
            if entry.file_type().unwrap().is_dir() {
                fs::create_dir_all(&target).unwrap();
                copy(&entry.path(), &target);
            } else if !target.exists() {
                fs::copy(entry.path(), &target).unwrap();
            }
        }
    }
    copy(&from.join(".git/objects"), &to.join("objects"));
    tree.parse().unwrap()
}

#[tokio::test]
async fn ordinary_trees_pass() {
    let lab =
        Lab::new(&[("a.yml", "a: 1\n"), ("a/b.yml", "b\n"), ("a-b.yml", "c\n"), ("été/x", "d\n")]).await;
    lab.repository.verify_tree(lab.tree(lab.first).await).await.unwrap();
    let blob = raw_object(&lab.git_dir(), "blob", b"text\n");
    let tree = raw_tree(&lab.git_dir(), &[("100755", b"run.sh", &blob)]);
    lab.repository.verify_tree(tree.parse().unwrap()).await.unwrap();
}
