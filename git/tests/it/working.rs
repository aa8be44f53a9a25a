//! Workspaces: edits of working files, commits, resets.

use crate::common::{Lab, ana, app, at, branch, git_ok, new_commit, path, put, rules, workspace};
use conman_domain::{BlobId, CommitId};
use conman_git::{Advance, Edit, GitError, Ownership, Repositories, Working};

const WS: u128 = 7;

async fn lab() -> (Lab, conman_domain::name::BranchName) {
    let lab = Lab::new(&[
        ("a.yml", "a: 1\n"),
        ("entities/order.yml", "name: order\n"),
        ("entities/x/deep.yml", "x\n"),
    ])
    .await;
    let ws = branch("ws/ana/lab");
    lab.repository.workspace_create(workspace(WS), &ws, lab.first).await.unwrap();
    (lab, ws)
}

async fn write(lab: &Lab, edits: Vec<Edit>) -> Result<Working, GitError> {
    lab.repository.write(workspace(WS), &branch("ws/ana/lab"), edits, &rules(), at(1)).await
}

async fn working(lab: &Lab) -> Working {
    lab.repository.working(workspace(WS), &branch("ws/ana/lab")).await.unwrap()
}

#[tokio::test]
async fn edits_are_saved_together_and_survive_a_restart() {
    let (lab, ws) = lab().await;
    assert_eq!(
        working(&lab).await,
        Working { head: lab.first, tree: lab.tree(lab.first).await, dirty: false }
    );
    let tree = lab.tree(lab.first).await;
    let (a, order) = (lab.blob(tree, "a.yml").await, lab.blob(tree, "entities/order.yml").await);
    let edits = vec![
        put("a.yml", a, "a: 2\n"),
        put("pages/home.yml", None, "page: home\n"),
        Edit::Move {
            from: path("entities/order.yml"),
            to: path("things/order.yml"),
            expected: order.unwrap(),
        },
        Edit::Delete {
            path: path("entities/x/deep.yml"),
            expected: lab.blob(tree, "entities/x/deep.yml").await.unwrap(),
        },
    ];
    let saved = write(&lab, edits).await.unwrap();
    assert!(saved.dirty);
    assert_eq!(lab.names(saved.tree).await, ["a.yml", "pages/home.yml", "things/order.yml"]);
    assert_eq!(lab.text(saved.tree, "things/order.yml").await.unwrap(), "name: order\n");

    let Lab { folder, repositories, repository, .. } = lab;
    drop((repositories, repository));
    let again = Repositories::open(&folder.path().join("repos"), Ownership::Exclusive).await.unwrap();
    assert_eq!(again.get(app(1)).working(workspace(WS), &ws).await.unwrap(), saved);
}

#[tokio::test]
async fn every_refusal_is_specific_and_writes_nothing() {
    let (lab, _) = lab().await;
    let tree = lab.tree(lab.first).await;
    let a = lab.blob(tree, "a.yml").await;
    let other: BlobId = "00000000000000000000000000000000000000aa".parse().unwrap();
    let good = put("new.yml", None, "x");
    let refused = async |edit: Edit| {
        let error = write(&lab, vec![good.clone(), edit]).await.unwrap_err();
        assert!(error.is_rejection(), "{error:?}");
        assert!(!working(&lab).await.dirty, "{error:?} wrote something");
        error
    };
    let stale = |error: GitError, now: Option<BlobId>| {
        assert!(matches!(&error, GitError::Stale { current, .. } if *current == now), "{error:?}")
    };
    stale(refused(put("a.yml", Some(other), "b")).await, a);
    stale(refused(put("a.yml", None, "b")).await, a);
    stale(refused(put("gone.yml", Some(other), "b")).await, None);
    stale(refused(Edit::Delete { path: path("a.yml"), expected: other }).await, a);
    stale(refused(Edit::Delete { path: path("gone.yml"), expected: other }).await, None);
    stale(refused(Edit::Move { from: path("gone.yml"), to: path("b.yml"), expected: other }).await, None);
    let onto = Edit::Move { from: path("a.yml"), to: path("entities/order.yml"), expected: a.unwrap() };
    stale(refused(onto).await, lab.blob(tree, "entities/order.yml").await);
    let clash = |error: GitError, with: &str, kind: bool| {
        assert!(
            matches!(&error, GitError::Clash { other, folder, .. } if other.as_str() == with && *folder == kind),
            "{error:?}"
        )
    };
    clash(refused(put("A.yml", None, "b")).await, "a.yml", false);
    clash(refused(put("Entities/new.yml", None, "b")).await, "entities", false);
    clash(refused(put("a.yml/b.yml", None, "b")).await, "a.yml", true);
    clash(refused(put("entities", None, "b")).await, "entities", true);
    clash(refused(put("NEW.yml", None, "b")).await, "new.yml", false);
    clash(refused(put("new.yml/x", None, "b")).await, "new.yml", true);
    assert!(matches!(refused(put(".github/x.yml", None, "b")).await, GitError::Blocked { .. }));
    assert!(matches!(refused(put("new.yml", None, "b")).await, GitError::EditedTwice { .. }));
    let big = Edit::Put { path: path("big.bin"), expected: None, bytes: vec![0; (5 << 20) + 1] };
    assert!(matches!(refused(big).await, GitError::TooLarge { limit: 5_242_880, size: 5_242_881, .. }));
}

