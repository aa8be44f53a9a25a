//! Rules on Rust source.

use crate::tidy::finding::Finding;
use crate::tidy::manifest_rules::{CONFINED, PURE, confinement, list};
use crate::tidy::masked::{Masked, Word};

/// The most lines, tests not counted, that a file has without giving its reason.
const LONGEST: usize = 500;
/// A handler of the HTTP API has fewer lines than this.
const LONGEST_HANDLER: usize = 25;
const REASON: &str = "//! Long because ";

/// Checks a source file of one of the crates. The path's first part is the crate's folder.
pub(crate) fn check(path: &str, source: &str) -> Vec<Finding> {
    let folder = path.split('/').next().unwrap_or(path);
    let is_test = is_test_file(path);
    let masked = Masked::new(source);
    let mut findings = Vec::new();
    for word in masked.words() {
        if let Some(sentence) = habit(&word) {
            findings.push(Finding::new(path, word.line, sentence));
        }
        if is_test || word.in_test {
            continue;
        }
        if folder != "testkit"
            && let Some(sentence) = driver(folder, &word)
        {
            findings.push(Finding::new(path, word.line, sentence));
        }
        if PURE.contains(&folder)
            && let Some(what) = impurity(&word)
        {
            findings.push(Finding::new(
                path,
                word.line,
                format!("`{folder}` is pure, and `{what}` is not: take the value as an argument"),
            ));
        }
    }
    if !is_test {
        findings.extend(length(path, source, &masked));
        findings.extend(table_of_contents(path, &masked));
        if folder == "server" {
            findings.extend(handlers(path, &masked));
        }
    }
    findings
}

fn is_test_file(path: &str) -> bool {
    let mut folders: Vec<&str> = path.split('/').collect();
    let name = folders.pop().unwrap_or(path);
    name == "tests.rs" || folders.iter().any(|folder| matches!(*folder, "tests" | "benches" | "examples"))
}

/// Habits that are not to come back, in tests as little as elsewhere.
fn habit(word: &Word<'_>) -> Option<String> {
    let before = word.before.trim_end();
    let after = word.after.trim_start();
    match word.text {
        // As an attribute: `#[allow(`, `#![allow(`, and behind a `cfg_attr(…,`.
        "allow" if after.starts_with('(') => {
            let attribute = before.rfind("#[").into_iter().chain(before.rfind("#![")).max()?;
            let opening = &before[attribute..];
            let inside = opening.matches('[').count() > opening.matches(']').count();
            inside.then(|| "write `#[expect(lint, reason = \"…\")]`, never `allow`".to_owned())
        }
        "todo" | "unimplemented" if after.starts_with('!') => {
            Some(format!("`{}!` is a promise, and this is where it is kept", word.text))
        }
        "ignore" if before.ends_with("#[") => Some("a test is run or deleted, never ignored".to_owned()),
        "cfg" if after.starts_with("!(test") => {
            Some("no production code branches on `cfg!(test)`".to_owned())
        }
        _ => None,
    }
}

/// A driver that this room must not name, as the head of a path.
fn driver(folder: &str, word: &Word<'_>) -> Option<String> {
    let (package, _) = CONFINED.iter().find(|(package, _)| package.replace('-', "_") == word.text)?;
    let rooms = confinement(package)?;
    if rooms.contains(&folder) {
        return None;
    }
    let before = word.before.trim_end();
    let after = word.after.trim_start();
    // A module of this crate that has the driver's name, and was brought into scope under it.
    let imported = word.before.contains(&format!("::{};", word.text))
        || word.before.contains(&format!("::{}::{{self", word.text));
    let named = match before.strip_suffix("::") {
        // `conman_store::mongodb` is the driver by a detour; `crate::mongodb` is a module of that name; a path that
        // starts with `::` starts with a crate.
        Some(head) => {
            let owner =
                head.trim_end().rsplit(|c: char| !(c.is_alphanumeric() || c == '_')).next().unwrap_or("");
            owner.is_empty() || owner.starts_with("conman_")
        }
        None => (after.starts_with("::") && !imported) || before.ends_with("extern crate") || is_used(before),
    };
    named.then(|| format!("`{package}` is named by {} alone", list(rooms)))
}

/// Whether the last word before is `use`.
fn is_used(before: &str) -> bool {
    before.strip_suffix("use").is_some_and(|head| !head.ends_with(|c: char| c.is_alphanumeric() || c == '_'))
}

