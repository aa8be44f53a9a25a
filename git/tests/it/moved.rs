//! What a check sees of a file that a side moved, and of one with several common ancestors.

use crate::common::{Lab, ana, at, branch, git_ok, new_commit, path, put, rules, workspace};
use conman_domain::{BlobId, CommitId};
use conman_git::{
    CollidesWith, ComposeHooks, ComposeMember, ComposePlan, Composition, Edit, KeepName, MemberOutcome,
};
use std::sync::{Arc, Mutex};
use uuid::Uuid;

/// A file as a check saw it: its paths, the versions of one line as base, ours, theirs and merged, and its past.
#[derive(Debug, Clone, PartialEq)]
struct Seen {
    member: String,
    path: String,
    from: Option<String>,
    versions: [Option<String>; 4],
    past: Vec<(CollidesWith, Option<String>)>,
}

fn text() -> String {
    (0..20).map(|line| format!("key{line}: value\n")).collect()
}

fn with(changes: &[(&str, &str)]) -> String {
    changes.iter().fold(text(), |text, (key, value)| {
        text.replace(&format!("{key}: value\n"), &format!("{key}: {value}\n"))
    })
}

/// The keys of a version that are not as they were at first.
fn changed(text: &str) -> String {
    let lines: Vec<&str> = text.lines().filter(|line| !line.ends_with(": value")).collect();
    lines.join(", ")
}

async fn member(lab: &Lab, number: u128, edits: Vec<Edit>) -> ComposeMember {
    let (id, ws) = (workspace(number), branch(&format!("ws/user{number}/lab")));
    lab.repository.workspace_create(id, &ws, lab.first).await.unwrap();
    lab.repository.write(id, &ws, edits, &rules(), at(1)).await.unwrap();
    let head = lab.repository.commit_working(id, &ws, new_commit("Change")).await.unwrap().unwrap();
    named(number, head)
}

fn named(number: u128, head: CommitId) -> ComposeMember {
    ComposeMember { label: format!("#{number}"), head, author: ana(), message: format!("Merge #{number}") }
}

/// Composes, and tells what the check saw of files whose lines were combined.
async fn seen(lab: &Lab, base: CommitId, members: Vec<ComposeMember>) -> (Composition, Vec<Seen>) {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let into = Arc::clone(&seen);
    let hooks = ComposeHooks {
        check: Box::new(move |check| {
            for file in check.paths.iter().filter(|file| file.is_combined()) {
                let read = |blob: Option<BlobId>| {
                    blob.map(|blob| changed(&String::from_utf8(check.contents.bytes(blob).unwrap()).unwrap()))
                };
                let past = check.contents.past(file);
                into.lock().unwrap().push(Seen {
                    member: check.member.label.clone(),
                    path: file.path.to_string(),
                    from: file.from.as_ref().map(ToString::to_string),
                    versions: [file.base, file.ours, file.theirs, file.merged].map(read),
                    past: past.into_iter().map(|past| (past.with, read(past.blob))).collect(),
                });
            }
            Ok(())
        }),
        ..ComposeHooks::default()
    };
    let keep = KeepName::release(Uuid::from_u128(9).into());
    let plan = ComposePlan { base, members, committer: ana(), keep };
    let composed = lab.repository.compose(plan, hooks).await.unwrap();
    let seen = seen.lock().unwrap().clone();
    (composed, seen)
}

fn versions(texts: [&str; 4]) -> [Option<String>; 4] {
    texts.map(|text| Some(text.to_owned()))
}

