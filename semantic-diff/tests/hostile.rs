//! Files made to cost much: an answer comes all the same, and soon.

use semantic_diff::three_way::{Held, MAX_CONFLICTS, ThreeWay, Versions, compare, judge};
use semantic_diff::{FilePair, Format, SemanticChange, diff};
use std::fmt::Write as _;
use std::time::{Duration, Instant};

/// What a pair of files costs at most here, without optimisation.
const SOON: Duration = Duration::from_secs(20);

/// How long this thread has computed, whoever else uses the machine; where the system does not tell, how long it is since
/// `began`.
fn computed(began: Instant) -> Duration {
    let told = std::fs::read_to_string("/proc/thread-self/schedstat").ok();
    let busy = told.and_then(|told| told.split(' ').next()?.parse().ok());
    busy.map_or_else(|| began.elapsed(), Duration::from_nanos)
}

fn answers(what: &str, path: &str, old: &str, new: &str) -> Vec<SemanticChange> {
    let began = Instant::now();
    let before = computed(began);
    let pair = FilePair { path, old_path: None, old: Some(old.as_bytes()), new: Some(new.as_bytes()) };
    let changes = diff("a", "b", &[pair]).changes;
    let took = computed(began).saturating_sub(before);
    assert!(!changes.is_empty(), "{what}");
    assert!(took < SOON, "{what} took {took:?}");
    let told: usize = changes.iter().map(|c| c.target.len() + c.description.len()).sum();
    assert!(told < 64 << 20, "{what} is told in {told} bytes");
    changes
}

fn lines(count: usize, line: impl Fn(usize) -> String) -> String {
    (0..count).fold(String::new(), |mut text, n| {
        let _ = writeln!(text, "{}", line(n));
        text
    })
}

#[test]
fn every_key_has_another_name() {
    let named = |prefix: &str| lines(100_000, |n| format!("{prefix}{n}: [a, b, {n}]"));
    answers("renamed keys", "a.yml", &named("a"), &named("b"));
}

#[test]
fn every_item_has_another_place() {
    let items = |from: usize| lines(60_000, |n| format!("- name: n{}\n  v: 1", (n * 7_919 + from) % 60_000));
    answers("shuffled items", "a.yml", &items(0), &items(31));
    let plain = |factor: usize| lines(100_000, |n| format!("- v{}", (n * factor) % 100_000));
    answers("shuffled values", "a.yml", &plain(1), &plain(7_919));
}

#[test]
fn every_document_is_another() {
    let stream = |prefix: &str| lines(50_000, |n| format!("---\nname: {prefix}{n}"));
    answers("documents", "a.yml", &stream("a"), &stream("b"));
}

#[test]
fn a_long_key_holds_many_changes() {
    let key = "k".repeat(1 << 20);
    let below = |value: &str| format!("{key}:\n{}", lines(50_000, |n| format!("  a{n}: {value}{n}")));
    answers("a long key", "a.yml", &below("x"), &below("y"));
}

#[test]
fn many_keys_stand_twice() {
    let text = |value: &str| lines(50_000, |n| format!("- a: {n}\n  a: {value}"));
    answers("duplicate keys", "a.yml", &text("x"), &text("y"));
}

#[test]
fn a_parent_is_taken_away_again_and_again() {
    let old = lines(20_000, |n| format!("p{n}:\n  a{n}: 1\nq{n}:\n  b{n}: 1"));
    let new = lines(20_000, |n| format!("p{n}:\n  a{n}: 1\n  b{n}: 1"));
    answers("lost parents", "a.yml", &old, &new);
}

#[test]
fn lines_are_few_and_come_in_any_order() {
    let mixed = |seed: usize| lines(100_000, |n| format!("- {}", (n.wrapping_mul(seed) >> 9) % 3));
    for path in ["a.yml", "a.txt"] {
        answers("lines of three kinds", path, &mixed(2_654_435_761), &mixed(2_246_822_519));
    }
}

fn compared(what: &str, format: Format, base: &str, ours: &str, theirs: &str) -> ThreeWay {
    let began = Instant::now();
    let side = |text: &'_ str| Some(text.as_bytes().to_vec());
    let (base, ours, theirs) = (side(base), side(ours), side(theirs));
    let versions = Versions { base: base.as_deref(), ours: ours.as_deref(), theirs: theirs.as_deref() };
    let answer = compare(format, versions);
    judge(format, versions, ours.as_deref().unwrap_or_default());
    let took = began.elapsed();
    assert!(took < SOON, "{what} took {took:?}");
    let held = |held: &Option<Held>| held.as_ref().map_or(0, |held| held.text.len());
    let told: usize = answer
        .conflicts
        .iter()
        .map(|c| c.path.to_string().len() + held(&c.base) + held(&c.ours) + held(&c.theirs))
        .sum();
    assert!(answer.conflicts.len() <= MAX_CONFLICTS && told < 1 << 20, "{what} is told in {told} bytes");
    answer
}

#[test]
fn both_sides_change_all_that_there_is() {
    let keys = |value: &str| lines(30_000, |n| format!("a{n}: [{value}, {n}]"));
    assert_eq!(compared("changed keys", Format::Yaml, &keys("x"), &keys("y"), &keys("z")).total, 30_000);
    let items =
        |from: usize| lines(20_000, |n| format!("- name: n{}\n  v: {from}", (n * 7_919 + from) % 20_000));
    assert_eq!(compared("items", Format::Yaml, &items(0), &items(31), &items(77)).total, 20_001);
    let plain = |factor: usize| lines(50_000, |n| format!("- v{}", (n * factor) % 50_000));
    compared("values", Format::Yaml, &plain(1), &plain(7_919), &plain(31));
    let key = "k".repeat(1 << 20);
    let below = |value: &str| {
        let entries = lines(50_000, |n| format!("\"a{n}\": \"{value}{n}\","));
        format!("{{\"{key}\": {{{entries}\"end\": 1}}}}")
    };
    assert_eq!(compared("a long key", Format::Json, &below("x"), &below("y"), &below("z")).total, 50_000);
}

#[test]
fn every_mapping_merges_in_a_large_one() {
    let source = format!("c: &c\n{}", lines(20_000, |n| format!("  a{n}: {n}")));
    let users = |line: &str| format!("{source}{}", lines(5_000, |n| format!("u{n}:\n  x: 1\n  {line}")));
    compared("merge keys", Format::Yaml, &users("y: 1"), &users("<<: *c"), &users("a1: 7"));
    let wide = |line: &str| format!("{source}u:\n  {line}\n{}", lines(20_000, |n| format!("  a{n}: x{n}")));
    compared("a wide mapping", Format::Yaml, &wide("y: 1"), &wide("<<: *c"), &source);
}

#[test]
fn many_aliases_stand_deep_and_in_lists() {
    let deep = |name: &str| {
        let open = lines(100, |n| format!("{}{}:", " ".repeat(n), "d".repeat(150)));
        let below = lines(20_000, |n| format!("{}{name}{n}: *c", " ".repeat(100)));
        format!("c: &c 1\n{open}{below}")
    };
    compared("deep aliases", Format::Yaml, &deep("x"), &deep("y"), &deep("z"));
    let rules = |value: usize| lines(30_000, |n| format!("- w: {}\n  v: {}", n % 3, (n * value) % 7));
    compared("rules", Format::Yaml, &rules(1), &rules(2), &rules(3));
}