#[tokio::test]
async fn files_may_trade_places_and_turn_into_folders() {
    let (lab, _) = lab().await;
    let tree = lab.tree(lab.first).await;
    let (a, order) =
        (lab.blob(tree, "a.yml").await.unwrap(), lab.blob(tree, "entities/order.yml").await.unwrap());
    let saved = write(
        &lab,
        vec![
            Edit::Move { from: path("a.yml"), to: path("entities/order.yml"), expected: a },
            Edit::Move { from: path("entities/order.yml"), to: path("a.yml"), expected: order },
        ],
    )
    .await
    .unwrap();
    assert_eq!(lab.text(saved.tree, "a.yml").await.unwrap(), "name: order\n");
    assert_eq!(lab.text(saved.tree, "entities/order.yml").await.unwrap(), "a: 1\n");
    let saved = write(
        &lab,
        vec![Edit::Delete { path: path("a.yml"), expected: order }, put("a.yml/inside.yml", None, "in\n")],
    )
    .await
    .unwrap();
    assert_eq!(
        lab.names(saved.tree).await,
        ["a.yml/inside.yml", "entities/order.yml", "entities/x/deep.yml"]
    );
    lab.repository.verify_tree(saved.tree).await.unwrap();
    // Changing only the case of a name is a move like any other.
    let moved = Edit::Move { from: path("entities/order.yml"), to: path("entities/Order.yml"), expected: a };
    assert!(
        lab.names(write(&lab, vec![moved]).await.unwrap().tree)
            .await
            .contains(&"entities/Order.yml".to_owned())
    );
}

#[tokio::test]
async fn undoing_all_edits_leaves_the_workspace_clean() {
    let (lab, _) = lab().await;
    let tree = lab.tree(lab.first).await;
    let a = lab.blob(tree, "a.yml").await;
    let saved = write(&lab, vec![put("a.yml", a, "a: 2\n")]).await.unwrap();
    let back = write(&lab, vec![put("a.yml", lab.blob(saved.tree, "a.yml").await, "a: 1\n")]).await.unwrap();
    assert_eq!(back, Working { head: lab.first, tree, dirty: false });
    assert_eq!(git_ok(&lab.git_dir(), &["for-each-ref", "refs/conman/"]), "");
}

#[tokio::test]
async fn a_commit_takes_the_working_files() {
    let (lab, ws) = lab().await;
    assert_eq!(lab.repository.commit_working(workspace(WS), &ws, new_commit("Nothing")).await.unwrap(), None);
    let saved = write(&lab, vec![put("b.yml", None, "b: 1\n")]).await.unwrap();
    let commit =
        lab.repository.commit_working(workspace(WS), &ws, new_commit("Add b")).await.unwrap().unwrap();
    assert_eq!(working(&lab).await, Working { head: commit, tree: saved.tree, dirty: false });
    let info = lab.repository.commit(commit).await.unwrap();
    assert_eq!((info.parents, info.message.as_str(), info.author), (vec![lab.first], "Add b\n", ana()));
    assert_eq!(lab.repository.branch(&ws).await.unwrap(), Some(commit));
    lab.fsck();
}

