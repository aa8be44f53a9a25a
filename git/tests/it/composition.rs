//! The law of composition: wherever `git merge --no-ff` merges cleanly, our tree is Git's; where it conflicts, so do we,
//! on Git's paths.

use crate::common::{Lab, ana, git, git_ok};
use conman_domain::CommitId;
use conman_domain::name::BranchName;
use conman_git::{ComposeHooks, ComposeMember, ComposePlan, KeepName, MemberOutcome};
use proptest::prelude::*;
use proptest::test_runner::{Config, FileFailurePersistence};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// One change of a member.
#[derive(Debug, Clone)]
enum Op {
    Modify { file: u8, line: u8, text: u8 },
    Insert { file: u8, line: u8, text: u8 },
    Cut { file: u8, line: u8 },
    Duplicate { file: u8, line: u8, length: u8, to: u8 },
    DropFinalNewline { file: u8 },
    ToCrlf { file: u8 },
    Binary { file: u8, text: u8 },
    Add { name: u8, text: u8 },
    AddBeneathFile { file: u8 },
    Delete { file: u8 },
    RenameFile { file: u8, name: u8 },
    RenameFolder { folder: u8, name: u8 },
    ReplaceFolderByFile { folder: u8 },
    Executable { file: u8 },
    MergeMember { other: u8 },
    Commit,
}

fn op() -> impl Strategy<Value = Op> {
    let file = any::<u8>();
    let (line, text) = (|| 0..14u8, || 0..40u8);
    prop_oneof![
        12 => (file, line(), text()).prop_map(|(file, line, text)| Op::Modify { file, line, text }),
        6 => (file, line(), text()).prop_map(|(file, line, text)| Op::Insert { file, line, text }),
        4 => (file, line()).prop_map(|(file, line)| Op::Cut { file, line }),
        2 => (file, line(), 1..5u8, line())
            .prop_map(|(file, line, length, to)| Op::Duplicate { file, line, length, to }),
        1 => file.prop_map(|file| Op::DropFinalNewline { file }),
        1 => file.prop_map(|file| Op::ToCrlf { file }),
        1 => (file, text()).prop_map(|(file, text)| Op::Binary { file, text }),
        5 => (any::<u8>(), text()).prop_map(|(name, text)| Op::Add { name, text }),
        1 => file.prop_map(|file| Op::AddBeneathFile { file }),
        4 => file.prop_map(|file| Op::Delete { file }),
        4 => (file, any::<u8>()).prop_map(|(file, name)| Op::RenameFile { file, name }),
        2 => (any::<u8>(), any::<u8>()).prop_map(|(folder, name)| Op::RenameFolder { folder, name }),
        1 => any::<u8>().prop_map(|folder| Op::ReplaceFolderByFile { folder }),
        1 => file.prop_map(|file| Op::Executable { file }),
        2 => any::<u8>().prop_map(|other| Op::MergeMember { other }),
        3 => Just(Op::Commit),
    ]
}

#[derive(Debug, Clone)]
struct Script {
    /// What the integration branch did after the members began.
    base: Vec<Op>,
    /// Each member: whether it begins at the integration head, and its changes.
    members: Vec<(bool, Vec<Op>)>,
}

fn script() -> impl Strategy<Value = Script> {
    let members = prop::collection::vec((any::<bool>(), prop::collection::vec(op(), 1..7)), 1..5);
    (prop::collection::vec(op(), 0..4), members).prop_map(|(base, members)| Script { base, members })
}

type Files = BTreeMap<String, (Vec<u8>, bool)>;

/// The start: few lines, some of them alike, so that changes meet and slide.
fn start() -> Files {
    let mut files = Files::new();
    for (number, name) in [
        "a.yml",
        "top.yml",
        "entities/patient.yml",
        "entities/order.yml",
        "entities/x/deep.yml",
        "pages/home.yml",
    ]
    .iter()
    .enumerate()
    {
        let mut text = String::new();
        for line in 0..12 {
            match line % 4 {
                3 => text.push_str("  - item\n"),
                _ => text.push_str(&format!("key_{number}_{line}: value\n")),
            }
        }
        files.insert((*name).to_owned(), (text.into_bytes(), false));
    }
    files
}

const NAMES: [&str; 8] = [
    "b.yml",
    "entities/new.yml",
    "entities/x/new.yml",
    "pages/list.yml",
    "pages/sub/a.yml",
    "menus/main.yml",
    "top2.yml",
    "entities2/patient.yml",
];
const FOLDERS: [&str; 3] = ["entities", "entities/x", "pages"];
const NEW_FOLDERS: [&str; 4] = ["things", "pages/moved", "kinds/x", "menus"];

