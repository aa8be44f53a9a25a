//! What became of a file: its changes, and the one that last set each line, held against Git's own answers.

use crate::common::{git_ok, git_with, path};
use conman_domain::CommitId;
use conman_domain::id::AppId;
use conman_git::{
    ChangeKind, FileHistory, HistoryLimits, ImportSource, LineSource, LogPage, Ownership, Repositories,
    Repository,
};
use std::collections::HashMap;
use std::fs;
use std::path::Path;
use std::time::Duration;
use tempfile::TempDir;

const FILE: &str = "pages/list.yml";
const ALL: LogPage = LogPage { skip: 0, limit: 1_000 };

/// A repository that was written with Git, and the same as an app has it.
struct Past {
    source: TempDir,
    _folder: TempDir,
    repository: Repository,
    head: CommitId,
}

impl Past {
    /// Makes a repository, imports it, and hands it over.
    async fn of(write: impl FnOnce(&Path)) -> Self {
        let (source, folder) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        git_ok(source.path(), &["init", "-q", "-b", "main"]);
        write(source.path());
        let repositories =
            Repositories::open(&folder.path().join("repos"), Ownership::Exclusive).await.unwrap();
        let app = AppId::new(uuid::Uuid::from_u128(1));
        let main = crate::common::branch("main");
        let from = ImportSource::Local(source.path().to_owned());
        let head = repositories.import(app, from, &main).await.unwrap();
        // An import takes a branch; tags are what publishing places later.
        let own = folder.path().join("repos").join(format!("{app}.git"));
        git_ok(&own, &["fetch", "-q", source.path().to_str().unwrap(), "refs/tags/*:refs/tags/*"]);
        Self { repository: repositories.get(app), source, _folder: folder, head }
    }

    async fn changes(&self, name: &str, page: LogPage) -> FileHistory {
        self.repository.file_history(self.head, &path(name), page, HistoryLimits::default()).await.unwrap()
    }

    fn git(&self, args: &[&str]) -> String {
        git_ok(self.source.path(), args)
    }
}

fn commit(folder: &Path, seconds: usize, message: &str) -> String {
    git_ok(folder, &["add", "-A"]);
    let date = format!("{} +0000", 1_767_225_600 + seconds);
    let env = [("GIT_AUTHOR_DATE", date.as_str()), ("GIT_COMMITTER_DATE", date.as_str())];
    let made = git_with(folder, &["commit", "-q", "--allow-empty", "-m", message], &env);
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    git_ok(folder, &["rev-parse", "HEAD"])
}

fn write(folder: &Path, name: &str, text: &str) {
    let file = folder.join(name);
    fs::create_dir_all(file.parent().unwrap()).unwrap();
    fs::write(file, text).unwrap();
}

/// A generator of numbers that anybody gets again.
struct Dice(u64);

impl Dice {
    fn below(&mut self, most: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % most
    }
}

/// Writes a file of numbered lines, edited at random places again and again, and moved once in a while.
fn edited(folder: &Path, seed: u64, steps: usize) -> String {
    let mut dice = Dice(seed);
    let mut name = FILE.to_owned();
    let mut lines: Vec<String> = (0..40).map(|line| format!("first {line}")).collect();
    for step in 0..steps {
        for edit in 0..=dice.below(3) {
            let at = dice.below(lines.len() + 1);
            match dice.below(3) {
                0 => lines.insert(at, format!("step {step} edit {edit}")),
                1 if at < lines.len() && lines.len() > 8 => drop(lines.remove(at)),
                _ if at < lines.len() => lines[at] = format!("step {step} change {edit}"),
                _ => lines.push(format!("step {step} end {edit}")),
            }
        }
        if dice.below(12) == 0 {
            fs::remove_file(folder.join(&name)).ok();
            name = format!("pages/list-{step}.yml");
        }
        write(folder, &name, &(lines.join("\n") + "\n"));
        write(folder, "other.txt", &format!("{}\n", dice.below(3)));
        commit(folder, step, &format!("Step {step}"));
    }
    name
}