/// Paths and words that act, tell the time or roll dice.
fn impurity(word: &Word<'_>) -> Option<String> {
    const PATHS: [(&str, &str); 15] = [
        ("std", "env"),
        ("std", "fs"),
        ("std", "io"),
        ("std", "net"),
        ("std", "process"),
        ("std", "thread"),
        ("Instant", "now"),
        ("Local", "now"),
        ("SystemTime", "now"),
        ("Utc", "now"),
        ("Uuid", "new_v4"),
        ("Uuid", "now_v6"),
        ("Uuid", "now_v7"),
        ("thread", "sleep"),
        ("thread", "spawn"),
    ];
    let after = word.after.trim_start();
    match word.text {
        "async" | "await" => return Some(word.text.to_owned()),
        "tokio" | "rand" if after.starts_with("::") => return Some(word.text.to_owned()),
        _ => {}
    }
    let rest = after.strip_prefix("::")?.trim_start();
    let inner =
        rest.strip_prefix('{').map_or(rest, |braced| &braced[..braced.find('}').unwrap_or(braced.len())]);
    let starts_with_word = |text: &str, wanted: &str| {
        text.trim_start()
            .strip_prefix(wanted)
            .is_some_and(|rest| !rest.starts_with(|c: char| c.is_alphanumeric() || c == '_'))
    };
    let found = PATHS.iter().find(|(head, tail)| {
        word.text == *head
            && if inner.len() == rest.len() {
                starts_with_word(rest, tail)
            } else {
                inner.split(',').any(|part| starts_with_word(part, tail))
            }
    });
    // Threads that end with the call that makes them only compute.
    let found = found.filter(|(_, tail)| *tail != "thread" || !starts_with_word(rest, "thread::scope"));
    found.map(|(head, tail)| format!("{head}::{tail}"))
}

fn length(path: &str, source: &str, masked: &Masked) -> Option<Finding> {
    let lines = masked.lines_without_tests();
    if lines <= LONGEST || source.lines().any(|line| line.starts_with(REASON)) {
        return None;
    }
    let sentence = format!(
        "{lines} lines without the tests, and {LONGEST} is the most: split it by noun, or say why in a line that \
         starts with `{REASON}`"
    );
    Some(Finding::new(path, 1, sentence))
}

/// `lib.rs` and `mod.rs` are tables of contents.
fn table_of_contents(path: &str, masked: &Masked) -> Option<Finding> {
    let name = path.rsplit('/').next().unwrap_or(path);
    if !matches!(name, "lib.rs" | "mod.rs") {
        return None;
    }
    let word = masked.outermost_words().into_iter().find(|word| {
        !word.in_test
            && matches!(
                word.text,
                "fn" | "struct" | "enum" | "trait" | "impl" | "const" | "static" | "type" | "union"
            )
    })?;
    let sentence =
        format!("`{name}` holds docs, modules and re-exports; this `{}` belongs into a module", word.text);
    Some(Finding::new(path, word.line, sentence))
}

