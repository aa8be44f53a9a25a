//! What `git diff` shows as changed is told: the law of `law/mod.rs` on Git's own hunks.
//!
//! Git and this crate use the same algorithm with different ways to save time, so that they may choose differently which of
//! several equal lines are the changed ones. The law that holds is therefore:
//!
//! - A change names a line of Git's hunk. This has no exception where real files were edited.
//! - Else the file says the same line several times, and every line of the hunk is word for word a line that a change
//!   names, on the same side: what Git shows as changed is told, of an equal line.

#![expect(clippy::unwrap_used, reason = "a test that does not get what it needs has failed")]

mod law;

use std::collections::{BTreeMap, HashSet};
use std::path::{Path, PathBuf};
use std::process::Command;

type Lines = Option<law::Range>;

/// A small generator of numbers: the same seed gives the same files.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) as usize) % limit.max(1)
    }
}

/// Does some of what people do to lines.
fn edited(text: &str, numbers: &mut Numbers) -> String {
    let mut lines: Vec<String> = text.split_inclusive('\n').map(str::to_owned).collect();
    for _ in 0..=numbers.below(6) {
        let (at, to) = (numbers.below(lines.len()), numbers.below(lines.len() + 1));
        let end = (at + 1 + numbers.below(5)).min(lines.len());
        match numbers.below(7) {
            _ if lines.is_empty() => lines.push("a: 1\n".to_owned()),
            0 => drop(lines.drain(at..end)),
            1 => drop(lines.splice(to..to, lines[at..end].to_vec())),
            2 => {
                let moved: Vec<String> = lines.drain(at..end).collect();
                let to = to.min(lines.len());
                drop(lines.splice(to..to, moved));
            }
            3 => lines[at..end].iter_mut().for_each(|line| line.insert_str(0, "  ")),
            4 => lines.insert(at, "  # Only said.\n".to_owned()),
            5 => lines[at] = lines[at].replace(['a', '1', 't'], "e"),
            _ => lines.insert(at, "\n".to_owned()),
        }
    }
    lines.concat()
}

/// Lines of few kinds, where line diffs have most to choose from.
fn monotonous(numbers: &mut Numbers) -> String {
    const LINES: [&str; 8] =
        ["a: 1\n", "b:\n", "  - x\n", "  - y\n", "- name: a\n", "  v: 1\n", "\n", "# c\n"];
    (0..numbers.below(40)).map(|_| LINES[numbers.below(LINES.len())]).collect()
}

fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap().flatten() {
        if entry.path().is_dir() {
            files(&entry.path(), found);
        } else {
            found.push(entry.path());
        }
    }
}

