//! Laws that hold for any two files.

mod law;

use proptest::prelude::*;

fn holds(path: &str, old: &str, new: &str) {
    law::holds(path, old.as_bytes(), new.as_bytes());
}

/// A YAML text of nested mappings and lists with comments.
fn yaml() -> impl Strategy<Value = String> {
    let scalar = prop_oneof![
        "[a-c]{1,2}",
        Just("true".to_owned()),
        Just("'q'".to_owned()),
        "[0-9]{1,2}",
        Just("|\n      t\n      u".to_owned())
    ];
    let line = prop_oneof![
        4 => ("[a-d]", scalar.clone()).prop_map(|(key, value)| format!("{key}: {value}\n")),
        1 => "[a-c]".prop_map(|text| format!("# {text}\n")),
        2 => ("[e-g]", prop::collection::vec(("[a-d]", scalar.clone()), 1..4)).prop_map(|(key, items)| {
            let items: String = items.iter().map(|(name, value)| format!("  - name: {name}\n    v: {value}\n")).collect();
            format!("{key}:\n{items}")
        }),
        1 => ("[h-i]", prop::collection::vec("[a-d]", 0..4))
            .prop_map(|(key, items)| format!("{key}: [{}]\n", items.join(", "))),
        1 => ("[j-k]", prop::collection::vec("[a-d]", 1..4))
            .prop_map(|(key, items)| format!("{key}:\n{}", items.iter().map(|i| format!("- {i}\n")).collect::<String>())),
    ];
    prop::collection::vec(line, 0..9).prop_map(|lines| lines.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn nothing_is_lost_between_generated_files(old in yaml(), new in yaml()) {
        holds("pages/a.yml", &old, &new);
        holds("assets/a.yml", &old, &new);
    }

    #[test]
    fn any_text_gets_an_answer(old in "[ -~\\n\\t:\\[\\]{}&*!|>'\"é\u{feff}-]{0,60}", new in "\\PC{0,40}") {
        for path in ["a.yml", "a.json", "a.txt"] {
            holds(path, &old, &new);
            holds(path, &new, &old);
            law::holds_elsewhere(path, old.as_bytes(), new.as_bytes());
        }
    }
}

/// Real files, each against variants of itself with a line left out, doubled, indented or put elsewhere.
#[test]
fn nothing_is_lost_between_variants_of_real_files() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/clinical-lab/files");
    let mut read = 0;
    for folder in [
        "entities",
        "pages/quality",
        "queues",
        "providers",
        "workflows",
        "tenants",
        "menus",
        "catalog",
        "assets",
    ] {
        for entry in std::fs::read_dir(root.join(folder)).unwrap().flatten() {
            let Ok(text) = std::fs::read_to_string(entry.path()) else { continue };
            let path = format!("{folder}/{}", entry.file_name().to_string_lossy());
            let lines: Vec<&str> = text.split_inclusive('\n').collect();
            read += 1;
            for at in (read % 7..lines.len()).step_by(7) {
                let without: String = [&lines[..at], &lines[at + 1..]].concat().concat();
                let doubled: String = [&lines[..=at], &lines[at..]].concat().concat();
                let indented = format!("{}  {}{}", lines[..at].concat(), lines[at], lines[at + 1..].concat());
                let turned: String = [&lines[at..], &lines[..at]].concat().concat();
                for variant in [without, doubled, indented, turned, text.replace('\n', "\r\n")] {
                    holds(&path, &text, &variant);
                    holds(&path, &variant, &text);
                }
            }
        }
    }
    assert!(read > 100, "{read} files");
}