/// A handler extracts, authorises, makes one call and converts: that takes few lines.
fn handlers(path: &str, masked: &Masked) -> Vec<Finding> {
    masked
        .bodies_behind("#[utoipa::path(")
        .into_iter()
        .filter(|(_, lines)| *lines >= LONGEST_HANDLER)
        .map(|(line, lines)| {
            let sentence = format!(
                "this handler has {lines} lines, and fewer than {LONGEST_HANDLER} are enough to extract, authorise, \
                 call the workflow once and convert"
            );
            Finding::new(path, line, sentence)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::check;

    fn sentences(path: &str, source: &str) -> Vec<String> {
        check(path, source).iter().map(|finding| format!("{}: {}", finding.line, finding.sentence)).collect()
    }

    fn count(path: &str, source: &str) -> usize {
        check(path, source).len()
    }

    #[test]
    fn a_driver_is_found_however_it_is_named() {
        for source in [
            "use mongodb::Client;",
            "use mongodb as m;",
            "fn f(c: mongodb::Client) {}",
            "fn f(c: ::mongodb::Client) {}",
            "use conman_store::mongodb::Client;",
            "extern crate mongodb;",
        ] {
            let found = sentences("workflow/src/deploy.rs", source);
            assert_eq!(found, ["1: `mongodb` is named by `store` alone"], "{source}");
            assert_eq!(count("store/src/deploy.rs", source), 0, "{source}");
            assert_eq!(count("testkit/src/deploy.rs", source), 0, "{source}");
            assert_eq!(count("workflow/tests/deploy.rs", source), 0, "{source}");
            assert_eq!(
                count("workflow/src/deploy.rs", &format!("#[cfg(test)]\nmod tests {{ {source} }}")),
                0
            );
        }
        assert_eq!(count("store/src/x.rs", "use tokio_postgres::Client;"), 1);
        assert_eq!(count("worker/src/x.rs", "use tokio_postgres::Client;"), 0);
        assert_eq!(count("server/src/x.rs", "fn f() -> anyhow::Result<()> { Ok(()) }"), 1);
        assert_eq!(count("cli/src/x.rs", "use axum::Router;"), 1);
    }

    #[test]
    fn what_only_looks_like_a_driver_is_none() {
        for source in [
            "// use mongodb::Client;",
            "const URL: &str = \"mongodb://127.0.0.1\";",
            "let mongodb = 1; f(mongodb);",
            "use crate::mongodb::Store;",
            "use self::mongodb::Store;",
            "mod mongodb;",
            "use crate::backends::mongodb;\nfn f() { mongodb::open() }",
            "use crate::backends::mongodb::{self, Url};\nfn f() { mongodb::open() }",
        ] {
            assert_eq!(sentences("workflow/src/deploy.rs", source), [] as [String; 0], "{source}");
        }
    }

    #[test]
    fn pure_rooms_do_not_act() {
        for source in [
            "use std::fs;",
            "use std::{collections::HashMap, fs};",
            "fn f() { std::net::TcpStream::connect(a); }",
            "let t = SystemTime::now();",
            "let t = chrono::Utc::now();",
            "let id = Uuid::now_v7();",
            "let n = rand::random();",
            "tokio::spawn(x);",
            "use std::thread;",
            "async fn f() {}",
        ] {
            assert_eq!(count("domain/src/x.rs", source), 1, "{source}");
            assert_eq!(count("semantic-diff/src/x.rs", source), 1, "{source}");
            assert_eq!(count("domain/tests/x.rs", source), 0, "{source}");
            assert_eq!(count("git/src/x.rs", source), 0, "{source}");
        }
        for source in [
            "use std::fmt;",
            "use std::{fmt, iter};",
            "fn now(at: DateTime<Utc>) {}",
            "std::fsx::y();",
            "std::thread::scope(f);",
        ] {
            assert_eq!(count("domain/src/x.rs", source), 0, "{source}");
        }
    }

    #[test]
    fn lints_are_expected_with_a_reason_and_never_allowed() {
        for source in [
            "#[allow(dead_code)]\nfn f() {}",
            "#![allow(dead_code)]",
            "#[cfg_attr(test, allow(dead_code))]\nfn f() {}",
        ] {
            assert_eq!(count("git/src/x.rs", source), 1, "{source}");
            assert_eq!(count("git/tests/x.rs", source), 1, "{source}");
        }
        for source in
            ["#[expect(dead_code, reason = \"r\")]\nfn f() {}", "fn f() { allow(x) }", "policy.allow(x);"]
        {
            assert_eq!(count("git/src/x.rs", source), 0, "{source}");
        }
    }

    #[test]
    fn unfinished_work_and_ignored_tests_are_found() {
        assert_eq!(count("git/src/x.rs", "fn f() { todo!() }"), 1);
        assert_eq!(count("git/src/x.rs", "fn f() { unimplemented!() }"), 1);
        assert_eq!(count("git/tests/x.rs", "#[test]\n#[ignore]\nfn f() {}"), 1);
        assert_eq!(count("git/src/x.rs", "fn f() { if cfg!(test) {} }"), 1);
        assert_eq!(count("git/src/x.rs", "let todo = ignore; // todo!()"), 0);
    }

    #[test]
    fn a_long_file_gives_its_reason() {
        let long = "fn f() {}\n".repeat(501);
        assert_eq!(count("git/src/x.rs", &long), 1);
        assert_eq!(count("git/src/x.rs", &format!("//! Long because it is one table.\n{long}")), 0);
        assert_eq!(count("git/tests/x.rs", &long), 0);
        let tests = format!("fn f() {{}}\n#[cfg(test)]\nmod tests {{\n{long}}}\n");
        assert_eq!(count("git/src/x.rs", &tests), 0);
    }

    #[test]
    fn a_long_handler_is_found() {
        let handler = |lines: usize| {
            format!(
                "#[utoipa::path(get, path = \"/a\")]\nasync fn a() {{\n{}}}\n",
                "    b();\n".repeat(lines)
            )
        };
        assert_eq!(count("server/src/a.rs", &handler(24)), 0);
        assert_eq!(count("server/src/a.rs", &handler(25)), 1);
        assert_eq!(count("server/tests/a.rs", &handler(25)), 0);
    }

    #[test]
    fn a_table_of_contents_holds_no_code() {
        assert_eq!(count("git/src/lib.rs", "//! Docs.\nmod a;\npub use a::{B, C};\n"), 0);
        assert_eq!(count("git/src/object/mod.rs", "mod a;\nfn f() {}\n"), 1);
        assert_eq!(count("git/src/lib.rs", "mod a;\n#[cfg(test)]\nmod tests { fn f() {} }\n"), 0);
        assert_eq!(count("git/src/main.rs", "fn main() {}\n"), 0);
    }
}