#[tokio::test]
async fn a_file_that_one_side_moved_is_seen_in_all_its_versions() {
    let lab = Lab::new(&[("x/a.yml", &text()), ("b.yml", "b: 1\n")]).await;
    let blob = lab.blob(lab.tree(lab.first).await, "x/a.yml").await.unwrap();
    let moved = |to: &str, changes: &[(&str, &str)]| {
        vec![Edit::Delete { path: path("x/a.yml"), expected: blob }, put(to, None, &with(changes))]
    };
    let edits = |changes: &[(&str, &str)]| vec![put("x/a.yml", Some(blob), &with(changes))];
    let members = vec![
        member(&lab, 1, edits(&[("key1", "one")])).await,
        // Theirs moved it, ours changed it.
        member(&lab, 2, moved("y/moved.yml", &[("key9", "two")])).await,
        // Ours moved it, theirs changed it.
        member(&lab, 3, edits(&[("key17", "three")])).await,
        // Both moved it, to the same place.
        member(&lab, 4, moved("y/moved.yml", &[("key5", "four")])).await,
    ];
    let (composed, seen) = seen(&lab, lab.first, members).await;
    assert!(
        composed.members.iter().all(|outcome| matches!(outcome, MemberOutcome::Merged { .. })),
        "{composed:?}"
    );
    let past = |members: &[(Option<&str>, &str)]| -> Vec<(CollidesWith, Option<String>)> {
        let with = |label: Option<&str>| match label {
            Some(label) => CollidesWith::Member(label.to_owned()),
            None => CollidesWith::Base(lab.first),
        };
        members.iter().map(|(label, text)| (with(*label), Some((*text).to_owned()))).collect()
    };
    let of = |member: &str, texts: [&str; 4], members: &[(Option<&str>, &str)]| Seen {
        member: member.to_owned(),
        path: "y/moved.yml".to_owned(),
        from: Some("x/a.yml".to_owned()),
        versions: versions(texts),
        past: past(members),
    };
    let (one, two) = ("key1: one", "key1: one, key9: two");
    let three = "key1: one, key9: two, key17: three";
    let four = "key1: one, key5: four, key9: two, key17: three";
    let base = (None, "");
    assert_eq!(
        seen,
        [
            of("#2", ["", one, "key9: two", two], &[base, (Some("#1"), one)]),
            of("#3", ["", two, "key17: three", three], &[base, (Some("#1"), one), (Some("#2"), two)]),
            of(
                "#4",
                ["", three, "key5: four", four],
                &[base, (Some("#1"), one), (Some("#2"), two), (Some("#3"), three)]
            ),
        ]
    );
    assert_eq!(
        lab.text(composed.tree, "y/moved.yml").await,
        Some(with(&[("key1", "one"), ("key5", "four"), ("key9", "two"), ("key17", "three"),]))
    );
    lab.fsck();
}

/// Two lines of work that merged each other have two best common ancestors: the base is what those merge to.
#[tokio::test]
async fn of_several_common_ancestors_the_base_is_what_they_merge_to() {
    let lab = Lab::new(&[("a.yml", &text())]).await;
    let commit = |parents: &[CommitId], changes: &[(&str, &str)]| -> CommitId {
        let file = lab.folder.path().join("version");
        std::fs::write(&file, with(changes)).unwrap();
        let blob = git_ok(&lab.git_dir(), &["hash-object", "-w", file.to_str().unwrap()]);
        let listing = lab.folder.path().join("listing");
        std::fs::write(&listing, format!("100644 blob {blob}\ta.yml\n")).unwrap();
        let script = format!("git mktree < {}", listing.to_str().unwrap());
        let made = std::process::Command::new("sh").args(["-c", &script]).current_dir(lab.git_dir()).output();
        let tree = String::from_utf8(made.unwrap().stdout).unwrap().trim().to_owned();
        let identity = ["-c", "user.name=Ana", "-c", "user.email=ana@lab.example"];
        let mut arguments: Vec<String> = identity.map(str::to_owned).into();
        arguments.extend(["commit-tree".to_owned(), tree, "-m".to_owned(), "x".to_owned()]);
        arguments.extend(parents.iter().flat_map(|parent| ["-p".to_owned(), parent.to_string()]));
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        git_ok(&lab.git_dir(), &arguments).parse().unwrap()
    };
    let (left, right) = (commit(&[lab.first], &[("key1", "l")]), commit(&[lab.first], &[("key17", "r")]));
    let both = [("key1", "l"), ("key17", "r")];
    let ours = commit(&[left, right], &[both[0], ("key5", "ours"), both[1]]);
    let theirs = commit(&[right, left], &[both[0], ("key11", "theirs"), both[1]]);
    let before = git_ok(&lab.git_dir(), &["count-objects", "-v"]);
    let (composed, seen) = seen(&lab, ours, vec![named(1, theirs)]).await;
    assert!(matches!(composed.members[0], MemberOutcome::Merged { .. }), "{composed:?}");
    let [seen] = seen.as_slice() else { panic!("{seen:?}") };
    assert_eq!((seen.path.as_str(), &seen.from), ("a.yml", &None));
    let base = "key1: l, key17: r";
    assert_eq!(
        seen.versions,
        versions([
            base,
            "key1: l, key5: ours, key17: r",
            "key1: l, key11: theirs, key17: r",
            "key1: l, key5: ours, key11: theirs, key17: r"
        ])
    );
    // What the ancestors merge to is nobody's: of all that, the merge commit with its tree and file is stored.
    let objects = |text: &str| -> u64 {
        let counted = |name: &str| {
            let line = text.lines().find_map(|line| line.strip_prefix(name)).unwrap();
            line.trim().parse::<u64>().unwrap()
        };
        counted("count:") + counted("in-pack:")
    };
    let after = git_ok(&lab.git_dir(), &["count-objects", "-v"]);
    assert_eq!(objects(&after) - objects(&before), 3, "{before}\n{after}");
    lab.fsck();
}
