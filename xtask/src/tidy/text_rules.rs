//! Rules on every text file.

use crate::tidy::finding::Finding;

/// Words that have no place in this repository, and why. Each is put together here so that this file is clean.
const BANNED: [(&str, &str); 2] =
    [(concat!("/wo", "rk/"), "a path of one machine"), (concat!("/ro", "ot/"), "a path of one machine")];

/// Checks a text file.
pub(crate) fn check(path: &str, text: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (index, line) in text.lines().enumerate() {
        for (word, why) in BANNED {
            // `a/work/b` is a folder of someone's tree; the banned path starts at the root of a machine.
            let starts_here = |at: usize| {
                !line[..at].ends_with(|c: char| {
                    c.is_alphanumeric() || matches!(c, '.' | '_' | '-' | '}' | '$' | '*')
                })
            };
            if line.match_indices(word).any(|(at, _)| starts_here(at)) {
                findings.push(Finding::new(path, index + 1, format!("`{word}` is {why}")));
            }
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::check;

    #[test]
    fn paths_of_a_machine_are_found_and_folders_of_a_tree_are_not() {
        let machine = concat!("cd /wo", "rk/main\n\nHOME=/ro", "ot/x");
        let found = check("README.md", machine);
        assert_eq!(found.iter().map(|finding| finding.line).collect::<Vec<_>>(), [1, 3]);
        let tree = concat!("a/wo", "rk/b\nhttps://example.org/framework/\n$DIR/wo", "rk/");
        assert_eq!(check("README.md", tree), []);
    }
}