fn pick(files: &Files, number: u8) -> Option<String> {
    let len = files.len();
    (len > 0).then(|| files.keys().nth(usize::from(number) % len).unwrap().clone())
}

fn lines(bytes: &[u8]) -> Vec<Vec<u8>> {
    bytes.split_inclusive(|b| *b == b'\n').map(<[u8]>::to_vec).collect()
}

/// True when a file can lie at this path.
fn fits(files: &Files, name: &str) -> bool {
    files.keys().all(|other| {
        other != name && !other.starts_with(&format!("{name}/")) && !name.starts_with(&format!("{other}/"))
    })
}

fn apply(files: &mut Files, op: &Op) {
    let edit = |files: &mut Files, file: u8, change: &dyn Fn(&mut Vec<Vec<u8>>)| {
        if let Some(name) = pick(files, file) {
            let entry = files.get_mut(&name).unwrap();
            let mut all = lines(&entry.0);
            change(&mut all);
            entry.0 = all.concat();
        }
    };
    match op {
        Op::Modify { file, line, text } => edit(files, *file, &|all| {
            if let Some(at) = usize::from(*line).checked_rem(all.len()) {
                all[at] = format!("changed_{text}: x\n").into_bytes();
            }
        }),
        Op::Insert { file, line, text } => edit(files, *file, &|all| {
            let at = usize::from(*line) % (all.len() + 1);
            let line = if text % 3 == 0 { "  - item\n".to_owned() } else { format!("inserted_{text}: x\n") };
            all.insert(at, line.into_bytes());
        }),
        Op::Cut { file, line } => edit(files, *file, &|all| {
            if let Some(at) = usize::from(*line).checked_rem(all.len()) {
                all.remove(at);
            }
        }),
        Op::Duplicate { file, line, length, to } => edit(files, *file, &|all| {
            let from = usize::from(*line) % (all.len() + 1);
            let block: Vec<Vec<u8>> = all[from..(from + usize::from(*length)).min(all.len())].to_vec();
            let to = usize::from(*to) % (all.len() + 1);
            all.splice(to..to, block);
        }),
        Op::DropFinalNewline { file } => edit(files, *file, &|all| {
            if let Some(last) = all.last_mut().filter(|last| last.ends_with(b"\n")) {
                last.pop();
            }
        }),
        Op::ToCrlf { file } => edit(files, *file, &|all| {
            for line in all.iter_mut().filter(|line| line.ends_with(b"\n") && !line.ends_with(b"\r\n")) {
                line.insert(line.len() - 1, b'\r');
            }
        }),
        Op::Binary { file, text } => edit(files, *file, &|all| all.insert(0, vec![0, *text, b'\n'])),
        Op::Add { name, text } => {
            let name = NAMES[usize::from(*name) % NAMES.len()];
            if fits(files, name) {
                let body = (0..6).map(|line| format!("new_{line}_{}: x\n", text % 3)).collect::<String>();
                files.insert(name.to_owned(), (body.into_bytes(), false));
            }
        }
        Op::AddBeneathFile { file } => {
            if let Some(name) = pick(files, *file) {
                files.remove(&name);
                files.insert(format!("{name}/inside.yml"), (b"inside\nfile\n".to_vec(), false));
            }
        }
        Op::Delete { file } => {
            if let Some(name) = pick(files, *file) {
                files.remove(&name);
            }
        }
        Op::RenameFile { file, name } => {
            let to = NAMES[usize::from(*name) % NAMES.len()];
            if let Some(from) = pick(files, *file).filter(|_| fits(files, to)) {
                let content = files.remove(&from).unwrap();
                files.insert(to.to_owned(), content);
            }
        }
        Op::RenameFolder { folder, name } => {
            let from = format!("{}/", FOLDERS[usize::from(*folder) % FOLDERS.len()]);
            let to = format!("{}/", NEW_FOLDERS[usize::from(*name) % NEW_FOLDERS.len()]);
            if !to.starts_with(&from) {
                let moved: Vec<String> =
                    files.keys().filter(|name| name.starts_with(&from)).cloned().collect();
                for name in moved {
                    let target = format!("{to}{}", &name[from.len()..]);
                    if fits(files, &target) {
                        let content = files.remove(&name).unwrap();
                        files.insert(target, content);
                    }
                }
            }
        }
        Op::ReplaceFolderByFile { folder } => {
            let folder = FOLDERS[usize::from(*folder) % FOLDERS.len()];
            files.retain(|name, _| !name.starts_with(&format!("{folder}/")));
            if fits(files, folder) {
                files.insert(folder.to_owned(), (b"a file now\n".to_vec(), false));
            }
        }
        Op::Executable { file } => {
            if let Some(name) = pick(files, *file) {
                let entry = files.get_mut(&name).unwrap();
                entry.1 = !entry.1;
            }
        }
        Op::MergeMember { .. } | Op::Commit => {}
    }
}

