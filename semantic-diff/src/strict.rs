//! Strict reading of YAML and JSON: what a lenient parser lets pass is told, with its line.
//!
//! Duplicate keys, alias bombs, custom tags, depth beyond reason, broken syntax and broken UTF-8 are problems. The
//! files are read in one pass without recursion and without expanding aliases, so that time and memory stay
//! proportional to the input.

use crate::document::Document;
use crate::{Format, Problem};

/// Reads a file strictly; an empty list means that nothing is wrong.
///
/// All duplicate keys and custom tags are told; syntax errors, depth and bombs end the reading.
pub fn problems(format: Format, bytes: &[u8]) -> Vec<Problem> {
    match Document::read(format, bytes) {
        Ok(document) => document.into_problems(),
        Err(broken) => broken.before.into_iter().chain([broken.problem]).collect(),
    }
}
#[cfg(test)]
mod tests {
    use super::*;

    fn yaml(text: &str) -> Vec<String> {
        problems(Format::Yaml, text.as_bytes()).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn good_files_pass() {
        for good in [
            "",
            "a: 1\nb: {c: [1, 2, {d: e}]}\n",
            "---\na: 1\n---\na: 2\n",
            "base: &b {x: 1}\none:\n  <<: *b\n  y: 2\n",
            "\u{feff}a: 1\r\nb: 2\r\n",
            "? [1, 2]\n: x\n? {a: b}\n: y\n",
            "text: |\n  a: 1\n  a: 2\n",
            "a: !!str 1\n",
        ] {
            assert_eq!(yaml(good), Vec::<String>::new(), "{good}");
        }
    }

    #[test]
    fn duplicate_keys_are_told_with_line_and_path() {
        let found = problems(Format::Yaml, b"a: 1\nb:\n  - c: 1\n    d: 2\n    c: 3\na: 2\n");
        let told: Vec<_> = found.iter().map(|p| (p.line, p.key.clone().unwrap())).collect();
        assert_eq!(told, [(5, "b[0].c".to_owned()), (6, "a".to_owned())]);
    }

    #[test]
    fn hostile_files_are_told_quickly() {
        let started = std::time::Instant::now();
        let mut bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n".to_owned();
        for n in 1..10 {
            let previous = format!("*a{}", n - 1);
            bomb.push_str(&format!("a{n}: &a{n} [{}]\n", [previous.as_str(); 9].join(", ")));
        }
        for bad in [
            bomb,
            "[".repeat(1 << 20),
            "- ".repeat(100_000),
            "{a: ".repeat(10_000),
            "a: [1, 2\n".to_owned(),
            "a:\n\t- b\n".to_owned(),
            "a: !evil x\n".to_owned(),
            "a: *nope\n".to_owned(),
            "a: 1\n b: 2\n".to_owned(),
        ] {
            assert_ne!(yaml(&bad), Vec::<String>::new(), "{}", &bad[..bad.len().min(60)]);
        }
        assert!(!problems(Format::Yaml, b"a: \xff\n").is_empty());
        assert!(started.elapsed().as_secs() < 5, "{:?}", started.elapsed());
    }

    #[test]
    fn json_is_read_strictly() {
        let json = |text: &str| problems(Format::Json, text.as_bytes());
        assert_eq!(json("{\"a\": {\"b\": [1, true, null, \"x\", 1.5]}}\n"), []);
        let found = json("{\n  \"a\": {\"b\": 1},\n  \"c\": {\"b\": 1,\n  \"b\": 2}\n}");
        assert_eq!((found[0].line, found[0].column, found[0].key.as_deref()), (4, 3, Some("c.b")));
        for bad in ["", "{", "{'a': 1}", "[1,]", "{} {}"] {
            assert_eq!(json(bad).len(), 1, "{bad}");
        }
        assert_eq!(json(&"[".repeat(100_000)).len(), 1);
    }
}
