//! A process that is killed at any moment leaves a repository that is whole, and refs that are old or new.

use crate::common::{Lab, ana, app, at, branch, fsck, git_ok, new_commit, put, rules, workspace};
use conman_domain::CommitId;
use conman_git::{
    ComposeHooks, ComposeMember, ComposePlan, KeepName, MemberOutcome, Ownership, Repositories, SyncMode,
    SyncRequest,
};
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

const ROOT: &str = "CONMAN_GIT_CRASH_ROOT";
const WS: u128 = 7;

/// Works until it is killed: saves pairs of files, commits them, composes and syncs. Says what was acknowledged.
async fn work(root: &Path) {
    let repositories = Repositories::open(root, Ownership::Exclusive).await.unwrap();
    let repository = repositories.get(app(1));
    let (id, ws, main) = (workspace(WS), branch("ws/ana/lab"), branch("main"));
    let say = |line: String| println!("ACK {line}");
    for round in 0.. {
        let working = repository.working(id, &ws).await.unwrap();
        let stamp = format!("{} {round}\n", std::process::id());
        let mut edits = Vec::new();
        for side in ["left", "right"] {
            let name = format!("{side}/{}.yml", round % 5);
            let old = repository.file(working.tree, &crate::common::path(&name)).await.unwrap();
            edits.push(put(&name, old.map(|file| file.blob), &stamp));
        }
        let saved = repository.write(id, &ws, edits, &rules(), at(round)).await.unwrap();
        say(format!("tree {}", saved.tree));
        let Some(head) =
            repository.commit_working(id, &ws, new_commit(&format!("Round {stamp}"))).await.unwrap()
        else {
            continue;
        };
        say(format!("head {head}"));
        let base = repository.branch(&main).await.unwrap().unwrap();
        let plan = ComposePlan {
            base,
            members: vec![ComposeMember {
                label: "#1".into(),
                head,
                author: ana(),
                message: "Merge #1".into(),
            }],
            committer: ana(),
            keep: KeepName::other(&branch("crash")),
        };
        let composed = repository.compose(plan, ComposeHooks::default()).await.unwrap();
        assert!(matches!(composed.members[0], MemberOutcome::Merged { .. }));
        repository.advance(&main, base, composed.commit).await.unwrap();
        say(format!("main {}", composed.commit));
        let edits = vec![put(&format!("unsaved/{}.yml", stamp.trim().replace(' ', "-")), None, "x\n")];
        repository.write(id, &ws, edits, &rules(), at(round)).await.unwrap();
        let request =
            SyncRequest { onto: composed.commit, mode: SyncMode::Rebase, author: ana(), committer: ana() };
        repository.sync(id, &ws, request, Box::new(|_, _| Vec::new())).await.unwrap();
        say("synced -".to_owned());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_kill_at_any_moment_leaves_old_or_new() {
    if let Some(root) = std::env::var_os(ROOT) {
        return work(Path::new(&root)).await;
    }
    let lab = Lab::new(&[("a.yml", "a: 1\n")]).await;
    let ws = branch("ws/ana/lab");
    lab.repository.workspace_create(workspace(WS), &ws, lab.first).await.unwrap();
    let (git_dir, first) = (lab.git_dir(), lab.first);
    let Lab { folder, repositories, repository, .. } = lab;
    drop((repositories, repository));
    let root = folder.path().join("repos");

    let mut acknowledged = 0;
    for round in 0..14u64 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "crash::a_kill_at_any_moment_leaves_old_or_new", "--nocapture"])
            .env(ROOT, &root)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        // Killed a little later each time, counted from its first answer.
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut seen: Vec<String> = Vec::new();
        for line in lines.by_ref() {
            let line = line.unwrap();
            if line.contains("ACK ") {
                seen.push(line);
                break;
            }
        }
        let killer = std::thread::spawn(move || {
            std::thread::sleep(Duration::from_micros(round * 7_919 % 60_000));
            child.kill().unwrap();
            child.wait().unwrap();
        });
        seen.extend(lines.map_while(Result::ok).filter(|line| line.contains("ACK ")));
        killer.join().unwrap();
        acknowledged += seen.len();

        let repositories = Repositories::open(&root, Ownership::Exclusive).await.unwrap();
        let repository = repositories.get(app(1));
        fsck(&git_dir);
        let said = |word: &str| {
            let last = seen.iter().rev().find_map(|line| line.split_once(&format!("ACK {word} ")));
            last.map(|(_, id)| id.trim().to_owned())
        };
        let main = repository.branch(&branch("main")).await.unwrap().unwrap();
        let working = repository.working(workspace(WS), &ws).await.unwrap();
        assert!(repository.is_ancestor(first, main).await.unwrap());
        if let Some(acknowledged) = said("main") {
            let acknowledged: CommitId = acknowledged.parse().unwrap();
            assert!(
                repository.is_ancestor(acknowledged, main).await.unwrap(),
                "an acknowledged move is gone"
            );
        }
        if let Some(head) = said("head") {
            // A sync replays it under another id: then its content is what must be there.
            let tree = repository.commit(head.parse().unwrap()).await.unwrap().tree;
            for file in repository.list(tree).await.unwrap() {
                assert!(
                    repository.file(working.tree, &file.path).await.unwrap().is_some(),
                    "{} is gone",
                    file.path
                );
            }
        }
        // Both files of a pair, or neither.
        for number in 0..5 {
            let side = async |side: &str| {
                let name = crate::common::path(&format!("{side}/{number}.yml"));
                repository.file(working.tree, &name).await.unwrap().map(|file| file.blob)
            };
            assert_eq!(side("left").await, side("right").await, "half of a write");
        }
        repository.verify_tree(working.tree).await.unwrap();
        let left = std::fs::read_dir(&root).unwrap().map(|entry| entry.unwrap().file_name());
        assert_eq!(left.filter(|name| name.to_string_lossy().starts_with(".tmp-")).count(), 0);
        let locks = git_ok(&git_dir, &["for-each-ref", "--format=%(refname)"]);
        assert!(!locks.contains(".lock"), "{locks}");
    }
    assert!(acknowledged > 20, "the children did hardly anything: {acknowledged}");
}