/// Writes files with `git fast-import`'s stream, as a commit on a branch.
struct History {
    stream: Vec<u8>,
    next_mark: usize,
}

impl History {
    fn commit(&mut self, branch: &str, parents: &[String], files: &Files) -> String {
        self.next_mark += 1;
        let mark = format!(":{}", self.next_mark);
        let message = format!("{branch} {mark}");
        self.stream.extend_from_slice(
            format!(
                "commit refs/heads/{branch}\nmark {mark}\ncommitter Ana Author <ana@lab.example> {} +0000\ndata {}\n{message}\n",
                1_767_225_600 + self.next_mark,
                message.len(),
            )
            .as_bytes(),
        );
        for (number, parent) in parents.iter().enumerate() {
            let word = if number == 0 { "from" } else { "merge" };
            self.stream.extend_from_slice(format!("{word} {parent}\n").as_bytes());
        }
        self.stream.extend_from_slice(b"deleteall\n");
        for (name, (bytes, executable)) in files {
            let mode = if *executable { "100755" } else { "100644" };
            self.stream
                .extend_from_slice(format!("M {mode} inline {name}\ndata {}\n", bytes.len()).as_bytes());
            self.stream.extend_from_slice(bytes);
            self.stream.push(b'\n');
        }
        mark
    }
}

