//! Histories from outside: what is taken, and what never is.

use crate::common::{Lab, app, at, branch, git, git_ok, new_commit, put, rules, workspace};
use conman_git::{GitError, ImportSource, LogPage};
use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};

/// A repository with three commits and a second branch.
fn source(folder: &Path) -> PathBuf {
    let source = folder.join("source");
    fs::create_dir(&source).unwrap();
    git_ok(&source, &["init", "-q", "-b", "main"]);
    fs::create_dir_all(source.join("entities")).unwrap();
    for number in 0..3 {
        fs::write(source.join("entities/a.yml"), format!("a: {number}\n")).unwrap();
        git_ok(&source, &["add", "."]);
        git_ok(&source, &["commit", "-q", "-m", &format!("Step {number}")]);
    }
    git_ok(&source, &["branch", "secret"]);
    source
}

/// Adds hooks and settings that would leave a mark if anything ran them.
fn poison(source: &Path) {
    let mark = format!("touch {}", source.join("owned").display());
    for setting in ["core.sshCommand", "core.fsmonitor", "uploadpack.packObjectsHook"] {
        git_ok(source, &["config", setting, &mark]);
    }
    for hook in ["post-checkout", "reference-transaction", "pre-receive", "post-index-change"] {
        fs::create_dir_all(source.join(".git/hooks")).unwrap();
        let file = source.join(".git/hooks").join(hook);
        fs::write(&file, format!("#!/bin/sh\n{mark}\n")).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).unwrap();
    }
}

async fn import(lab: &Lab, source: &Path) -> Result<conman_domain::CommitId, GitError> {
    lab.repositories.import(app(2), ImportSource::Local(source.to_owned()), &branch("main")).await
}