#[tokio::test]
async fn a_reset_drops_edits_and_commits() {
    let (lab, ws) = lab().await;
    write(&lab, vec![put("b.yml", None, "b: 1\n")]).await.unwrap();
    lab.repository.commit_working(workspace(WS), &ws, new_commit("Add b")).await.unwrap();
    write(&lab, vec![put("c.yml", None, "c: 1\n")]).await.unwrap();
    let reset = lab.repository.reset(workspace(WS), &ws, lab.first).await.unwrap();
    assert_eq!(reset, Working { head: lab.first, tree: lab.tree(lab.first).await, dirty: false });
    assert_eq!(working(&lab).await, reset);
    assert_eq!(git_ok(&lab.git_dir(), &["for-each-ref", "refs/conman/"]), "");
}

#[tokio::test]
async fn creating_and_deleting_a_workspace_may_be_repeated() {
    let (lab, ws) = lab().await;
    write(&lab, vec![put("b.yml", None, "b: 1\n")]).await.unwrap();
    let commit =
        lab.repository.commit_working(workspace(WS), &ws, new_commit("Add b")).await.unwrap().unwrap();
    assert_eq!(lab.repository.workspace_create(workspace(WS), &ws, lab.first).await.unwrap(), commit);
    write(&lab, vec![put("c.yml", None, "c: 1\n")]).await.unwrap();
    lab.repository.workspace_delete(workspace(WS), &ws).await.unwrap();
    lab.repository.workspace_delete(workspace(WS), &ws).await.unwrap();
    assert_eq!(git_ok(&lab.git_dir(), &["for-each-ref", "--format=%(refname)"]), "refs/heads/main");
    let error = lab.repository.working(workspace(WS), &ws).await.unwrap_err();
    assert!(matches!(error, GitError::NotFound(conman_git::Missing::Branch(_))), "{error:?}");
}

#[tokio::test]
async fn a_branch_that_moves_beneath_the_working_files_carries_them_along() {
    let (lab, ws) = lab().await;
    let tree = lab.tree(lab.first).await;
    write(&lab, vec![put("mine.yml", None, "mine\n")]).await.unwrap();
    // Another client moves the branch, as a push does.
    let pushed = commit_elsewhere(&lab, lab.first, "pushed.yml", "pushed\n").await;
    assert_eq!(lab.repository.advance(&ws, lab.first, pushed).await.unwrap(), Advance::Moved);
    let now = working(&lab).await;
    assert_eq!((now.head, now.dirty), (pushed, true));
    assert!(
        lab.text(now.tree, "mine.yml").await.is_some() && lab.text(now.tree, "pushed.yml").await.is_some()
    );
    let saved = write(&lab, vec![put("mine2.yml", None, "mine too\n")]).await.unwrap();
    let commit =
        lab.repository.commit_working(workspace(WS), &ws, new_commit("Mine")).await.unwrap().unwrap();
    assert_eq!(lab.tree(commit).await, saved.tree);
    assert_eq!(lab.repository.commit(commit).await.unwrap().parents, [pushed]);

    // Both change one line: nothing is lost, and the next write says why it cannot go on.
    let a = lab.blob(tree, "a.yml").await;
    let mine = write(&lab, vec![put("a.yml", a, "a: mine\n")]).await.unwrap();
    let clash = commit_elsewhere(&lab, commit, "a.yml", "a: pushed\n").await;
    lab.repository.advance(&ws, commit, clash).await.unwrap();
    assert_eq!(lab.text(working(&lab).await.tree, "a.yml").await.unwrap(), "a: mine\n");
    let error = write(&lab, vec![put("more.yml", None, "x")]).await.unwrap_err();
    assert!(
        matches!(error, GitError::BranchMoved { head, base } if head == clash && base == commit),
        "{error:?}"
    );
    let error = lab.repository.commit_working(workspace(WS), &ws, new_commit("Mine")).await.unwrap_err();
    assert!(matches!(error, GitError::BranchMoved { .. }), "{error:?}");
    assert_eq!(working(&lab).await.tree, mine.tree);
}