/// The hunks that the command `git diff` finds between two folders, by file.
fn by_git(folder: &Path) -> BTreeMap<String, Vec<(Lines, Lines)>> {
    let mut git = Command::new("git");
    git.env_clear().env("PATH", std::env::var_os("PATH").unwrap()).env("HOME", "/nonexistent");
    git.env("GIT_CONFIG_NOSYSTEM", "1").env("GIT_CONFIG_GLOBAL", "/dev/null").env("LC_ALL", "C");
    git.arg("-C").arg(folder).args([
        "diff",
        "--no-index",
        "--no-prefix",
        "--no-color",
        "-U0",
        "--text",
        "old",
        "new",
    ]);
    let output = git.output().unwrap();
    assert!(matches!(output.status.code(), Some(0 | 1)), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8_lossy(&output.stdout);
    let mut hunks: BTreeMap<String, Vec<(Lines, Lines)>> = BTreeMap::new();
    let mut file = String::new();
    let mut left = 0;
    for line in text.split('\n') {
        if let Some(header) = line.strip_prefix("@@ -").filter(|_| left == 0) {
            let mut sides = header.split(" @@").next().unwrap().split(" +");
            let mut side = || {
                let (start, count) =
                    sides.next().map(|side| side.split_once(',').unwrap_or((side, "1"))).unwrap();
                let (start, count): (u32, u32) = (start.parse().unwrap(), count.parse().unwrap());
                left += count;
                (count > 0).then(|| (start, start + count - 1))
            };
            let hunk = (side(), side());
            hunks.entry(file.clone()).or_default().push(hunk);
        } else if left > 0 && line.starts_with(['+', '-']) {
            left -= 1;
        } else if let Some(name) = line.strip_prefix("+++ new/").filter(|_| left == 0) {
            file = name.trim_end_matches('\t').to_owned();
        }
    }
    hunks
}

#[test]
fn what_git_shows_as_changed_is_told() {
    let root = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("git-hunks-{}", std::process::id()));
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/clinical-lab/files");
    let mut sources = Vec::new();
    files(&fixtures, &mut sources);
    sources.sort();
    let mut numbers = Numbers(7);
    let mut pairs: Vec<(String, String, String)> = Vec::new();
    for source in &sources {
        let Ok(text) = std::fs::read_to_string(source) else { continue };
        let path = source.strip_prefix(&fixtures).unwrap().to_string_lossy().into_owned();
        for variant in 0..2 {
            pairs.push((format!("{variant}/{path}"), text.clone(), edited(&text, &mut numbers)));
        }
    }
    for number in 0..600 {
        let end = ["yml", "yml", "txt"][number % 3];
        let old = monotonous(&mut numbers);
        let new = if number % 2 == 0 { monotonous(&mut numbers) } else { edited(&old, &mut numbers) };
        pairs.push((format!("generated/{number}.{end}"), old, new));
    }
    for (path, old, new) in &pairs {
        for (side, text) in [("old", old), ("new", new)] {
            let file = root.join(side).join(path);
            std::fs::create_dir_all(file.parent().unwrap()).unwrap();
            std::fs::write(file, text).unwrap();
        }
    }
    let hunks = by_git(&root);
    std::fs::remove_dir_all(&root).unwrap();
    assert!(hunks.len() > 1_000, "{} files differ", hunks.len());
    let (mut all, mut elsewhere, mut lost) = (0, 0, Vec::new());
    for (path, old, new) in &pairs {
        let Some(hunks) = hunks.get(path) else {
            assert_eq!(old, new, "{path}: git sees a difference");
            continue;
        };
        let told: law::Told =
            law::holds(path, old.as_bytes(), new.as_bytes()).iter().map(law::named).collect();
        for hunk in hunks {
            all += 1;
            if law::is_told(&told, *hunk) {
                continue;
            }
            elsewhere += 1;
            if !path.starts_with("generated/") || !is_said_elsewhere(&told, *hunk, (old, new)) {
                lost.push(format!("{path} {hunk:?}\n{old}\n----\n{new}\n{told:?}"));
            }
        }
        law::holds_elsewhere(path, old.as_bytes(), new.as_bytes());
    }
    assert!(lost.is_empty(), "{} of {all}: {}", lost.len(), lost.join("\n\n"));
    assert!(all > 3_000 && elsewhere * 200 < all, "{elsewhere} of {all} hunks are told elsewhere");
}

/// True if every line of the hunk equals one that a change names on the same side.
fn is_said_elsewhere(told: &law::Told, (before, after): (Lines, Lines), (old, new): (&str, &str)) -> bool {
    let lines = |text: &str, (start, end): law::Range| -> Vec<String> {
        let count = (end + 1 - start) as usize;
        text.split('\n').skip(start as usize - 1).take(count).map(str::to_owned).collect()
    };
    let said = |text: &str, hunk: Lines, ranges: Vec<law::Range>| {
        let named: HashSet<String> = ranges.into_iter().flat_map(|range| lines(text, range)).collect();
        hunk.into_iter().flat_map(|hunk| lines(text, hunk)).all(|line| named.contains(&line))
    };
    let (base, head): (Vec<_>, Vec<_>) = told.iter().cloned().unzip();
    said(old, before, base.concat()) && said(new, after, head.concat())
}