#[tokio::test]
async fn lines_come_from_where_git_says() {
    for seed in 1..=6 {
        let mut name = String::new();
        let past = Past::of(|folder| name = edited(folder, seed, 60)).await;
        let text = fs::read(past.source.path().join(&name)).unwrap();
        let blame =
            past.repository.blame(past.head, &path(&name), text.clone(), HistoryLimits::default()).await;
        let blame = blame.unwrap().unwrap();
        let git = past.git(&["blame", "--first-parent", "--porcelain", "main", "--", &name]);
        let is_head =
            |line: &&str| line.len() > 41 && line.as_bytes()[..40].iter().all(u8::is_ascii_hexdigit);
        let expected: Vec<&str> = git.lines().filter(is_head).map(|line| &line[..40]).collect();
        let found: Vec<String> = blame
            .lines
            .iter()
            .map(|line| match line {
                LineSource::Change(at) => blame.changes[*at].commit.id.to_string(),
                LineSource::Own | LineSource::Older => panic!("{line:?}"),
            })
            .collect();
        assert_eq!(found, expected, "seed {seed}");
    }
}

#[tokio::test]
async fn changes_are_those_that_git_tells_and_come_in_pages() {
    for seed in 1..=3 {
        let mut name = String::new();
        let past = Past::of(|folder| name = edited(folder, seed, 60)).await;
        let git =
            past.git(&["log", "--first-parent", "--follow", "-M50%", "--format=%H", "main", "--", &name]);
        let expected: Vec<&str> = git.lines().collect();
        let whole = past.changes(&name, ALL).await;
        let found: Vec<String> = whole.changes.iter().map(|change| change.commit.id.to_string()).collect();
        assert_eq!(found, expected, "seed {seed}");
        assert!(!whole.has_more && !whole.is_cut);
        let mut paged = Vec::new();
        loop {
            let page = past.changes(&name, LogPage { skip: paged.len(), limit: 7 }).await;
            paged.extend(page.changes);
            if !page.has_more {
                break;
            }
        }
        assert_eq!(paged, whole.changes);
    }
}

#[tokio::test]
async fn a_file_that_comes_goes_and_moves_is_told_as_that() {
    let past = Past::of(|folder| {
        let long: String = (0..20).map(|line| format!("line {line}\n")).collect();
        write(folder, "a.txt", &long);
        commit(folder, 0, "Add");
        fs::rename(folder.join("a.txt"), folder.join("b.txt")).unwrap();
        commit(folder, 1, "Move");
        write(folder, "c.txt", "unrelated\n");
        commit(folder, 2, "Elsewhere");
        fs::remove_file(folder.join("b.txt")).unwrap();
        commit(folder, 3, "Delete");
        write(folder, "b.txt", "anew\n");
        commit(folder, 4, "Add again");
    })
    .await;
    let history = past.changes("b.txt", ALL).await;
    let told: Vec<_> = history
        .changes
        .iter()
        .map(|c| (c.commit.message.trim(), c.kind, c.old_path.as_ref().map(ToString::to_string)))
        .collect();
    assert_eq!(
        told,
        [
            ("Add again", ChangeKind::Added, None),
            ("Delete", ChangeKind::Deleted, None),
            ("Move", ChangeKind::Renamed, Some("a.txt".to_owned())),
            ("Add", ChangeKind::Added, None),
        ]
    );
    assert_eq!(past.changes("never.txt", ALL).await.changes, []);
}

