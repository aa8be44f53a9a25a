//! Composition: what it reports, and what a check may say.

use crate::common::{Lab, ana, at, branch, git, git_ok, new_commit, path, put, rules, workspace};
use conman_domain::{BlobId, CommitId};
use conman_git::{
    CheckFailure, CollidesWith, ComposeHooks, ComposeMember, ComposePlan, Composition, Edit, GitError,
    KeepName, MemberOutcome, MergeProbe,
};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use uuid::Uuid;

fn text() -> String {
    (0..20).map(|line| format!("key{line}: value\n")).collect()
}

async fn lab() -> Lab {
    Lab::new(&[("a.yml", &text()), ("b.yml", &text()), ("x/c.yml", &text())]).await
}

/// A member's head: the first commit with edits that are made from its blobs.
async fn member(lab: &Lab, number: u128, edits: impl FnOnce(Vec<BlobId>) -> Vec<Edit>) -> ComposeMember {
    let (id, ws) = (workspace(number), branch(&format!("ws/user{number}/lab")));
    lab.repository.workspace_create(id, &ws, lab.first).await.unwrap();
    let tree = lab.tree(lab.first).await;
    let mut blobs = Vec::new();
    for name in ["a.yml", "b.yml", "x/c.yml"] {
        blobs.push(lab.blob(tree, name).await.unwrap());
    }
    lab.repository.write(id, &ws, edits(blobs), &rules(), at(1)).await.unwrap();
    let head = lab.repository.commit_working(id, &ws, new_commit("Change")).await.unwrap().unwrap();
    ComposeMember { label: format!("#{number}"), head, author: ana(), message: format!("Merge #{number}") }
}

fn change(name: &str, blob: BlobId, from: &str, to: &str) -> Edit {
    put(name, Some(blob), &text().replace(&format!("{from}: value\n"), &format!("{to}\n")))
}

async fn compose(lab: &Lab, base: CommitId, members: Vec<ComposeMember>, hooks: ComposeHooks) -> Composition {
    let plan =
        ComposePlan { base, members, committer: ana(), keep: KeepName::release(Uuid::from_u128(9).into()) };
    lab.repository.compose(plan, hooks).await.unwrap()
}

