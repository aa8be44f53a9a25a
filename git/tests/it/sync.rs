//! Syncs: by merge and by rebase, their conflicts, and giving up.

use crate::common::{Lab, ana, app, at, branch, git_ok, new_commit, path, put, rules, workspace};
use conman_domain::CommitId;
use conman_domain::git::Signature;
use conman_domain::name::BranchName;
use conman_git::{
    Advance, Edit, GitError, NewCommit, Ownership, Repositories, Resolution, SyncMode, SyncOutcome,
    SyncRequest, SyncState, Working,
};

const WS: u128 = 7;
const BOTH: [SyncMode; 2] = [SyncMode::Merge, SyncMode::Rebase];

fn ws() -> BranchName {
    branch("ws/ana/lab")
}

async fn lab() -> Lab {
    let text: String = (0..12).map(|line| format!("line {line}\n")).collect();
    let lab =
        Lab::new(&[("a.yml", &text), ("b.yml", &text.replace("line", "other")), ("c/d.yml", "d\n")]).await;
    lab.repository.workspace_create(workspace(WS), &ws(), lab.first).await.unwrap();
    lab
}

/// Changes one line of a file in the workspace.
async fn edit(lab: &Lab, name: &str, from: &str, to: &str) {
    let working = working(lab).await;
    let text = lab.text(working.tree, name).await.unwrap();
    assert!(text.contains(from), "{text}");
    let old = lab.blob(working.tree, name).await;
    let edits = vec![put(name, old, &text.replace(from, to))];
    lab.repository.write(workspace(WS), &ws(), edits, &rules(), at(1)).await.unwrap();
}

async fn commit(lab: &Lab, message: &str) -> CommitId {
    let author = Signature::new("Ben", "ben@lab.example", at(77));
    let new = NewCommit { author, committer: ana(), message: message.to_owned() };
    lab.repository.commit_working(workspace(WS), &ws(), new).await.unwrap().unwrap()
}

/// Publishes a change on the integration branch.
async fn publish(lab: &Lab, name: &str, from: &str, to: &str) -> CommitId {
    let (id, other) = (workspace(8), branch("ws/other/lab"));
    let main = lab.repository.branch(&lab.main).await.unwrap().unwrap();
    lab.repository.workspace_create(id, &other, main).await.unwrap();
    lab.repository.reset(id, &other, main).await.unwrap();
    let tree = lab.tree(main).await;
    let text = lab.text(tree, name).await.unwrap().replace(from, to);
    lab.repository
        .write(id, &other, vec![put(name, lab.blob(tree, name).await, &text)], &rules(), at(2))
        .await
        .unwrap();
    let head = lab.repository.commit_working(id, &other, new_commit("Published")).await.unwrap().unwrap();
    assert_eq!(lab.repository.advance(&lab.main, main, head).await.unwrap(), Advance::Moved);
    head
}

async fn working(lab: &Lab) -> Working {
    lab.repository.working(workspace(WS), &ws()).await.unwrap()
}

async fn sync(lab: &Lab, onto: CommitId, mode: SyncMode) -> Result<SyncOutcome, GitError> {
    let request = SyncRequest { onto, mode, author: ana(), committer: ana() };
    lab.repository.sync(workspace(WS), &ws(), request, Box::new(|_, _| Vec::new())).await
}

async fn resolve(lab: &Lab, name: &str, resolution: Resolution) -> Result<SyncState, GitError> {
    lab.repository.sync_resolve(workspace(WS), &ws(), &path(name), resolution).await
}

async fn go_on(lab: &Lab) -> Result<SyncOutcome, GitError> {
    lab.repository.sync_continue(workspace(WS), &ws(), Box::new(|_, _| Vec::new())).await
}

fn synced(outcome: SyncOutcome) -> CommitId {
    match outcome {
        SyncOutcome::Synced { head } => head,
        other => panic!("{other:?}"),
    }
}