async fn refused(lab: &Lab, source: &Path) -> &'static str {
    let error = import(lab, source).await.unwrap_err();
    assert!(error.is_rejection(), "{error:?}");
    assert_eq!(fs::read_dir(lab.folder.path().join("repos")).unwrap().count(), 2, "something stayed");
    match error {
        GitError::ImportRefused { rule, .. } => rule,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_history_comes_with_its_objects_and_nothing_else() {
    let lab = Lab::new(&[]).await;
    let source = source(lab.folder.path());
    git_ok(&source, &["pack-refs", "--all"]);
    git_ok(&source, &["repack", "-adq"]);
    poison(&source);
    let head = import(&lab, &source).await.unwrap();
    assert_eq!(head.to_string(), git_ok(&source, &["rev-parse", "main"]));
    let repository = lab.repositories.get(app(2));
    let log = repository.log(head, LogPage { skip: 0, limit: 10 }).await.unwrap();
    assert_eq!(
        log.iter().map(|info| info.message.as_str()).collect::<Vec<_>>(),
        ["Step 2\n", "Step 1\n", "Step 0\n"]
    );
    let git_dir = lab.folder.path().join("repos").join(format!("{}.git", app(2)));
    assert_eq!(git_ok(&git_dir, &["for-each-ref", "--format=%(refname)"]), "refs/heads/main");
    assert_eq!(git_ok(&git_dir, &["symbolic-ref", "HEAD"]), "refs/heads/main");
    let config = fs::read_to_string(git_dir.join("config")).unwrap();
    assert!(!config.contains("sshCommand") && !config.contains("fsmonitor"), "{config}");
    assert!(!git_dir.join("hooks").exists() && !git_dir.join("objects/info/alternates").exists());
    assert!(!source.join("owned").exists());
    crate::common::fsck(&git_dir);
    assert_eq!(import(&lab, &source).await.unwrap(), head, "doing it again answers the same");
}

#[tokio::test]
async fn a_bundle_comes_without_what_its_branch_does_not_need() {
    let lab = Lab::new(&[]).await;
    let source = source(lab.folder.path());
    git_ok(&source, &["checkout", "-q", "secret"]);
    fs::write(source.join("secret.yml"), "secret").unwrap();
    git_ok(&source, &["add", "."]);
    git_ok(&source, &["commit", "-q", "-m", "Secret"]);
    let secret = git_ok(&source, &["rev-parse", "HEAD"]);
    let bundle = lab.folder.path().join("all.bundle");
    git_ok(&source, &["bundle", "create", "-q", bundle.to_str().unwrap(), "--all"]);
    let head = lab.repositories.import(app(2), ImportSource::Bundle(bundle), &branch("main")).await.unwrap();
    assert_eq!(head.to_string(), git_ok(&source, &["rev-parse", "main"]));
    let git_dir = lab.folder.path().join("repos").join(format!("{}.git", app(2)));
    assert!(!git(&git_dir, &["cat-file", "-e", &secret]).status.success());
    assert!(
        fs::read_dir(&git_dir).unwrap().all(|entry| !entry
            .unwrap()
            .file_name()
            .to_string_lossy()
            .contains("staging"))
    );

    let part = lab.folder.path().join("part.bundle");
    git_ok(&source, &["bundle", "create", "-q", part.to_str().unwrap(), "main~1..main"]);
    let junk = lab.folder.path().join("junk.bundle");
    fs::write(&junk, "# v2 git bundle\n").unwrap();
    let cut = lab.folder.path().join("cut.bundle");
    let whole = fs::read(lab.folder.path().join("all.bundle")).unwrap();
    fs::write(&cut, &whole[..whole.len() - 40]).unwrap();
    for (file, expected) in [(part, "not_self_contained"), (junk, "bad_bundle"), (cut, "damaged")] {
        let error =
            lab.repositories.import(app(3), ImportSource::Bundle(file), &branch("main")).await.unwrap_err();
        assert!(
            matches!(error, GitError::ImportRefused { rule, .. } if rule == expected),
            "{expected}: {error:?}"
        );
    }
}

#[tokio::test]
async fn what_reaches_outside_of_the_source_is_refused() {
    let lab = Lab::new(&[]).await;
    let source = source(lab.folder.path());
    assert_eq!(refused(&lab, &lab.folder.path().join("nothing")).await, "not_a_repository");
    assert_eq!(
        match lab
            .repositories
            .import(app(2), ImportSource::Local(source.clone()), &branch("none"))
            .await
            .unwrap_err()
        {
            GitError::ImportRefused { rule, .. } => rule,
            other => panic!("{other:?}"),
        },
        "branch_missing"
    );

    let info = source.join(".git/objects/info");
    fs::create_dir_all(&info).unwrap();
    fs::write(info.join("alternates"), lab.git_dir().join("objects").to_str().unwrap()).unwrap();
    assert_eq!(refused(&lab, &source).await, "not_self_contained");
    fs::remove_file(info.join("alternates")).unwrap();

    symlink("/etc/passwd", source.join(".git/refs/heads/evil")).unwrap();
    assert_eq!(refused(&lab, &source).await, "symlink");
    fs::remove_file(source.join(".git/refs/heads/evil")).unwrap();

    symlink(lab.git_dir().join("objects"), source.join(".git/objects/zz")).unwrap();
    assert_eq!(refused(&lab, &source).await, "symlink");
    fs::remove_file(source.join(".git/objects/zz")).unwrap();

    let elsewhere = lab.folder.path().join("elsewhere");
    fs::create_dir(&elsewhere).unwrap();
    fs::write(elsewhere.join(".git"), format!("gitdir: {}\n", source.join(".git").display())).unwrap();
    assert_eq!(refused(&lab, &elsewhere).await, "not_a_repository");

    let main = source.join(".git/refs/heads/main");
    let head = fs::read_to_string(&main).unwrap();
    for bad in ["ref: refs/heads/secret\n", "HEAD^{/x}\n", "--upload-pack=x\n", ""] {
        fs::write(&main, bad).unwrap();
        assert_eq!(refused(&lab, &source).await, "bad_ref", "{bad:?}");
    }
    fs::write(&main, format!("{}\n", "a".repeat(40))).unwrap();
    assert_eq!(refused(&lab, &source).await, "damaged");
    fs::write(&main, head).unwrap();
    import(&lab, &source).await.unwrap();
}

#[tokio::test]
async fn damaged_histories_are_refused() {
    let lab = Lab::new(&[]).await;
    let source = source(lab.folder.path());
    // An object of an older commit is gone: the head alone would be whole.
    let old = git_ok(&source, &["rev-parse", "main~2:entities/a.yml"]);
    let file = source.join(".git/objects").join(&old[..2]).join(&old[2..]);
    let bytes = fs::read(&file).unwrap();
    fs::remove_file(&file).unwrap();
    assert_eq!(refused(&lab, &source).await, "damaged");
    // And one whose content is not what its id says.
    let other = git_ok(&source, &["rev-parse", "main~1:entities/a.yml"]);
    fs::write(&file, fs::read(source.join(".git/objects").join(&other[..2]).join(&other[2..])).unwrap())
        .unwrap();
    assert_eq!(refused(&lab, &source).await, "damaged");
    fs::remove_file(&file).unwrap();
    fs::write(&file, bytes).unwrap();
    import(&lab, &source).await.unwrap();
}

#[tokio::test]
async fn executable_files_come_in_and_are_written_as_ordinary_ones() {
    let lab = Lab::new(&[]).await;
    let source = source(lab.folder.path());
    fs::write(source.join("run.sh"), "#!/bin/sh\n").unwrap();
    fs::write(source.join("other.sh"), "#!/bin/sh\nx\n").unwrap();
    git_ok(&source, &["add", "."]);
    git_ok(&source, &["update-index", "--chmod=+x", "run.sh", "other.sh"]);
    git_ok(&source, &["commit", "-q", "-m", "Scripts"]);
    let head = import(&lab, &source).await.unwrap();
    let repository = lab.repositories.get(app(2));
    let (id, ws) = (workspace(1), branch("ws/ana/lab"));
    repository.workspace_create(id, &ws, head).await.unwrap();
    let tree = repository.commit(head).await.unwrap().tree;
    let blob = |name: &'static str| {
        let repository = repository.clone();
        async move { repository.file(tree, &crate::common::path(name)).await.unwrap().unwrap().blob }
    };
    let edits = vec![
        put("run.sh", Some(blob("run.sh").await), "#!/bin/sh\necho\n"),
        conman_git::Edit::Move {
            from: crate::common::path("other.sh"),
            to: crate::common::path("moved.sh"),
            expected: blob("other.sh").await,
        },
    ];
    repository.write(id, &ws, edits, &rules(), at(1)).await.unwrap();
    let commit = repository.commit_working(id, &ws, new_commit("Edit")).await.unwrap().unwrap();
    let git_dir = lab.folder.path().join("repos").join(format!("{}.git", app(2)));
    let modes = git_ok(&git_dir, &["ls-tree", "--format=%(objectmode) %(path)", &commit.to_string()]);
    assert_eq!(modes, "040000 entities\n100644 moved.sh\n100644 run.sh");
}