fn conflict(outcome: &MemberOutcome) -> Vec<(String, CollidesWith)> {
    match outcome {
        MemberOutcome::Conflicted { conflicts } => {
            conflicts.iter().map(|conflict| (conflict.path.to_string(), conflict.with.clone())).collect()
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_conflicting_member_is_left_out_and_named_with_its_counterpart() {
    let lab = lab().await;
    let members = vec![
        member(&lab, 1, |blobs| vec![change("a.yml", blobs[0], "key3", "key3: one")]).await,
        member(&lab, 2, |blobs| vec![change("b.yml", blobs[1], "key3", "key3: two")]).await,
        member(&lab, 3, |blobs| vec![change("a.yml", blobs[0], "key3", "key3: three")]).await,
        member(&lab, 4, |blobs| vec![change("a.yml", blobs[0], "key15", "key15: four")]).await,
        member(&lab, 5, |blobs| vec![Edit::Delete { path: path("b.yml"), expected: blobs[1] }]).await,
    ];
    let composed = compose(&lab, lab.first, members.clone(), ComposeHooks::default()).await;
    assert_eq!(conflict(&composed.members[2]), [("a.yml".to_owned(), CollidesWith::Member("#1".to_owned()))]);
    assert_eq!(conflict(&composed.members[4]), [("b.yml".to_owned(), CollidesWith::Member("#2".to_owned()))]);
    let MemberOutcome::Merged { commit } = composed.members[3] else { panic!("{composed:?}") };
    assert_eq!((commit, lab.tree(commit).await), (composed.commit, composed.tree));
    let a = lab.text(composed.tree, "a.yml").await.unwrap();
    assert!(a.contains("key3: one\n") && a.contains("key15: four\n"), "{a}");
    let info = lab.repository.commit(composed.commit).await.unwrap();
    assert_eq!((info.parents[1], info.message.as_str()), (members[3].head, "Merge #4\n"));
    let kept = lab.repository.kept(&KeepName::release(Uuid::from_u128(9).into())).await.unwrap();
    assert_eq!(kept, Some(composed.commit));
    // The integration branch has moved to the candidate: what conflicted now collides with it.
    let again = compose(&lab, composed.commit, members, ComposeHooks::default()).await;
    assert_eq!(again.members[0], MemberOutcome::AlreadyContained);
    assert_eq!(conflict(&again.members[2]), [("a.yml".to_owned(), CollidesWith::Base(composed.commit))]);
    assert_eq!((again.commit, again.tree), (composed.commit, composed.tree));
    lab.fsck();
}

#[tokio::test]
async fn nothing_merged_leaves_the_base() {
    let lab = lab().await;
    let composed = compose(&lab, lab.first, Vec::new(), ComposeHooks::default()).await;
    assert_eq!((composed.commit, composed.tree), (lab.first, lab.tree(lab.first).await));
}

#[tokio::test]
async fn a_check_turns_a_clean_merge_into_a_conflict() {
    let lab = lab().await;
    // Each adds the same key at another place: clean as text, a duplicate as YAML.
    let members = vec![
        member(&lab, 1, |blobs| vec![change("a.yml", blobs[0], "key3", "key3: value\nnew: 1")]).await,
        member(&lab, 2, |blobs| vec![change("a.yml", blobs[0], "key15", "key15: value\nnew: 2")]).await,
        member(&lab, 3, |blobs| vec![change("a.yml", blobs[0], "key9", "key9: three")]).await,
    ];
    let calls = Arc::new(AtomicUsize::new(0));
    let progress = Arc::new(AtomicUsize::new(0));
    let hooks = ComposeHooks {
        check: Box::new({
            let calls = calls.clone();
            move |check| {
                calls.fetch_add(1, Ordering::Relaxed);
                let [touched] = check.paths else { panic!("{:?}", check.paths) };
                assert_eq!(touched.is_combined(), check.member.label != "#1");
                assert_ne!(touched.merged, touched.ours);
                let text = String::from_utf8(check.contents.bytes(touched.merged.unwrap()).unwrap()).unwrap();
                assert!(
                    String::from_utf8(check.contents.bytes(touched.base.unwrap()).unwrap())
                        .unwrap()
                        .starts_with("key0")
                );
                if text.matches("\nnew:").count() < 2 {
                    return Ok(());
                }
                Err(vec![CheckFailure {
                    path: touched.path.clone(),
                    key: Some("new".to_owned()),
                    line: Some(17),
                    with: None,
                    reason: "duplicate key".to_owned(),
                    keys: Vec::new(),
                    key_total: 2,
                }])
            }
        }),
        progress: Box::new({
            let progress = progress.clone();
            move |at| {
                assert_eq!(at.total, 3);
                progress.store(at.done, Ordering::Relaxed);
                true
            }
        }),
        ..ComposeHooks::default()
    };
    let composed = compose(&lab, lab.first, members, hooks).await;
    assert_eq!((calls.load(Ordering::Relaxed), progress.load(Ordering::Relaxed)), (3, 3));
    let MemberOutcome::Conflicted { conflicts } = &composed.members[1] else { panic!("{composed:?}") };
    assert_eq!(conflicts.len(), 1);
    assert_eq!((conflicts[0].key.as_deref(), conflicts[0].line), (Some("new"), Some(17)));
    assert_eq!(conflicts[0].with, CollidesWith::Member("#1".to_owned()));
    let a = lab.text(composed.tree, "a.yml").await.unwrap();
    assert!(a.contains("new: 1") && !a.contains("new: 2") && a.contains("key9: three"));
    // Nothing of the merge that was undone is stored.
    let undone = text()
        .replace("key3: value\n", "key3: value\nnew: 1\n")
        .replace("key15: value\n", "key15: value\nnew: 2\n");
    let file = lab.folder.path().join("undone");
    std::fs::write(&file, undone).unwrap();
    let undone = git_ok(&lab.git_dir(), &["hash-object", file.to_str().unwrap()]);
    assert!(!git(&lab.git_dir(), &["cat-file", "-e", &undone]).status.success());
    lab.fsck();
}

#[tokio::test]
async fn names_that_differ_only_in_case_collide() {
    let lab = lab().await;
    let members = vec![
        member(&lab, 1, |_| vec![put("x/New.yml", None, "one\n")]).await,
        member(&lab, 2, |_| vec![put("x/new.yml", None, "two\n")]).await,
    ];
    let composed = compose(&lab, lab.first, members, ComposeHooks::default()).await;
    assert_eq!(
        conflict(&composed.members[1]),
        [("x/new.yml".to_owned(), CollidesWith::Member("#1".to_owned()))]
    );
}

#[tokio::test]
async fn renames_name_the_member_that_renamed() {
    let lab = lab().await;
    let moved = |blobs: Vec<BlobId>| {
        vec![Edit::Move { from: path("x/c.yml"), to: path("y/c.yml"), expected: blobs[2] }]
    };
    let members = vec![
        member(&lab, 1, |blobs| vec![change("a.yml", blobs[0], "key3", "key3: one")]).await,
        member(&lab, 2, moved).await,
        // Follows the rename, as Git does.
        member(&lab, 3, |blobs| vec![change("x/c.yml", blobs[2], "key4", "key4: three")]).await,
        // Git finds the folder renamed and asks.
        member(&lab, 4, |_| vec![put("x/new.yml", None, "four\n")]).await,
        member(&lab, 5, |blobs| {
            vec![Edit::Move { from: path("x/c.yml"), to: path("z.yml"), expected: blobs[2] }]
        })
        .await,
    ];
    let composed = compose(&lab, lab.first, members, ComposeHooks::default()).await;
    assert!(matches!(composed.members[2], MemberOutcome::Merged { .. }), "{composed:?}");
    assert!(lab.text(composed.tree, "y/c.yml").await.unwrap().contains("key4: three"));
    assert_eq!(
        conflict(&composed.members[3]),
        [("y/new.yml".to_owned(), CollidesWith::Member("#3".to_owned()))]
    );
    let renamed = conflict(&composed.members[4]);
    assert_eq!(
        renamed.iter().map(|(path, _)| path.as_str()).collect::<Vec<_>>(),
        ["x/c.yml", "y/c.yml", "z.yml"]
    );
    assert_eq!(renamed[0].1, CollidesWith::Member("#2".to_owned()));
    lab.fsck();
}

#[tokio::test]
async fn a_probe_stores_nothing() {
    let lab = lab().await;
    let one = member(&lab, 1, |blobs| vec![change("a.yml", blobs[0], "key3", "key3: one")]).await;
    let two = member(&lab, 2, |blobs| vec![change("a.yml", blobs[0], "key3", "key3: two")]).await;
    let three = member(&lab, 3, |blobs| vec![change("a.yml", blobs[0], "key12", "key12: three")]).await;
    let before = git_ok(&lab.git_dir(), &["count-objects", "-v"]);
    let probe = async |base: CommitId, head: CommitId| lab.repository.merges(base, head).await.unwrap();
    assert_eq!(probe(one.head, lab.first).await, MergeProbe::AlreadyContained);
    assert_eq!(probe(lab.first, one.head).await, MergeProbe::Clean { tree: lab.tree(one.head).await });
    assert_eq!(probe(one.head, two.head).await, MergeProbe::Conflicted { paths: vec![path("a.yml")] });
    assert!(matches!(probe(one.head, three.head).await, MergeProbe::Clean { .. }));
    assert_eq!(git_ok(&lab.git_dir(), &["count-objects", "-v"]), before);
}

#[tokio::test]
async fn a_stopped_or_impossible_composition_leaves_nothing() {
    let lab = lab().await;
    let one = member(&lab, 1, |blobs| vec![change("a.yml", blobs[0], "key3", "key3: one")]).await;
    let before = git_ok(&lab.git_dir(), &["count-objects", "-v"]);
    let keep = KeepName::release(Uuid::from_u128(9).into());
    let plan = |members| ComposePlan { base: lab.first, members, committer: ana(), keep: keep.clone() };
    let hooks = ComposeHooks { progress: Box::new(|at| at.done < 1), ..ComposeHooks::default() };
    let error = lab.repository.compose(plan(vec![one.clone(), one.clone()]), hooks).await.unwrap_err();
    assert!(matches!(error, GitError::Stopped), "{error:?}");
    let missing =
        ComposeMember { head: "00000000000000000000000000000000000000aa".parse().unwrap(), ..one.clone() };
    let error = lab.repository.compose(plan(vec![one, missing]), ComposeHooks::default()).await.unwrap_err();
    assert!(matches!(error, GitError::NotFound(_)), "{error:?}");
    assert_eq!(git_ok(&lab.git_dir(), &["count-objects", "-v"]), before);
    assert_eq!(lab.repository.kept(&keep).await.unwrap(), None);
}