/// Builds the script's history; the branches are `main` and `m0`, `m1`, ….
fn build(git_dir: &Path, script: &Script) {
    let mut history = History { stream: Vec::new(), next_mark: 0 };
    let files = start();
    let root = history.commit("main", &[], &files);
    let (mut base_files, mut base) = (files.clone(), root.clone());
    for op in &script.base {
        apply(&mut base_files, op);
    }
    if base_files != files {
        base = history.commit("main", std::slice::from_ref(&root), &base_files);
    }
    // Members may merge what an earlier member had reached: criss-cross histories come of it.
    let mut reached: Vec<(String, Files)> = Vec::new();
    for (number, (fresh, ops)) in script.members.iter().enumerate() {
        let name = format!("m{number}");
        let (mut tip, mut files) =
            if *fresh { (base.clone(), base_files.clone()) } else { (root.clone(), start()) };
        let mut stored = files.clone();
        for op in ops {
            match op {
                Op::MergeMember { other } if !reached.is_empty() => {
                    let (other, theirs) = reached[usize::from(*other) % reached.len()].clone();
                    // Any tree may be the outcome of a merge; what the other side added is taken where it fits.
                    for (name, content) in theirs {
                        if fits(&files, &name) {
                            files.insert(name, content);
                        }
                    }
                    tip = history.commit(&name, &[tip, other], &files);
                    stored = files.clone();
                }
                Op::Commit => {
                    if stored != files {
                        tip = history.commit(&name, &[tip], &files);
                        stored = files.clone();
                    }
                }
                op => apply(&mut files, op),
            }
        }
        tip = history.commit(&name, &[tip], &files);
        reached.push((tip, files));
    }
    let mut child = std::process::Command::new("git")
        .args(["-c", "safe.directory=*", "-c", "core.fsync=none", "-C"])
        .arg(git_dir)
        .args(["fast-import", "--quiet", "--force"])
        .stdin(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    std::io::Write::write_all(&mut child.stdin.take().unwrap(), &history.stream).unwrap();
    assert!(child.wait().unwrap().success());
}

/// What Git makes of one member.
#[derive(Debug, PartialEq, Eq)]
enum Expected {
    Merged(String),
    Contained,
    Conflicted(BTreeSet<String>),
}

/// Merges the members with the git command in a work tree.
fn expected(work: &Path, count: usize) -> Vec<Expected> {
    let mut outcomes = Vec::new();
    for number in 0..count {
        let branch = format!("origin/m{number}");
        let contained = git(work, &["merge-base", "--is-ancestor", &branch, "HEAD"]).status.success();
        if contained {
            outcomes.push(Expected::Contained);
            continue;
        }
        let done =
            git(work, &["merge", "--no-ff", "--no-edit", "-q", "-m", &format!("Merge m{number}"), &branch]);
        if done.status.success() {
            outcomes.push(Expected::Merged(git_ok(work, &["rev-parse", "HEAD^{tree}"])));
            continue;
        }
        if done.status.code().is_none() && done.stderr.starts_with(b"BUG: merge-ort.c") {
            // Where folders are renamed against files Git can fail over its own work tree, after it found the conflict;
            // `git merge-tree`, which has none, tells of it.
            std::fs::remove_file(work.join(".git/index.lock")).unwrap();
            outcomes.push(Expected::Conflicted(BTreeSet::new()));
            git_ok(work, &["reset", "-q", "--hard"]);
            git_ok(work, &["clean", "-fdxq"]);
            continue;
        }
        let unmerged = git(work, &["ls-files", "-u", "-z"]);
        let paths = String::from_utf8(unmerged.stdout).unwrap();
        let paths: BTreeSet<String> = paths
            .split('\0')
            .filter_map(|line| line.split_once('\t'))
            // A file that gives way to a folder is called after its side by Git; ours keeps its name.
            .map(|(_, path)| path.split_once('~').map_or(path, |(own, _)| own).to_owned())
            .collect();
        assert!(String::from_utf8_lossy(&done.stdout).contains("CONFLICT"), "{done:?}");
        outcomes.push(Expected::Conflicted(paths));
        git_ok(work, &["reset", "-q", "--hard"]);
        git_ok(work, &["clean", "-fdxq"]);
    }
    outcomes
}

async fn compare(script: &Script) {
    let lab = Lab::in_memory(&[]).await;
    build(&lab.git_dir(), script);
    let work = lab.folder.path().join("work");
    let source = lab.git_dir();
    git_ok(lab.folder.path(), &["clone", "-q", "--shared", "-b", "main", source.to_str().unwrap(), "work"]);
    git_ok(&work, &["config", "core.fileMode", "true"]);

    let head = |name: &str| -> CommitId { git_ok(&source, &["rev-parse", name]).parse().unwrap() };
    let members: Vec<ComposeMember> = (0..script.members.len())
        .map(|number| ComposeMember {
            label: format!("#{number}"),
            head: head(&format!("m{number}")),
            author: ana(),
            message: format!("Merge m{number}"),
        })
        .collect();
    let plan = ComposePlan {
        base: head("main"),
        members,
        committer: ana(),
        keep: KeepName::other(&BranchName::parse("test").unwrap()),
    };
    let composed = lab.repository.compose(plan.clone(), ComposeHooks::default()).await.unwrap();

    let mut trees = Vec::new();
    for outcome in &composed.members {
        trees.push(match outcome {
            MemberOutcome::Merged { commit } => Expected::Merged(lab.tree(*commit).await.to_string()),
            MemberOutcome::AlreadyContained => Expected::Contained,
            MemberOutcome::Conflicted { conflicts } => {
                Expected::Conflicted(conflicts.iter().map(|conflict| conflict.path.to_string()).collect())
            }
        });
    }
    let expected = expected(&work, script.members.len());
    for (ours, gits) in trees.iter().zip(&expected) {
        match (ours, gits) {
            // Git itself may leave no path in conflict where folders are renamed against files: then any path will do.
            (Expected::Conflicted(_), Expected::Conflicted(paths)) if paths.is_empty() => {}
            (ours, gits) => assert_eq!(ours, gits, "{trees:?} {expected:?}"),
        }
    }
    // Authors, times and messages are the same, so the whole history must be.
    assert_eq!(composed.commit.to_string(), git_ok(&work, &["rev-parse", "HEAD"]));
    assert_eq!(lab.tree(composed.commit).await, composed.tree);
    lab.fsck();
    let again = lab.repository.compose(plan, ComposeHooks::default()).await.unwrap();
    assert_eq!(again, composed);
}

proptest! {
    #![proptest_config(Config {
        failure_persistence: Some(Box::new(FileFailurePersistence::WithSource("regressions"))),
        ..Config::with_cases(std::env::var("PROPTEST_CASES").ok().and_then(|n| n.parse().ok()).unwrap_or(40))
    })]

    #[test]
    fn composition_equals_git_merge(script in script()) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(compare(&script));
    }
}
