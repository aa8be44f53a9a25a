//! Refs: one winner of every race, locks, ownership of the folder.

use crate::common::{Lab, ana, app, at, branch, git_ok, new_commit};
use conman_domain::CommitId;
use conman_domain::git::Signature;
use conman_domain::name::ReleaseTag;
use conman_git::{Advance, GitError, KeepName, Missing, Ownership, Placed, Repositories};
use std::fs;
use uuid::Uuid;

async fn lab() -> Lab {
    Lab::new(&[("a.yml", "a: 1\n")]).await
}

async fn child(lab: &Lab, number: usize) -> CommitId {
    let tree = lab.tree(lab.first).await;
    lab.repository.commit_tree(tree, vec![lab.first], new_commit(&format!("Child {number}"))).await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_branch_moves_for_exactly_one() {
    let lab = lab().await;
    let mut tasks = tokio::task::JoinSet::new();
    for number in 0..24 {
        let to = child(&lab, number).await;
        let (repository, main, first) = (lab.repository.clone(), lab.main.clone(), lab.first);
        tasks.spawn(async move { (to, repository.advance(&main, first, to).await.unwrap()) });
    }
    let outcomes = tasks.join_all().await;
    let winners: Vec<CommitId> =
        outcomes.iter().filter(|(_, advance)| *advance == Advance::Moved).map(|(to, _)| *to).collect();
    let [winner] = winners.as_slice() else { panic!("{outcomes:?}") };
    assert!(
        outcomes
            .iter()
            .all(|(to, advance)| to == winner || *advance == Advance::Lost { actual: Some(*winner) })
    );
    let again = lab.repository.advance(&lab.main, lab.first, *winner).await.unwrap();
    assert_eq!(again, Advance::AlreadyThere);
    let none = lab.repository.advance(&branch("none"), lab.first, *winner).await.unwrap();
    assert_eq!(none, Advance::Lost { actual: None });
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_tag_is_placed_by_exactly_one() {
    let lab = lab().await;
    let name = ReleaseTag::parse("r2026.03.21.1").unwrap();
    let mut tasks = tokio::task::JoinSet::new();
    for number in 0..24 {
        let target = child(&lab, number).await;
        let tag = lab.repository.tag_object(&name, target, ana(), "Release").await.unwrap();
        let (repository, name) = (lab.repository.clone(), name.clone());
        tasks.spawn(async move { (target, tag, repository.place_tag(&name, tag).await) });
    }
    let outcomes = tasks.join_all().await;
    let winners: Vec<_> =
        outcomes.iter().filter(|(_, _, placed)| matches!(placed, Ok(Placed::Created))).collect();
    let [(target, tag, _)] = winners.as_slice() else { panic!("{outcomes:?}") };
    let lost = outcomes.iter().filter(
        |(_, _, placed)| matches!(placed, Err(GitError::TagTaken { actual, .. }) if actual == target),
    );
    assert_eq!(lost.count(), 23);
    assert_eq!(lab.repository.place_tag(&name, *tag).await.unwrap(), Placed::AlreadyThere);
    let entry = lab.repository.tag(&name).await.unwrap().unwrap();
    assert_eq!((entry.tag, entry.target), (*tag, *target));
    assert_eq!(lab.repository.tags().await.unwrap(), [entry]);
    assert_eq!(git_ok(&lab.git_dir(), &["cat-file", "-t", name.as_str()]), "tag");
    lab.fsck();
}

#[tokio::test]
async fn the_same_words_give_the_same_ids() {
    let lab = lab().await;
    let name = ReleaseTag::parse("r2026.03.21.2").unwrap();
    let evil = Signature { name: "A\n<x> B".into(), email: "a>\nparent b@c".into(), at: at(5) };
    let one = lab.repository.tag_object(&name, lab.first, evil.clone(), "Notes\n\nmore\n").await.unwrap();
    assert_eq!(one, lab.repository.tag_object(&name, lab.first, evil, "Notes\n\nmore\n").await.unwrap());
    assert_eq!(child(&lab, 1).await, child(&lab, 1).await);
    assert!(matches!(lab.repository.tag(&name).await, Ok(None)));
    lab.repository.place_tag(&name, one).await.unwrap();
    lab.fsck();
    let missing: conman_domain::git::TagId = "00000000000000000000000000000000000000aa".parse().unwrap();
    let error =
        lab.repository.place_tag(&ReleaseTag::parse("r2026.03.21.3").unwrap(), missing).await.unwrap_err();
    assert!(matches!(error, GitError::NotFound(Missing::Tag(_))), "{error:?}");
}

#[tokio::test]
async fn keep_refs_come_and_go() {
    let lab = lab().await;
    let name = KeepName::release(Uuid::from_u128(5).into());
    let one = child(&lab, 1).await;
    assert_eq!(lab.repository.kept(&name).await.unwrap(), None);
    lab.repository.keep(&name, one).await.unwrap();
    lab.repository.keep(&name, one).await.unwrap();
    assert_eq!(lab.repository.kept(&name).await.unwrap(), Some(one));
    lab.repository.keep(&name, lab.first).await.unwrap();
    lab.repository.unkeep(&name).await.unwrap();
    lab.repository.unkeep(&name).await.unwrap();
    assert_eq!(lab.repository.kept(&name).await.unwrap(), None);
    let missing = "00000000000000000000000000000000000000aa".parse().unwrap();
    let error = lab.repository.keep(&name, missing).await.unwrap_err();
    assert!(matches!(error, GitError::NotFound(Missing::Commit(_))), "{error:?}");
}

#[tokio::test]
async fn history_can_be_read() {
    let lab = lab().await;
    let one = child(&lab, 1).await;
    let tree = lab.tree(lab.first).await;
    let two = lab.repository.commit_tree(tree, vec![one], new_commit("Grandchild")).await.unwrap();
    assert!(lab.repository.is_ancestor(lab.first, two).await.unwrap());
    assert!(lab.repository.is_ancestor(two, two).await.unwrap());
    assert!(!lab.repository.is_ancestor(two, one).await.unwrap());
    let side = child(&lab, 2).await;
    assert_eq!(lab.repository.merge_base(two, side).await.unwrap(), Some(lab.first));
    let log = lab.repository.log(two, conman_git::LogPage { skip: 1, limit: 5 }).await.unwrap();
    assert_eq!(log.iter().map(|info| info.id).collect::<Vec<_>>(), [one, lab.first]);
    let island = lab.repository.commit_tree(tree, Vec::new(), new_commit("Island")).await.unwrap();
    assert_eq!(lab.repository.merge_base(two, island).await.unwrap(), None);
    // A blob's id is no commit, whatever it is passed as.
    let blob = lab.blob(tree, "a.yml").await.unwrap();
    let error = lab.repository.commit(CommitId::from_bytes(*blob.as_bytes())).await.unwrap_err();
    assert!(matches!(error, GitError::NotFound(Missing::Commit(_))), "{error:?}");
}

/// Whoever has a part in what is new is named, also where a merge brought newer commits of the other side.
#[tokio::test]
async fn people_are_those_of_the_new_commits() {
    let lab = lab().await;
    let tree = lab.tree(lab.first).await;
    let commit = async |parents: Vec<CommitId>, name: &str, seconds: i64| {
        let who = Signature::new(name, &format!("{name}@lab.example"), at(seconds));
        let new = conman_git::NewCommit { author: who.clone(), committer: who, message: "x".to_owned() };
        lab.repository.commit_tree(tree, parents, new).await.unwrap()
    };
    let mut own = commit(vec![lab.first], "bea", 10).await;
    for number in 0..600 {
        own = commit(vec![own], "cleo", 11 + number).await;
    }
    let released = commit(vec![lab.first], "dora", 5_000).await;
    let merged = commit(vec![own, released], "edda", 6_000).await;
    let people = lab.repository.people_between(released, merged).await.unwrap();
    assert_eq!(
        people.iter().collect::<Vec<_>>(),
        ["bea@lab.example", "cleo@lab.example", "edda@lab.example"]
    );
    assert!(lab.repository.people_between(merged, released).await.unwrap().is_empty());
}

#[tokio::test]
async fn one_server_owns_a_folder_and_sweeps_it() {
    let lab = lab().await;
    let root = lab.folder.path().join("repos");
    for ownership in [Ownership::Exclusive, Ownership::Shared] {
        let error = Repositories::open(&root, ownership).await.err().unwrap();
        assert!(matches!(error, GitError::InUse { .. }), "{error:?}");
    }
    let (git_dir, first, main) = (lab.git_dir(), lab.first, lab.main.clone());
    let Lab { folder, repositories, repository, .. } = lab;
    drop((repositories, repository));
    // What a killed process leaves.
    fs::write(git_dir.join("refs/heads/main.lock"), "").unwrap();
    fs::create_dir_all(git_dir.join("refs/conman/work")).unwrap();
    fs::write(git_dir.join("refs/conman/work/x.lock"), "").unwrap();
    fs::write(git_dir.join("objects/pack/tmp_pack_abc"), "half").unwrap();
    fs::create_dir_all(root.join(".tmp-half")).unwrap();
    let one = Repositories::open(&root, Ownership::Shared).await.unwrap();
    let two = Repositories::open(&root, Ownership::Shared).await.unwrap();
    assert!(!git_dir.join("objects/pack/tmp_pack_abc").exists() && !root.join(".tmp-half").exists());
    let tree = one.get(app(1)).commit(first).await.unwrap().tree;
    let next = two.get(app(1)).commit_tree(tree, vec![first], new_commit("Next")).await.unwrap();
    assert_eq!(one.get(app(1)).advance(&main, first, next).await.unwrap(), Advance::Moved);
    assert_eq!(two.get(app(1)).branch(&main).await.unwrap(), Some(next));
    drop((one, two, folder));
}

#[tokio::test]
async fn making_an_app_may_be_repeated_and_undone() {
    let lab = lab().await;
    let again = lab.repositories.create(app(1), &lab.main, Vec::new(), ana(), "Other").await.unwrap();
    assert_eq!(again, lab.first);
    lab.repositories.remove(app(1)).await.unwrap();
    lab.repositories.remove(app(1)).await.unwrap();
    for repository in [lab.repository.clone(), lab.repositories.get(app(1))] {
        let error = repository.branch(&lab.main).await.unwrap_err();
        assert!(matches!(error, GitError::NotFound(Missing::Repository)), "{error:?}");
    }
    let fresh = lab.repositories.create(app(1), &lab.main, Vec::new(), ana(), "Fresh").await.unwrap();
    assert_ne!(fresh, lab.first);
    assert!(
        lab.repositories
            .get(app(1))
            .list(lab.repositories.get(app(1)).commit(fresh).await.unwrap().tree)
            .await
            .unwrap()
            .is_empty()
    );
    assert_eq!(fs::read_dir(lab.folder.path().join("repos")).unwrap().count(), 2);
    lab.fsck();
}
