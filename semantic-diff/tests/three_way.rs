//! Expected results as files: `tests/three_way/<name>.txt` shows what two sides made of a file and what must be told.
//!
//! Each has the path, the base, ours, theirs, the merged file and the conflicts, divided by `=====` lines; a version that
//! is not there, or a merge that is not judged, says so. With `CONMAN_WRITE_CASES=1` the conflicts are written anew, for
//! reading before committing.

use semantic_diff::Format;
use semantic_diff::three_way::{Held, ThreeWay, Versions, compare, judge};
use std::fmt::Write as _;
use std::path::Path;

const RULE: &str = "=====\n";

fn told(answer: &ThreeWay) -> String {
    let mut text = String::new();
    for unreadable in &answer.unreadable {
        let _ = writeln!(text, "{:?} cannot be read: {}", unreadable.side, unreadable.problem);
    }
    for conflict in &answer.conflicts {
        let path = if conflict.path.is_root() { "the file".to_owned() } else { conflict.path.to_string() };
        let merged =
            conflict.merged.map_or(String::new(), |lines| format!(" (merged into line {})", lines.start));
        let _ = writeln!(text, "{:?} {path}{merged}", conflict.clash);
        let held = |held: &Option<Held>| match held {
            Some(held) if held.lines.start == held.lines.end => {
                format!("{} (line {})", held.text, held.lines.start)
            }
            Some(held) => format!("{} (lines {}-{})", held.text, held.lines.start, held.lines.end),
            None => "nothing".to_owned(),
        };
        for (side, value) in
            [("base", &conflict.base), ("ours", &conflict.ours), ("theirs", &conflict.theirs)]
        {
            let _ = writeln!(text, "  {side}: {}", held(value));
        }
    }
    let ThreeWay { total, only_ours, only_theirs, .. } = answer;
    let _ = writeln!(text, "{total} in conflict, {only_ours} changed by ours alone, {only_theirs} by theirs");
    text
}

#[test]
fn every_case_is_told_as_its_file_says() {
    let write = std::env::var_os("CONMAN_WRITE_CASES").is_some();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/three_way");
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert!(files.len() >= 15);
    let mut wrong = Vec::new();
    for file in files {
        let text = std::fs::read_to_string(&file).unwrap();
        let parts: Vec<&str> = text.splitn(6, RULE).collect();
        let [path, base, ours, theirs, merged, expected] = parts.as_slice() else {
            panic!("{} has six parts", file.display())
        };
        let version =
            |content: &'_ str| (content != "(no such file)\n").then(|| content.to_owned().into_bytes());
        let sides = [base, ours, theirs].map(|content| version(content));
        let [base_bytes, ours_bytes, theirs_bytes] = sides.each_ref().map(Option::as_deref);
        let versions = Versions { base: base_bytes, ours: ours_bytes, theirs: theirs_bytes };
        let format = Format::of(path.trim_end()).unwrap();
        let answer = match *merged {
            "(not judged)\n" => compare(format, versions),
            merged => judge(format, versions, merged.as_bytes()),
        };
        let told = told(&answer);
        if write {
            let parts = [path, base, ours, theirs, merged, told.as_str()];
            std::fs::write(&file, parts.join(RULE)).unwrap();
        } else if told != *expected {
            wrong.push(format!("{}\nexpected:\n{expected}told:\n{told}", file.display()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
