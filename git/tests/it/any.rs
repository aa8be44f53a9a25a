//! Any repository of the machine, compared and left alone.

use crate::common::{git_ok, git_with};
use conman_git::{ChangedFile, GitError, Missing, compare_revisions};
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

const LONG: &str =
    "name: patient\nfields:\n  - name: id\n  - name: email\n  - name: phone\n  - name: address\n";

/// A repository with one commit of some files.
struct Source {
    folder: TempDir,
}

impl Source {
    fn new(files: &[(&str, &str)]) -> Self {
        let source = Self { folder: tempfile::tempdir().unwrap() };
        git_ok(source.path(), &["init", "-q", "-b", "main"]);
        for (name, text) in files {
            source.write(name, text);
        }
        source.commit();
        source
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn file(&self, name: &str) -> PathBuf {
        self.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        fs::create_dir_all(self.file(name).parent().unwrap()).unwrap();
        fs::write(self.file(name), text).unwrap();
    }

    fn commit(&self) -> String {
        git_ok(self.path(), &["add", "-A"]);
        git_ok(self.path(), &["commit", "-q", "--allow-empty", "-m", "Step"]);
        git_ok(self.path(), &["rev-parse", "HEAD"])
    }

    fn last_change(&self) -> Vec<ChangedFile> {
        compare_revisions(self.path(), "HEAD~", "HEAD").unwrap().files
    }
}

fn changed(path: &str, old: Option<&str>, new: Option<&str>) -> ChangedFile {
    let bytes = |text: Option<&str>| text.map(|text| text.as_bytes().to_vec());
    ChangedFile { path: path.to_owned(), old_path: None, old: bytes(old), new: bytes(new) }
}

#[test]
fn added_changed_and_deleted_files_come_sorted_with_both_contents() {
    let source = Source::new(&[("b/gone.yml", "x: 1\n"), ("c.yml", "y: 1\n"), ("same.yml", "z: 1\n")]);
    fs::remove_file(source.file("b/gone.yml")).unwrap();
    source.write("c.yml", "y: 2\n");
    source.write("a/new.yml", "something: else\n");
    let head = source.commit();
    let base = git_ok(source.path(), &["rev-parse", "HEAD~"]);

    let comparison = compare_revisions(source.path(), "HEAD~", "main").unwrap();
    assert_eq!((comparison.base, comparison.head), (base, head));
    let expected = [
        changed("a/new.yml", None, Some("something: else\n")),
        changed("b/gone.yml", Some("x: 1\n"), None),
        changed("c.yml", Some("y: 1\n"), Some("y: 2\n")),
    ];
    assert_eq!(comparison.files, expected);
}

#[test]
fn a_renamed_file_is_one_change() {
    let source = Source::new(&[("entities/patient.yml", LONG)]);
    fs::remove_file(source.file("entities/patient.yml")).unwrap();
    let text = LONG.replace("phone", "mobile");
    source.write("entities/person.yml", &text);
    source.commit();

    let mut expected = changed("entities/person.yml", Some(LONG), Some(&text));
    expected.old_path = Some("entities/patient.yml".to_owned());
    assert_eq!(source.last_change(), [expected]);
}

#[test]
fn a_revision_may_be_any_name_of_a_commit_or_a_tree() {
    let source = Source::new(&[("a/x.yml", "x: 1\n"), ("b/x.yml", "x: 2\n")]);
    git_ok(source.path(), &["tag", "-a", "-m", "One", "v1"]);
    let first = git_ok(source.path(), &["rev-parse", "HEAD"]);
    source.write("a/x.yml", "x: 3\n");
    source.commit();

    let comparison = compare_revisions(&source.file("a"), "v1", &first[..10]).unwrap();
    assert_eq!((comparison.base, comparison.files), (first, vec![]));
    let comparison = compare_revisions(source.path(), "v1:a", "v1:b").unwrap();
    assert_eq!(comparison.base, git_ok(source.path(), &["rev-parse", "v1:a"]));
    assert_eq!(comparison.files, [changed("x.yml", Some("x: 1\n"), Some("x: 2\n"))]);
}

#[test]
fn bare_repositories_and_worktrees_are_repositories_too() {
    let source = Source::new(&[("x.yml", "x: 1\n")]);
    source.write("x.yml", "x: 2\n");
    source.commit();
    let outside = tempfile::tempdir().unwrap();
    let (bare, tree) = (outside.path().join("bare"), outside.path().join("tree"));
    let name = |path: &Path| path.to_str().unwrap().to_owned();
    git_ok(outside.path(), &["clone", "-q", "--bare", &name(source.path()), &name(&bare)]);
    git_ok(source.path(), &["worktree", "add", "-q", "-b", "other", &name(&tree)]);
    for dir in [&bare, &tree] {
        let comparison = compare_revisions(dir, "HEAD~", "HEAD").unwrap();
        assert_eq!(comparison.files, [changed("x.yml", Some("x: 1\n"), Some("x: 2\n"))]);
    }
}

#[test]
fn what_does_not_exist_is_named() {
    let source = Source::new(&[("x.yml", "x: 1\n")]);
    for unknown in ["nowhere", "a", "HEAD~7", "HEAD:x.yml", "HEAD..HEAD", "", "a b"] {
        let error = compare_revisions(source.path(), "HEAD", unknown).unwrap_err();
        assert_eq!(error.to_string(), format!("no such revision `{unknown}`"));
        assert!(error.is_rejection());
    }
    let outside = tempfile::tempdir().unwrap();
    let error = compare_revisions(outside.path(), "HEAD", "HEAD").unwrap_err();
    assert!(matches!(error, GitError::NotFound(Missing::Repository)), "{error:?}");
}

#[test]
fn a_symlink_is_its_target_and_a_submodule_is_nothing() {
    let source = Source::new(&[("file", "text\n"), ("x.yml", "x: 1\n")]);
    let first = git_ok(source.path(), &["rev-parse", "HEAD"]);
    symlink("file", source.file("link")).unwrap();
    git_ok(source.path(), &["add", "-A"]);
    git_ok(source.path(), &["update-index", "--add", "--cacheinfo", &format!("160000,{first},module")]);
    git_ok(source.path(), &["commit", "-q", "-m", "Step"]);
    assert_eq!(source.last_change(), [changed("link", None, Some("file"))]);

    // A submodule where a file was: the file is gone.
    git_ok(source.path(), &["rm", "-q", "--cached", "x.yml"]);
    git_ok(source.path(), &["update-index", "--add", "--cacheinfo", &format!("160000,{first},x.yml")]);
    git_ok(source.path(), &["commit", "-q", "-m", "Step"]);
    assert_eq!(source.last_change(), [changed("x.yml", Some("x: 1\n"), None)]);
}

#[test]
fn paths_that_are_not_utf8_are_told_as_well_as_they_can_be() {
    let source = Source::new(&[]);
    fs::write(source.path().join(OsStr::from_bytes(b"caf\xe9.yml")), "x: 1\n").unwrap();
    source.commit();
    assert_eq!(source.last_change(), [changed("caf\u{fffd}.yml", None, Some("x: 1\n"))]);
}

#[test]
fn nothing_of_the_repository_changes() {
    let source = Source::new(&[("x.yml", "x: 1\n")]);
    source.write("x.yml", "x: 2\n");
    source.commit();
    let listing = || {
        let output = git_with(source.path(), &["count-objects", "-v"], &[]);
        let refs = git_ok(source.path(), &["for-each-ref"]);
        (output.stdout, refs, git_ok(source.path(), &["status", "--porcelain"]))
    };
    let before = listing();
    assert_eq!(source.last_change().len(), 1);
    assert_eq!(listing(), before);
}