#[tokio::test]
async fn lines_that_nobody_committed_are_ones_own() {
    let past = Past::of(|folder| {
        write(folder, FILE, "one\ntwo\nthree\n");
        commit(folder, 0, "Add");
        write(folder, FILE, "one\nTWO\nthree\n");
        commit(folder, 1, "Change");
    })
    .await;
    let blame = async |name: &str, text: &str, limits| {
        past.repository.blame(past.head, &path(name), text.as_bytes().to_vec(), limits).await.unwrap()
    };
    let usual = HistoryLimits::default();
    let own = blame(FILE, "zero\none\nTWO\nthree\nfour", usual).await.unwrap();
    let [change, add] = [LineSource::Change(0), LineSource::Change(1)];
    assert_eq!(own.lines, [LineSource::Own, add, change, add, LineSource::Own]);
    assert_eq!(blame("new.txt", "a\nb\n", usual).await.unwrap().lines, [LineSource::Own; 2]);
    assert_eq!(blame(FILE, "", usual).await.unwrap().lines, []);
    assert_eq!(blame(FILE, "a\0b", usual).await, None, "no text");
    let small = HistoryLimits { bytes: 3, ..usual };
    assert_eq!(blame(FILE, "long", small).await, None, "too large");
}

#[tokio::test]
async fn what_is_bounded_says_that_it_was_cut() {
    let past = Past::of(|folder| drop(edited(folder, 9, 30))).await;
    let name = past.git(&["ls-files", "pages"]);
    let text = fs::read(past.source.path().join(&name)).unwrap();
    let usual = HistoryLimits::default();
    for limits in [HistoryLimits { commits: 5, ..usual }, HistoryLimits { time: Duration::ZERO, ..usual }] {
        let history = past.repository.file_history(past.head, &path(&name), ALL, limits).await.unwrap();
        assert!(history.is_cut && !history.has_more && history.changes.len() <= 5);
    }
    for limits in [HistoryLimits { commits: 5, ..usual }, HistoryLimits { versions: 3, ..usual }] {
        let blame = past.repository.blame(past.head, &path(&name), text.clone(), limits).await;
        let blame = blame.unwrap().unwrap();
        assert!(blame.lines.contains(&LineSource::Older), "{limits:?}");
        assert!(blame.lines.iter().all(|line| *line != LineSource::Own));
    }
}

#[tokio::test]
async fn merges_are_told_as_one_and_releases_by_their_tags() {
    let mut ids = HashMap::new();
    let past = Past::of(|folder| {
        write(folder, FILE, "one\ntwo\nthree\n");
        ids.insert("import", commit(folder, 0, "Import"));
        for (number, line) in [(1, "one"), (2, "three")] {
            git_ok(folder, &["checkout", "-q", "-b", &format!("work-{number}")]);
            for step in 1..=3 {
                let text = fs::read_to_string(folder.join(FILE)).unwrap();
                write(folder, FILE, &text.replace(line, &format!("{line} {step}")));
                commit(folder, number * 10 + step, &format!("Step {step}"));
            }
            git_ok(folder, &["checkout", "-q", "main"]);
            git_ok(folder, &["merge", "-q", "--no-ff", "-m", "Compose", &format!("work-{number}")]);
            git_ok(folder, &["tag", "-a", "-m", "release", &format!("r2026.01.0{number}.1")]);
        }
    })
    .await;
    let history = past.changes(FILE, ALL).await;
    let told: Vec<_> = history
        .changes
        .iter()
        .map(|c| (c.commit.message.trim(), c.tag.as_ref().map(ToString::to_string)))
        .collect();
    let tag = |day: u32| Some(format!("r2026.01.0{day}.1"));
    assert_eq!(told, [("Compose", tag(2)), ("Compose", tag(1)), ("Import", tag(1))]);
    assert_eq!(history.changes[2].commit.id.to_string(), ids["import"]);
    let text = fs::read(past.source.path().join(FILE)).unwrap();
    let blame = past.repository.blame(past.head, &path(FILE), text, HistoryLimits::default()).await;
    let [second, first, import] = [0, 1, 2].map(LineSource::Change);
    assert_eq!(blame.unwrap().unwrap().lines, [first, import, second]);
}
