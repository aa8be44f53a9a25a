//! Which files only have another path, for trees that no Git compares.

use std::collections::HashMap;

/// Pairs of files that are compared at most; beyond that only equal content counts.
const MAX_PAIRS: usize = 10_000;
/// Files above this are renamed only when their content is equal.
const MAX_COMPARED: usize = 1 << 20;

/// Pairs files that are gone with new ones that have at least half of their lines; gives places in both lists.
pub fn pair_renames(gone: &[(&str, &[u8])], fresh: &[(&str, &[u8])]) -> Vec<(usize, usize)> {
    let mut by_content: HashMap<&[u8], Vec<usize>> = HashMap::new();
    for (at, (_, bytes)) in fresh.iter().enumerate().rev().filter(|(_, (_, bytes))| !bytes.is_empty()) {
        by_content.entry(bytes).or_default().push(at);
    }
    let (mut left, mut taken, mut pairs) = (Vec::new(), vec![false; fresh.len()], Vec::new());
    for (at, (_, bytes)) in gone.iter().enumerate() {
        match by_content.get_mut(bytes).and_then(Vec::pop) {
            Some(there) => {
                taken[there] = true;
                pairs.push((at, there));
            }
            None => left.push(at),
        }
    }
    let free: Vec<usize> = (0..fresh.len()).filter(|at| !taken[*at]).collect();
    if left.len().saturating_mul(free.len()) <= MAX_PAIRS {
        let mut scored = Vec::new();
        for old in &left {
            for new in &free {
                let score = likeness(gone[*old].1, fresh[*new].1);
                if score >= 50 {
                    scored.push((std::cmp::Reverse(score), *old, *new));
                }
            }
        }
        scored.sort_unstable();
        let mut used = vec![false; gone.len()];
        for (_, old, new) in scored {
            if !used[old] && !taken[new] {
                (used[old], taken[new]) = (true, true);
                pairs.push((old, new));
            }
        }
    }
    pairs.sort_unstable();
    pairs
}

/// The share of lines in common, wherever they stand, in percent of the longer file.
fn likeness(old: &[u8], new: &[u8]) -> usize {
    if old.len().max(new.len()) > MAX_COMPARED {
        return 0;
    }
    let mut lines: HashMap<&[u8], usize> = HashMap::new();
    let (mut before, mut after, mut common) = (0, 0, 0);
    for line in old.split_inclusive(|byte| *byte == b'\n') {
        before += 1;
        *lines.entry(line).or_default() += 1;
    }
    for line in new.split_inclusive(|byte| *byte == b'\n') {
        after += 1;
        if let Some(left) = lines.get_mut(line).filter(|left| **left > 0) {
            *left -= 1;
            common += 1;
        }
    }
    common * 100 / before.max(after).max(1)
}