/// Commits one file on top of a commit, through a workspace of its own.
async fn commit_elsewhere(lab: &Lab, on: CommitId, name: &str, text: &str) -> CommitId {
    let (id, ws) = (workspace(99), branch("ws/other/lab"));
    lab.repository.workspace_delete(id, &ws).await.unwrap();
    lab.repository.workspace_create(id, &ws, on).await.unwrap();
    let old = lab.blob(lab.tree(on).await, name).await;
    lab.repository.write(id, &ws, vec![put(name, old, text)], &rules(), at(2)).await.unwrap();
    lab.repository.commit_working(id, &ws, new_commit("Elsewhere")).await.unwrap().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn fifty_writers_lose_nothing() {
    let (lab, ws) = lab().await;
    let mut tasks = tokio::task::JoinSet::new();
    for number in 0..50 {
        let (repository, ws) = (lab.repository.clone(), ws.clone());
        tasks.spawn(async move {
            let own = put(&format!("own/{number}.yml"), None, "mine\n");
            repository.write(workspace(WS), &ws, vec![own], &rules(), at(3)).await.unwrap();
            // All append to one file; whoever was too late reads it again.
            loop {
                let working = repository.working(workspace(WS), &ws).await.unwrap();
                let file = repository.file(working.tree, &path("a.yml")).await.unwrap().unwrap();
                let text = format!("{}line {number}\n", String::from_utf8(file.bytes).unwrap());
                let edit = put("a.yml", Some(file.blob), &text);
                match repository.write(workspace(WS), &ws, vec![edit], &rules(), at(3)).await {
                    Ok(_) => return,
                    Err(GitError::Stale { current, .. }) => assert_ne!(current, Some(file.blob)),
                    Err(error) => panic!("{error:?}"),
                }
            }
        });
    }
    tasks.join_all().await;
    let tree = working(&lab).await.tree;
    let text = lab.text(tree, "a.yml").await.unwrap();
    for number in 0..50 {
        assert_eq!(text.lines().filter(|line| *line == format!("line {number}")).count(), 1, "{text}");
        assert!(lab.text(tree, &format!("own/{number}.yml")).await.is_some());
    }
    assert_eq!(text.lines().count(), 51);
    lab.fsck();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_commit_racing_with_edits_takes_each_whole_or_leaves_it_whole() {
    let (lab, ws) = lab().await;
    let writer = tokio::spawn({
        let (repository, ws) = (lab.repository.clone(), ws.clone());
        async move {
            for number in 0..40 {
                let pair = vec![
                    put(&format!("left/{number}.yml"), None, "x\n"),
                    put(&format!("right/{number}.yml"), None, "x\n"),
                ];
                repository.write(workspace(WS), &ws, pair, &rules(), at(4)).await.unwrap();
            }
        }
    });
    let mut commits = Vec::new();
    while !writer.is_finished() {
        commits.extend(lab.repository.commit_working(workspace(WS), &ws, new_commit("Save")).await.unwrap());
    }
    writer.await.unwrap();
    commits.extend(lab.repository.commit_working(workspace(WS), &ws, new_commit("Save")).await.unwrap());
    let pairs = async |commit: CommitId| {
        let names = lab.names(lab.tree(commit).await).await;
        let side = |side: &str| -> Vec<String> {
            names.iter().filter_map(|name| name.strip_prefix(side).map(str::to_owned)).collect()
        };
        assert_eq!(side("left/"), side("right/"));
        side("left/").len()
    };
    let mut last = 0;
    for commit in commits {
        let count = pairs(commit).await;
        assert!(count > last, "a commit without an edit");
        last = count;
    }
    assert_eq!(last, 40);
    assert!(!working(&lab).await.dirty);
    lab.fsck();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn two_servers_over_one_folder_lose_nothing() {
    let (lab, ws) = lab().await;
    let root = lab.folder.path().join("repos");
    let Lab { folder, repositories, repository, .. } = lab;
    drop((repositories, repository));
    let mut tasks = tokio::task::JoinSet::new();
    for server in 0..2 {
        let repository = Repositories::open(&root, Ownership::Shared).await.unwrap().get(app(1));
        for number in 0..12 {
            let (repository, ws) = (repository.clone(), ws.clone());
            tasks.spawn(async move {
                let own = put(&format!("own/{server}-{number}.yml"), None, "mine\n");
                repository.write(workspace(WS), &ws, vec![own], &rules(), at(5)).await.unwrap();
                if number % 4 == 0 {
                    repository.commit_working(workspace(WS), &ws, new_commit("Save")).await.unwrap();
                }
            });
        }
    }
    tasks.join_all().await;
    let repository = Repositories::open(&root, Ownership::Exclusive).await.unwrap().get(app(1));
    let tree = repository.working(workspace(WS), &ws).await.unwrap().tree;
    let own = repository.files(tree, |path| path.as_str().starts_with("own/")).await.unwrap();
    assert_eq!(own.len(), 24);
    drop(folder);
}
