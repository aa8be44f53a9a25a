//! Measures composition against `git merge --no-ff` and one long-lived `git merge-tree --stdin`, on one history.
//!
//! - `ours_ms`: the whole call, with the synced pack and the keep-ref; the median of three, each on a repository of its
//!   own that no other had read before, since a call this short hardly outlasts one pause of a busy machine.
//! - `reading_ms`: the same with every combined file read strictly and compared key by key, as the server composes.
//! - `git_merge_ms`: one `git merge --no-ff` per changeset in a work tree.
//! - `merge_tree_ms`: one `git merge-tree --stdin` for all, and one `git commit-tree` per changeset, since the former
//!   makes no commits.
//! - `merge_tree_only_ms`: the same without that command; this process writes the commits itself, as loose objects.
//!
//! Prints one JSON line. Arguments: `--files N` (5000), `--changesets M` (500), `--max-edits E` (5), `--seed S` (1).

#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a bench prints, and stops at the first thing that fails"
)]

use conman_domain::git::Signature;
use conman_domain::id::AppId;
use conman_domain::name::BranchName;
use conman_domain::{CommitId, Timestamp};
use conman_git::{
    ComposeHooks, ComposeMember, ComposePlan, ComposeProgress, ImportSource, KeepName, MemberOutcome,
    Ownership, Repositories, Repository,
};
use conman_workflow::reading_hooks;
use parking_lot::Mutex;
use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead as _, BufReader, BufWriter, Read as _, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Instant;
use uuid::Uuid;

const BEGIN: i64 = 1_767_225_600;

/// A small generator of numbers: the same seed gives the same history.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) as usize) % limit
    }
}

fn argument(name: &str, default: usize) -> usize {
    let mut arguments = std::env::args().skip_while(|argument| argument != name);
    arguments.nth(1).map_or(default, |text| text.parse().unwrap())
}

/// The path of a file: 50 to a folder, 40 folders to a folder.
fn name(number: usize) -> String {
    format!("area{:02}/group{:02}/entity{:02}.yml", number / 2000, number / 50 % 40, number % 50)
}

/// Sixty lines, about 2 KB, as configuration looks.
fn content(number: usize, changes: &[(usize, usize)]) -> String {
    let mut text = format!("name: entity_{number}\ntype: entity\nfields:\n");
    for field in 0..19 {
        text.push_str(&format!(
            "  - name: field_{field}_of_{number}\n    type: string\n    label: Field {field}\n"
        ));
    }
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    for (changeset, line) in changes {
        lines[*line] = format!("{} # by {changeset}", lines[*line]);
    }
    lines.join("\n") + "\n"
}

fn git(folder: &Path) -> Command {
    let mut command = Command::new("git");
    command.env_clear().env("PATH", std::env::var_os("PATH").unwrap()).env("HOME", "/nonexistent");
    command.env("GIT_CONFIG_NOSYSTEM", "1").env("GIT_CONFIG_GLOBAL", "/dev/null").env("LC_ALL", "C");
    for who in ["AUTHOR", "COMMITTER"] {
        command
            .env(format!("GIT_{who}_NAME"), "Conman")
            .env(format!("GIT_{who}_EMAIL"), "conman@lab.example");
        command.env(format!("GIT_{who}_DATE"), format!("{BEGIN} +0000"));
    }
    command
        .args(["-c", "safe.directory=*", "-c", "gc.auto=0", "-c", "maintenance.auto=false"])
        .arg("-C")
        .arg(folder);
    command
}

