//! Combining the lines of two changed files, only where the outcome is beyond doubt.
//!
//! Git merges file contents on the grounds of its histogram diff, whose hunks it then slides and joins by heuristics.
//! This module computes the same diff before sliding, and combines two sets of hunks only when between every two of
//! different sides lies an unchanged line that occurs in no hunk at all: no sliding can carry a hunk across such a line
//! (a hunk slides past a line only by taking it in at one end for an equal one at the other), so that Git's hunks are
//! apart too and the outcome is the same. Everything else is left to Git itself.

use crate::diff::is_binary;
use std::collections::{HashMap, HashSet};

/// Lines that occur more often than this find no partner; Git then uses another algorithm.
const MAX_OCCURRENCES: u32 = 64;
/// Steps after which a diff is left to Git.
const MAX_STEPS: usize = 20_000_000;

/// A changed region: lines of the base, and what stands for them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Hunk {
    base: (usize, usize),
    side: (usize, usize),
}

/// Combines the changes of both sides; `None` when Git has to decide.
pub(crate) fn combine(base: &[u8], ours: &[u8], theirs: &[u8]) -> Option<Vec<u8>> {
    if is_binary(base) || is_binary(ours) || is_binary(theirs) {
        return None;
    }
    let mut names = HashMap::new();
    let base_lines = split(base, &mut names);
    let (our_lines, their_lines) = (split(ours, &mut names), split(theirs, &mut names));
    let ids = |lines: &[(u32, &[u8])]| lines.iter().map(|(id, _)| *id).collect::<Vec<u32>>();
    let (b, o, t) = (ids(&base_lines), ids(&our_lines), ids(&their_lines));
    let our_hunks = hunks(&b, &o, names.len())?;
    let their_hunks = hunks(&b, &t, names.len())?;

    let mut in_hunks: HashSet<u32> = HashSet::new();
    for (list, side) in [(&our_hunks, &o), (&their_hunks, &t)] {
        for hunk in list {
            in_hunks.extend(&b[hunk.base.0..hunk.base.1]);
            in_hunks.extend(&side[hunk.side.0..hunk.side.1]);
        }
    }
    let mut all: Vec<(Hunk, bool)> = our_hunks.into_iter().map(|hunk| (hunk, true)).collect();
    all.extend(their_hunks.into_iter().map(|hunk| (hunk, false)));
    all.sort_by_key(|(hunk, _)| hunk.base);
    for pair in all.windows(2) {
        let [(before, ours_first), (after, ours_then)] = pair else {
            continue;
        };
        if ours_first != ours_then {
            let between = b.get(before.base.1..after.base.0)?;
            if !between.iter().any(|line| !in_hunks.contains(line)) {
                return None;
            }
        }
    }

    let mut out = Vec::with_capacity(ours.len().max(theirs.len()) + 64);
    let mut at = 0;
    for (hunk, is_ours) in all {
        let lines = if is_ours { &our_lines } else { &their_lines };
        base_lines[at..hunk.base.0].iter().for_each(|(_, line)| out.extend_from_slice(line));
        lines[hunk.side.0..hunk.side.1].iter().for_each(|(_, line)| out.extend_from_slice(line));
        at = hunk.base.1;
    }
    base_lines[at..].iter().for_each(|(_, line)| out.extend_from_slice(line));
    Some(out)
}

/// Splits into lines with their ends, each with a number that equal lines share.
fn split<'l>(text: &'l [u8], names: &mut HashMap<&'l [u8], u32>) -> Vec<(u32, &'l [u8])> {
    text.split_inclusive(|b| *b == b'\n')
        .map(|line| {
            let next = names.len() as u32;
            (*names.entry(line).or_insert(next), line)
        })
        .collect()
}

/// The hunks between two lists of lines; `None` when Git would not use this algorithm, or it takes too long.
fn hunks(a: &[u32], b: &[u32], names: usize) -> Option<Vec<Hunk>> {
    let (mut a_changed, mut b_changed) = (vec![false; a.len()], vec![false; b.len()]);
    let mut search =
        Search { a, b, counts: vec![0; names], first: vec![0; names], next: vec![0; a.len()], steps: 0 };
    let mut open = vec![((0, a.len()), (0, b.len()))];
    while let Some((in_a, in_b)) = open.pop() {
        let common = if in_a.0 == in_a.1 || in_b.0 == in_b.1 { None } else { search.run(in_a, in_b)? };
        match common {
            None => {
                a_changed[in_a.0..in_a.1].fill(true);
                b_changed[in_b.0..in_b.1].fill(true);
            }
            Some(run) => {
                open.push(((in_a.0, run.a), (in_b.0, run.b)));
                open.push(((run.a + run.length, in_a.1), (run.b + run.length, in_b.1)));
            }
        }
    }
    let mut hunks = Vec::new();
    let (mut i, mut j) = (0, 0);
    while i < a.len() || j < b.len() {
        let start = (i, j);
        while i < a.len() && a_changed[i] {
            i += 1;
        }
        while j < b.len() && b_changed[j] {
            j += 1;
        }
        if (i, j) == start {
            i += 1;
            j += 1;
        } else {
            hunks.push(Hunk { base: (start.0, i), side: (start.1, j) });
        }
    }
    Some(hunks)
}