fn conflicted(outcome: SyncOutcome) -> SyncState {
    match outcome {
        SyncOutcome::Conflicted(state) => state,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_workspace_that_has_it_all_is_up_to_date() {
    for mode in BOTH {
        let lab = lab().await;
        edit(&lab, "a.yml", "line 1\n", "mine\n").await;
        let before = working(&lab).await;
        assert_eq!(sync(&lab, lab.first, mode).await.unwrap(), SyncOutcome::UpToDate);
        assert_eq!(working(&lab).await, before);
    }
}

#[tokio::test]
async fn a_workspace_without_changes_just_moves_on() {
    for mode in BOTH {
        let lab = lab().await;
        let onto = publish(&lab, "a.yml", "line 3", "theirs").await;
        assert_eq!(synced(sync(&lab, onto, mode).await.unwrap()), onto);
        assert_eq!(working(&lab).await, Working { head: onto, tree: lab.tree(onto).await, dirty: false });
    }
}

#[tokio::test]
async fn a_merge_brings_both_sides_together_with_working_files_carried() {
    let lab = lab().await;
    edit(&lab, "a.yml", "line 1\n", "mine\n").await;
    let mine = commit(&lab, "Mine").await;
    edit(&lab, "b.yml", "other 5", "unsaved").await;
    let onto = publish(&lab, "a.yml", "line 9", "theirs").await;
    let head = synced(sync(&lab, onto, SyncMode::Merge).await.unwrap());
    let info = lab.repository.commit(head).await.unwrap();
    let carried = lab.repository.commit(info.parents[0]).await.unwrap();
    assert_eq!((carried.parents, info.parents[1]), (vec![mine], onto));
    let now = working(&lab).await;
    assert_eq!((now.head, now.dirty), (head, false));
    let text = lab.text(now.tree, "a.yml").await.unwrap();
    assert!(text.contains("mine\n") && text.contains("theirs\n"), "{text}");
    assert!(lab.text(now.tree, "b.yml").await.unwrap().contains("unsaved"));
    lab.fsck();
}

#[tokio::test]
async fn a_rebase_replays_every_commit_with_its_author() {
    let lab = lab().await;
    edit(&lab, "a.yml", "line 1\n", "mine\n").await;
    commit(&lab, "First of mine").await;
    edit(&lab, "b.yml", "other 2", "mine too").await;
    commit(&lab, "Second of mine").await;
    let onto = publish(&lab, "a.yml", "line 9", "theirs").await;
    let head = synced(sync(&lab, onto, SyncMode::Rebase).await.unwrap());
    let log = lab.repository.log(head, conman_git::LogPage { skip: 0, limit: 9 }).await.unwrap();
    let messages: Vec<&str> = log.iter().map(|info| info.message.as_str()).collect();
    assert_eq!(messages, ["Second of mine\n", "First of mine\n", "Published\n", "Begin\n"]);
    assert_eq!((log[0].author.name.as_str(), log[0].author.at, &log[0].committer), ("Ben", at(77), &ana()));
    assert!(log.iter().all(|info| info.parents.len() < 2));
    lab.fsck();
}

#[tokio::test]
async fn a_change_that_was_published_already_vanishes_in_a_rebase() {
    let lab = lab().await;
    edit(&lab, "a.yml", "line 4", "same").await;
    commit(&lab, "Same").await;
    let onto = publish(&lab, "a.yml", "line 4", "same").await;
    assert_eq!(synced(sync(&lab, onto, SyncMode::Rebase).await.unwrap()), onto);
}

#[tokio::test]
async fn a_conflict_survives_a_restart_and_is_resolved_by_writing() {
    for mode in BOTH {
        let lab = lab().await;
        edit(&lab, "a.yml", "line 4", "mine").await;
        edit(&lab, "b.yml", "other 1\n", "mine too\n").await;
        let mine = working(&lab).await;
        let onto = publish(&lab, "a.yml", "line 4", "theirs").await;
        let state = conflicted(sync(&lab, onto, mode).await.unwrap());
        assert_eq!((state.mode, state.onto, state.conflicts.len()), (mode, onto, 1));
        let conflict = state.conflicts[0].clone();
        assert_eq!((conflict.path.as_str(), conflict.resolved), ("a.yml", false));
        let text = async |blob: Option<conman_domain::BlobId>| {
            String::from_utf8(lab.repository.blob(blob.unwrap()).await.unwrap()).unwrap()
        };
        assert!(text(conflict.base).await.contains("line 4"));
        assert!(text(conflict.ours).await.contains("mine\n"), "ours is the workspace's side in both modes");
        assert!(text(conflict.theirs).await.contains("theirs\n"));
        // The workspace is as it was, and takes no edits meanwhile.
        assert_eq!(working(&lab).await, mine);
        let edits = vec![put("new.yml", None, "x")];
        let error = lab.repository.write(workspace(WS), &ws(), edits, &rules(), at(3)).await.unwrap_err();
        assert!(matches!(error, GitError::SyncPending));
        assert!(matches!(sync(&lab, onto, mode).await.unwrap_err(), GitError::SyncPending));
        let error = lab.repository.commit_working(workspace(WS), &ws(), new_commit("x")).await.unwrap_err();
        assert!(matches!(error, GitError::SyncPending));

        let Lab { folder, repositories, repository, main, first } = lab;
        drop((repositories, repository));
        let repositories =
            Repositories::open(&folder.path().join("repos"), Ownership::Exclusive).await.unwrap();
        let lab = Lab { repository: repositories.get(app(1)), folder, repositories, main, first };
        assert_eq!(lab.repository.sync_state(workspace(WS), &ws()).await.unwrap(), Some(state));

        assert!(
            matches!(go_on(&lab).await.unwrap_err(), GitError::Unresolved { paths } if paths == [path("a.yml")])
        );
        assert!(matches!(
            resolve(&lab, "b.yml", Resolution::Ours).await,
            Err(GitError::NotInConflict { .. })
        ));
        resolve(&lab, "a.yml", Resolution::Delete).await.unwrap();
        let state = resolve(&lab, "a.yml", Resolution::Content(b"both\n".to_vec())).await.unwrap();
        assert!(state.conflicts[0].resolved);
        let head = synced(go_on(&lab).await.unwrap());
        let now = working(&lab).await;
        assert_eq!((now.head, now.dirty), (head, false));
        assert_eq!(lab.text(now.tree, "a.yml").await.unwrap(), "both\n");
        assert!(lab.text(now.tree, "b.yml").await.unwrap().contains("mine too"));
        assert!(lab.repository.is_ancestor(onto, head).await.unwrap());
        assert_eq!(lab.repository.sync_state(workspace(WS), &ws()).await.unwrap(), None);
        assert!(matches!(go_on(&lab).await.unwrap_err(), GitError::NoSync));
        assert_eq!(git_ok(&lab.git_dir(), &["for-each-ref", "refs/conman/sync", "refs/conman/work"]), "");
        lab.fsck();
    }
}

#[tokio::test]
async fn a_rebase_may_stop_at_several_commits() {
    let lab = lab().await;
    edit(&lab, "a.yml", "line 4", "mine").await;
    let first = commit(&lab, "First").await;
    edit(&lab, "b.yml", "other 4", "mine").await;
    let second = commit(&lab, "Second").await;
    edit(&lab, "c/d.yml", "d", "mine").await;
    commit(&lab, "Third").await;
    publish(&lab, "a.yml", "line 4", "theirs").await;
    let onto = publish(&lab, "b.yml", "other 4", "theirs").await;
    let state = conflicted(sync(&lab, onto, SyncMode::Rebase).await.unwrap());
    assert_eq!((state.replaying, state.conflicts[0].path.as_str()), (Some(first), "a.yml"));
    resolve(&lab, "a.yml", Resolution::Theirs).await.unwrap();
    let state = conflicted(go_on(&lab).await.unwrap());
    assert_eq!((state.replaying, state.conflicts[0].path.as_str()), (Some(second), "b.yml"));
    resolve(&lab, "b.yml", Resolution::Ours).await.unwrap();
    let head = synced(go_on(&lab).await.unwrap());
    let tree = lab.tree(head).await;
    assert!(lab.text(tree, "a.yml").await.unwrap().contains("theirs"));
    assert!(lab.text(tree, "b.yml").await.unwrap().contains("mine"));
    assert_eq!(lab.text(tree, "c/d.yml").await.unwrap(), "mine\n");
    // The first commit became empty by its resolution and is gone.
    let log = lab.repository.log(head, conman_git::LogPage { skip: 0, limit: 2 }).await.unwrap();
    assert_eq!(log.iter().map(|info| info.message.as_str()).collect::<Vec<_>>(), ["Third\n", "Second\n"]);
}

#[tokio::test]
async fn giving_up_loses_nothing() {
    for mode in BOTH {
        let lab = lab().await;
        edit(&lab, "a.yml", "line 4", "committed").await;
        let mine = commit(&lab, "Mine").await;
        edit(&lab, "b.yml", "other 4", "unsaved").await;
        let before = working(&lab).await;
        let onto = publish(&lab, "a.yml", "line 4", "theirs").await;
        let refs = git_ok(&lab.git_dir(), &["for-each-ref"]);
        conflicted(sync(&lab, onto, mode).await.unwrap());
        resolve(&lab, "a.yml", Resolution::Theirs).await.unwrap();
        lab.repository.sync_abort(workspace(WS), &ws()).await.unwrap();
        assert_eq!(working(&lab).await, before);
        assert_eq!(lab.repository.branch(&ws()).await.unwrap(), Some(mine));
        assert_eq!(git_ok(&lab.git_dir(), &["for-each-ref"]), refs);
        let error = lab.repository.sync_abort(workspace(WS), &ws()).await.unwrap_err();
        assert!(matches!(error, GitError::NoSync));
        edit(&lab, "b.yml", "unsaved", "edited on").await;
    }
}

#[tokio::test]
async fn deleted_here_and_changed_there_can_be_kept_or_dropped() {
    for (resolution, left) in
        [(Resolution::Theirs, true), (Resolution::Ours, false), (Resolution::Delete, false)]
    {
        let lab = lab().await;
        let blob = lab.blob(lab.tree(lab.first).await, "c/d.yml").await.unwrap();
        let edits = vec![Edit::Delete { path: path("c/d.yml"), expected: blob }];
        lab.repository.write(workspace(WS), &ws(), edits, &rules(), at(1)).await.unwrap();
        let onto = publish(&lab, "c/d.yml", "d", "changed").await;
        let state = conflicted(sync(&lab, onto, SyncMode::Merge).await.unwrap());
        let conflict = &state.conflicts[0];
        assert_eq!((conflict.base, conflict.ours, conflict.theirs.is_some()), (Some(blob), None, true));
        resolve(&lab, "c/d.yml", resolution).await.unwrap();
        let head = synced(go_on(&lab).await.unwrap());
        assert_eq!(lab.text(lab.tree(head).await, "c/d.yml").await.is_some(), left);
        lab.fsck();
    }
}

#[tokio::test]
async fn a_file_against_a_folder_keeps_both_until_resolved() {
    for mode in BOTH {
        let lab = lab().await;
        let edits = vec![put("e", None, "a file\n")];
        lab.repository.write(workspace(WS), &ws(), edits, &rules(), at(1)).await.unwrap();
        commit(&lab, "A file").await;
        let (id, other) = (workspace(8), branch("ws/other/lab"));
        lab.repository.workspace_create(id, &other, lab.first).await.unwrap();
        lab.repository
            .write(id, &other, vec![put("e/f.yml", None, "in a folder\n")], &rules(), at(1))
            .await
            .unwrap();
        let onto = lab.repository.commit_working(id, &other, new_commit("A folder")).await.unwrap().unwrap();
        let state = conflicted(sync(&lab, onto, mode).await.unwrap());
        assert_eq!(state.conflicts[0].path.as_str(), "e~workspace");
        assert!(state.conflicts[0].ours.is_some() && state.conflicts[0].theirs.is_none());
        resolve(&lab, "e~workspace", Resolution::Delete).await.unwrap();
        let head = synced(go_on(&lab).await.unwrap());
        assert_eq!(lab.names(lab.tree(head).await).await, ["a.yml", "b.yml", "c/d.yml", "e/f.yml"]);
        lab.repository.verify_tree(lab.tree(head).await).await.unwrap();
    }
}

#[tokio::test]
async fn a_branch_moved_meanwhile_is_not_overwritten() {
    let lab = lab().await;
    edit(&lab, "a.yml", "line 4", "mine").await;
    let onto = publish(&lab, "a.yml", "line 4", "theirs").await;
    conflicted(sync(&lab, onto, SyncMode::Merge).await.unwrap());
    let tree = lab.tree(lab.first).await;
    let pushed = lab.repository.commit_tree(tree, vec![lab.first], new_commit("Pushed")).await.unwrap();
    lab.repository.advance(&ws(), lab.first, pushed).await.unwrap();
    resolve(&lab, "a.yml", Resolution::Ours).await.unwrap();
    let error = go_on(&lab).await.unwrap_err();
    assert!(matches!(error, GitError::Lost { actual: Some(head), .. } if head == pushed), "{error:?}");
    assert!(lab.repository.sync_state(workspace(WS), &ws()).await.unwrap().is_some(), "the resolutions stay");
    lab.repository.sync_abort(workspace(WS), &ws()).await.unwrap();
    assert!(lab.text(working(&lab).await.tree, "a.yml").await.unwrap().contains("mine"));
}

#[tokio::test]
async fn names_that_differ_only_in_case_are_refused() {
    let lab = lab().await;
    let edits = vec![put("New.yml", None, "mine\n")];
    lab.repository.write(workspace(WS), &ws(), edits, &rules(), at(1)).await.unwrap();
    let before = working(&lab).await;
    let (id, other) = (workspace(8), branch("ws/other/lab"));
    lab.repository.workspace_create(id, &other, lab.first).await.unwrap();
    lab.repository.write(id, &other, vec![put("new.yml", None, "theirs\n")], &rules(), at(1)).await.unwrap();
    let onto = lab.repository.commit_working(id, &other, new_commit("Theirs")).await.unwrap().unwrap();
    for mode in BOTH {
        let error = sync(&lab, onto, mode).await.unwrap_err();
        assert!(matches!(&error, GitError::Refused(refused) if refused.rule == "case_clash"), "{error:?}");
        assert_eq!(working(&lab).await, before);
    }
}