fn git_ok(folder: &Path, arguments: &[&str]) -> String {
    let output = git(folder).args(arguments).output().unwrap();
    assert!(output.status.success(), "git {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// Builds the source: `main`, packed, and one branch per changeset that modifies 1 to `max_edits` files, its objects
/// loose: that is how a server has them whose users saved and committed one by one.
fn build(folder: &Path, files: usize, changesets: usize, max_edits: usize, seed: u64) {
    git_ok(folder, &["init", "-q", "-b", "main", "source"]);
    let source = folder.join("source");
    let who = format!("committer C <c@lab.example> {BEGIN} +0000");
    fast_import(&source, |out| {
        write!(out, "commit refs/heads/main\n{who}\ndata 2\nx\n").unwrap();
        for number in 0..files {
            let text = content(number, &[]);
            write!(out, "M 100644 inline {}\ndata {}\n{text}", name(number), text.len()).unwrap();
        }
    });
    git_ok(&source, &["repack", "-adq"]);
    let mut numbers = Numbers(seed);
    let mut taken: BTreeSet<(usize, usize)> = BTreeSet::new();
    fast_import(&source, |out| {
        for changeset in 0..changesets {
            write!(out, "commit refs/heads/c{changeset}\n{who}\ndata 2\nx\nfrom refs/heads/main\n").unwrap();
            let mut edited = BTreeSet::new();
            for _ in 0..1 + numbers.below(max_edits) {
                let file = numbers.below(files);
                // Two changesets may edit one file, at lines apart: every merge is clean, many combine lines.
                let mut lines = (0..200).map(|_| 3 + numbers.below(57));
                let line =
                    lines.find(|line| (line - 2..=line + 2).all(|line| !taken.contains(&(file, line))));
                if let Some(line) = line.filter(|_| edited.insert(file)) {
                    taken.insert((file, line));
                    let text = content(file, &[(changeset, line)]);
                    write!(out, "M 100644 inline {}\ndata {}\n{text}", name(file), text.len()).unwrap();
                }
            }
        }
    });
}

/// Feeds `git fast-import`, whose objects end up loose.
fn fast_import(source: &Path, feed: impl FnOnce(&mut dyn Write)) {
    let mut command = git(source);
    command.args(["-c", "fastimport.unpackLimit=100000000", "fast-import", "--quiet"]);
    let mut child = command.stdin(Stdio::piped()).spawn().unwrap();
    let mut out = BufWriter::new(child.stdin.take().unwrap());
    feed(&mut out);
    out.flush().unwrap();
    drop(out);
    assert!(child.wait().unwrap().success());
}

/// Composes with ours; milliseconds in all and the median of one member, and the final commit.
async fn ours(
    repository: &Repository,
    members: Vec<ComposeMember>,
    base: CommitId,
    hooks: ComposeHooks,
) -> (f64, f64, String) {
    let who = signature();
    let times = Arc::new(Mutex::new(Vec::with_capacity(members.len() + 1)));
    let progress = {
        let times = times.clone();
        Box::new(move |_: ComposeProgress| {
            times.lock().push(Instant::now());
            true
        })
    };
    let hooks = ComposeHooks { progress, ..hooks };
    let keep = KeepName::other(&BranchName::parse("bench").unwrap());
    let begin = Instant::now();
    let composed =
        repository.compose(ComposePlan { base, members, committer: who, keep }, hooks).await.unwrap();
    let total = begin.elapsed().as_secs_f64() * 1000.0;
    assert!(
        composed.members.iter().all(|outcome| matches!(outcome, MemberOutcome::Merged { .. })),
        "{composed:?}"
    );
    let times = times.lock();
    let mut each: Vec<f64> =
        times.windows(2).map(|pair| (pair[1] - pair[0]).as_secs_f64() * 1000.0).collect();
    each.sort_by(f64::total_cmp);
    (total, each[each.len() / 2], composed.commit.to_string())
}

fn signature() -> Signature {
    Signature::new("Conman", "conman@lab.example", Timestamp::from_millis(BEGIN * 1000))
}

/// Merges in a work tree, one command per member.
fn by_git_merge(folder: &Path, heads: &[String]) -> (f64, String) {
    git_ok(folder, &["clone", "-q", "-b", "main", "source", "work"]);
    let work = folder.join("work");
    let begin = Instant::now();
    for (number, head) in heads.iter().enumerate() {
        git_ok(&work, &["merge", "--no-ff", "-q", "-m", &format!("Merge #{number}"), head]);
    }
    (begin.elapsed().as_secs_f64() * 1000.0, git_ok(&work, &["rev-parse", "HEAD"]))
}

/// How the commit of a merge that `git merge-tree` made is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Commits {
    /// By `git commit-tree`.
    ByGit,
    /// By this process.
    Here,
}

/// Merges by one `git merge-tree --stdin` for all members.
fn by_merge_tree(folder: &Path, heads: &[String], base: &str, commits: Commits) -> (f64, String) {
    let bare = folder.join(format!("bare-{commits:?}"));
    git_ok(folder, &["clone", "-q", "--bare", "source", bare.to_str().unwrap()]);
    let mut command = Command::new("stdbuf");
    command.env_clear().args(["-o0", "git"]).args(git(&bare).get_args());
    command.args(["merge-tree", "--stdin", "--no-messages"]);
    command.envs(git(&bare).get_envs().filter_map(|(key, value)| value.map(|value| (key, value))));
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    let begin = Instant::now();
    let mut at = base.to_owned();
    for (number, head) in heads.iter().enumerate() {
        writeln!(stdin, "{at} {head}").unwrap();
        stdin.flush().unwrap();
        let mut answer = Vec::new();
        // "1", the tree, and an empty part: a clean merge.
        for _ in 0..3 {
            stdout.read_until(0, &mut answer).unwrap();
        }
        let answer = String::from_utf8(answer).unwrap();
        let parts: Vec<&str> = answer.split('\0').collect();
        assert_eq!(parts[0], "1", "{parts:?}");
        let message = format!("Merge #{number}");
        at = match commits {
            Commits::ByGit => {
                git_ok(&bare, &["commit-tree", parts[1], "-p", &at, "-p", head, "-m", &message])
            }
            Commits::Here => write_commit(&bare, parts[1], &[&at, head], &message),
        };
    }
    let total = begin.elapsed().as_secs_f64() * 1000.0;
    drop(stdin);
    child.wait().unwrap();
    (total, at)
}

/// Writes a loose commit object in this process: the peer pays for no command per commit.
fn write_commit(bare: &Path, tree: &str, parents: &[&str], message: &str) -> String {
    use sha1::{Digest as _, Sha1};
    let mut text = format!("tree {tree}\n");
    for parent in parents {
        text.push_str(&format!("parent {parent}\n"));
    }
    let who = format!("Conman <conman@lab.example> {BEGIN} +0000");
    text.push_str(&format!("author {who}\ncommitter {who}\n\n{message}\n"));
    let whole = format!("commit {}\0{text}", text.len());
    let id = hex::encode(Sha1::digest(whole.as_bytes()));
    let folder = bare.join("objects").join(&id[..2]);
    fs::create_dir_all(&folder).unwrap();
    let mut packed = Vec::new();
    flate2::read::ZlibEncoder::new(whole.as_bytes(), flate2::Compression::fast())
        .read_to_end(&mut packed)
        .unwrap();
    fs::write(folder.join(&id[2..]), packed).unwrap();
    id
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let (files, changesets) = (argument("--files", 5000), argument("--changesets", 500));
    let folder = tempfile::tempdir().unwrap();
    let root: PathBuf = folder.path().to_owned();
    build(&root, files, changesets, argument("--max-edits", 5), argument("--seed", 1) as u64);
    let source = root.join("source");
    let base = git_ok(&source, &["rev-parse", "main"]);
    let heads: Vec<String> =
        (0..changesets).map(|number| git_ok(&source, &["rev-parse", &format!("c{number}")])).collect();

    let members: Vec<ComposeMember> = heads
        .iter()
        .enumerate()
        .map(|(number, head)| ComposeMember {
            label: format!("#{number}"),
            head: head.parse().unwrap(),
            author: signature(),
            message: format!("Merge #{number}"),
        })
        .collect();
    let repositories = Repositories::open(&root.join("repos"), Ownership::Exclusive).await.unwrap();
    let (mut runs, mut reading) = (Vec::new(), Vec::new());
    for number in 1..=6 {
        let app = AppId::new(Uuid::from_u128(number));
        let main = BranchName::parse("main").unwrap();
        repositories.import(app, ImportSource::Local(source.clone()), &main).await.unwrap();
        let bare = root.join("repos").join(format!("{app}.git"));
        let fetch = ["-c", "protocol.file.allow=always", "-c", "fetch.unpackLimit=100000000", "fetch", "-q"];
        let what = [source.to_str().unwrap(), "+refs/heads/c*:refs/heads/c*"];
        git_ok(&bare, &[&fetch[..], &what[..]].concat());
        let (into, hooks) = match number % 2 {
            0 => (&mut reading, reading_hooks()),
            _ => (&mut runs, ComposeHooks::default()),
        };
        into.push(ours(&repositories.get(app), members.clone(), base.parse().unwrap(), hooks).await);
    }
    let median_of = |mut runs: Vec<(f64, f64, String)>| {
        runs.sort_by(|a, b| a.0.total_cmp(&b.0));
        runs.swap_remove(runs.len() / 2)
    };
    let (ours_ms, median, our_commit) = median_of(runs);
    let (reading_ms, _, reading_commit) = median_of(reading);
    let (merge_tree_ms, tree_commit) = by_merge_tree(&root, &heads, &base, Commits::ByGit);
    let (merge_tree_only_ms, only_commit) = by_merge_tree(&root, &heads, &base, Commits::Here);
    let (git_merge_ms, git_commit) = by_git_merge(&root, &heads);
    let same_commit = [&reading_commit, &tree_commit, &only_commit, &git_commit]
        .into_iter()
        .all(|commit| *commit == our_commit);
    println!(
        "{{\"bench\":\"compose\",\"files\":{files},\"changesets\":{changesets},\"ours_ms\":{ours_ms:.1},\
         \"reading_ms\":{reading_ms:.1},\"ratio_reading\":{:.2},\
         \"ours_median_ms_per_changeset\":{median:.3},\"git_merge_ms\":{git_merge_ms:.1},\
         \"merge_tree_ms\":{merge_tree_ms:.1},\"merge_tree_only_ms\":{merge_tree_only_ms:.1},\
         \"ratio_git_merge\":{:.1},\"ratio_merge_tree\":{:.1},\"ratio_merge_tree_only\":{:.1},\
         \"same_commit\":{same_commit}}}",
        reading_ms / ours_ms,
        git_merge_ms / ours_ms,
        merge_tree_ms / ours_ms,
        merge_tree_only_ms / ours_ms,
    );
}