/// A region of equal lines.
#[derive(Clone, Copy)]
struct Run {
    a: usize,
    b: usize,
    length: usize,
}

/// Looks for the region of equal lines that holds the rarest line, and of those for the longest.
struct Search<'l> {
    a: &'l [u32],
    b: &'l [u32],
    /// How often a line occurs in the part of `a` that is looked at.
    counts: Vec<u32>,
    /// Its first position there, plus one.
    first: Vec<usize>,
    /// For a position in `a`, the next one of an equal line, plus one; 0 for none.
    next: Vec<usize>,
    steps: usize,
}

impl Search<'_> {
    /// `Some(None)` when there is nothing in common.
    fn run(&mut self, in_a: (usize, usize), in_b: (usize, usize)) -> Option<Option<Run>> {
        let a = self.a;
        for at in (in_a.0..in_a.1).rev() {
            let line = a[at] as usize;
            self.next[at] = if self.counts[line] == 0 { 0 } else { self.first[line] };
            self.first[line] = at + 1;
            self.counts[line] += 1;
        }
        let found = self.best(in_a, in_b);
        for line in &a[in_a.0..in_a.1] {
            self.counts[*line as usize] = 0;
        }
        self.steps += in_a.1 - in_a.0;
        if self.steps > MAX_STEPS { None } else { found }
    }

    fn best(&mut self, in_a: (usize, usize), in_b: (usize, usize)) -> Option<Option<Run>> {
        let mut best: Option<Run> = None;
        let mut rarest = MAX_OCCURRENCES + 1;
        let mut any = false;
        let mut at = in_b.0;
        while at < in_b.1 {
            let line = self.b[at] as usize;
            let count = self.counts[line];
            any |= count > 0;
            let mut past = at + 1;
            if count > 0 && count <= rarest {
                let mut position = self.first[line];
                'positions: while position > 0 {
                    let start = position - 1;
                    let (run, occurrences) = self.extend(in_a, in_b, start, at, count);
                    past = past.max(run.b + run.length);
                    let longest = best.map_or(1, |best| best.length);
                    if run.length > longest || occurrences < rarest {
                        best = Some(run);
                        rarest = occurrences;
                    }
                    position = self.next[start];
                    while position > 0 && position <= run.a + run.length {
                        position = self.next[position - 1];
                        if position == 0 {
                            break 'positions;
                        }
                    }
                    if self.steps > MAX_STEPS {
                        return None;
                    }
                }
            }
            at = past;
        }
        if any && rarest > MAX_OCCURRENCES { None } else { Some(best) }
    }

    /// Grows one pair of equal lines in both directions; also answers how often the rarest line grown over occurs.
    fn extend(
        &mut self,
        in_a: (usize, usize),
        in_b: (usize, usize),
        a: usize,
        b: usize,
        count: u32,
    ) -> (Run, u32) {
        let (mut start_a, mut start_b, mut end_a, mut end_b) = (a, b, a + 1, b + 1);
        let mut rarest = count;
        while start_a > in_a.0 && start_b > in_b.0 && self.a[start_a - 1] == self.b[start_b - 1] {
            start_a -= 1;
            start_b -= 1;
            rarest = rarest.min(self.counts[self.a[start_a] as usize]);
        }
        while end_a < in_a.1 && end_b < in_b.1 && self.a[end_a] == self.b[end_b] {
            rarest = rarest.min(self.counts[self.a[end_a] as usize]);
            end_a += 1;
            end_b += 1;
        }
        self.steps += end_a - start_a;
        (Run { a: start_a, b: start_b, length: end_a - start_a }, rarest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::objects::object_id;
    use proptest::prelude::*;
    use std::io::Write as _;
    use std::path::Path;
    use std::process::{Command, Stdio};

    fn text(lines: &[&str]) -> Vec<u8> {
        lines.iter().flat_map(|line| format!("{line}\n").into_bytes()).collect()
    }

    #[test]
    fn changes_apart_are_combined() {
        let base = text(&["a", "b", "c", "d", "e"]);
        let ours = text(&["A", "b", "c", "d", "e"]);
        let theirs = text(&["a", "b", "c", "d", "E", "f"]);
        assert_eq!(combine(&base, &ours, &theirs), Some(text(&["A", "b", "c", "d", "E", "f"])));
    }

    #[test]
    fn both_ends_against_the_middle() {
        let base = text(&["a", "b", "c", "d", "e", "f", "g"]);
        let ours = text(&["A", "b", "c", "d", "e", "f", "G"]);
        let theirs = text(&["a", "b", "c", "x", "d", "e", "f", "g"]);
        assert_eq!(combine(&base, &ours, &theirs), Some(text(&["A", "b", "c", "x", "d", "e", "f", "G"])));
    }

    #[test]
    fn what_touches_is_left_to_git() {
        let base = text(&["a", "b", "c"]);
        let (ours, theirs) = (text(&["A", "b", "c"]), text(&["a", "B", "c"]));
        assert_eq!(combine(&base, &ours, &theirs), None);
        assert_eq!(combine(&base, &ours, &ours), None);
        assert_eq!(combine(b"a\0", b"a\0b", b"c\0"), None);
    }

    #[test]
    fn a_line_that_could_slide_is_no_separator() {
        let base = text(&["a", "x", "b"]);
        let ours = text(&["a", "x", "x", "b"]);
        let theirs = text(&["A", "x", "b"]);
        assert_eq!(combine(&base, &ours, &theirs), None);
    }

    #[test]
    fn a_missing_line_feed_stays_missing() {
        assert_eq!(combine(b"a\nb\nc\nd", b"A\nb\nc\nd", b"a\nb\nc\nd"), Some(b"A\nb\nc\nd".to_vec()));
        assert_eq!(combine(b"a\nb\nc\nd", b"A\nb\nc\nd", b"a\nb\nc\nD"), Some(b"A\nb\nc\nD".to_vec()));
    }

    /// Few different lines, so that equal ones are everywhere and hunks could slide.
    fn lines() -> impl Strategy<Value = Vec<u8>> {
        prop::collection::vec(prop_oneof![3 => 0..3u8, 4 => 3..20u8], 4..24)
    }

    fn edits() -> impl Strategy<Value = Vec<(u8, usize, u8)>> {
        prop::collection::vec((0..5u8, 0..24usize, prop_oneof![0..3u8, 3..20u8, 20..26u8]), 1..4)
    }

    fn edited(base: &[u8], edits: &[(u8, usize, u8)]) -> Vec<u8> {
        let mut lines = base.to_vec();
        for (kind, at, line) in edits {
            let at = at % (lines.len() + 1);
            match kind {
                0 => lines.insert(at, *line),
                1 if at < lines.len() => drop(lines.remove(at)),
                2 => {
                    let block: Vec<u8> = lines[at..(at + 3).min(lines.len())].to_vec();
                    let to = (at * 7 + 3) % (lines.len() + 1);
                    lines.splice(to..to, block);
                }
                _ if at < lines.len() => lines[at] = *line,
                _ => {}
            }
        }
        lines
    }

    fn written(lines: &[u8]) -> Vec<u8> {
        lines.iter().flat_map(|line| format!("line {line}\n").into_bytes()).collect()
    }

    fn git(folder: &Path, args: &[&str], input: &[u8]) -> Vec<u8> {
        let mut child = Command::new("git")
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .arg("-C")
            .arg(folder)
            .args(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(input).unwrap();
        let output = child.wait_with_output().unwrap();
        assert!(output.status.code().is_some_and(|code| code < 2), "git {args:?}");
        output.stdout
    }

    proptest! {
        #![proptest_config(ProptestConfig {
            failure_persistence: None,
            ..ProptestConfig::with_cases(
                std::env::var("PROPTEST_CASES").ok().and_then(|n| n.parse().ok()).unwrap_or(30),
            )
        })]

        /// Whatever is combined here, Git merges cleanly and to the same bytes. Forty files to a merge.
        #[test]
        fn git_agrees(files in prop::collection::vec((lines(), edits(), edits()), 40)) {
            let folder = tempfile::tempdir().unwrap();
            git(folder.path(), &["init", "-q", "--bare", "."], b"");
            let texts: Vec<[Vec<u8>; 3]> = files
                .iter()
                .map(|(base, ours, theirs)| {
                    [written(base), written(&edited(base, ours)), written(&edited(base, theirs))]
                })
                .collect();
            let mut stream = Vec::new();
            for (side, branch) in ["base", "ours", "theirs"].iter().enumerate() {
                stream.extend(format!("commit refs/heads/{branch}\ncommitter C <c> 1 +0000\ndata 1\nx\n").bytes());
                if side > 0 {
                    stream.extend(b"from refs/heads/base\n");
                }
                for (number, text) in texts.iter().enumerate() {
                    stream.extend(format!("M 100644 inline f{number}\ndata {}\n", text[side].len()).bytes());
                    stream.extend(&text[side]);
                    stream.push(b'\n');
                }
            }
            git(folder.path(), &["fast-import", "--quiet"], &stream);
            let merged = git(folder.path(), &["merge-tree", "--write-tree", "--name-only", "-z", "--no-messages", "ours", "theirs"], b"");
            let merged = String::from_utf8(merged).unwrap();
            let mut parts = merged.split('\0');
            let tree = parts.next().unwrap();
            let conflicted: HashSet<&str> = parts.collect();
            let listed = git(folder.path(), &["ls-tree", tree], b"");
            let listed = String::from_utf8(listed).unwrap();
            for (number, [base, ours, theirs]) in texts.iter().enumerate() {
                if base == ours || base == theirs || ours == theirs {
                    continue;
                }
                if let Some(combined) = combine(base, ours, theirs) {
                    let name = format!("f{number}");
                    let id = object_id(git2::ObjectType::Blob, &combined);
                    prop_assert!(!conflicted.contains(name.as_str()), "Git finds a conflict in {:?}", files[number]);
                    prop_assert!(listed.contains(&format!("{id}\t{name}\n")), "Git merges {:?} differently", files[number]);
                }
            }
        }
    }
}
