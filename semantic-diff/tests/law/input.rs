//! What a file of the fuzz corpus says.
//!
//! The path on the first line, the base, a line `=====`, the head. Whatever has another form is taken as well: the first
//! byte then chooses the path, and without the line the middle divides the sides.

use crate::law;

const PATHS: [&str; 7] = [
    "pages/a.yml",
    "assets/a.json",
    "a.txt",
    "entities/a.yaml",
    "k8s/a.yml",
    "scripts/a.js",
    "catalog/a.yml",
];
const RULE: &[u8] = b"=====\n";

/// Checks the laws on what a file of the corpus says.
pub(crate) fn check(input: &[u8]) {
    let (path, old, new) = parts(input);
    law::holds(path, old, new);
    law::holds_elsewhere(path, old, new);
}

fn parts(input: &[u8]) -> (&'static str, &[u8], &[u8]) {
    let named = PATHS.into_iter().find_map(|path| {
        let rest = input.strip_prefix(path.as_bytes())?;
        Some((path, rest.strip_prefix(b"\n")?))
    });
    let (path, sides) = named.unwrap_or_else(|| match input.split_first() {
        Some((first, rest)) => (PATHS[usize::from(*first) % PATHS.len()], rest),
        None => (PATHS[0], input),
    });
    // A side may end without a line's end, or with a lone part of a character.
    let rule = sides.windows(RULE.len()).position(|window| window == RULE);
    match rule {
        Some(at) => (path, &sides[..at], &sides[at + RULE.len()..]),
        None => {
            let (old, new) = sides.split_at(sides.len() / 2);
            (path, old, new)
        }
    }
}
