use super::*;
use crate::Format;
use crate::document::Document;
use proptest::prelude::*;
use std::path::Path;

/// Whether the short way takes a text; where it does, it tells what the parser tells.
fn is_taken(text: &str) -> bool {
    let mut builder = Builder::new(text.len());
    let taken = read(text, &mut builder);
    if taken {
        let short = Document::read(Format::Yaml, text.as_bytes()).expect("the short way has no errors");
        let parsed = Document::read_by_parser(Format::Yaml, text.as_bytes());
        let parsed = parsed.unwrap_or_else(|error| panic!("the parser refuses {text:?}: {error}"));
        if !short.is_same_as(&parsed) {
            let (ours, theirs) = (shown(&short), shown(&parsed));
            let unlike = ours.lines().zip(theirs.lines()).find(|(ours, theirs)| ours != theirs);
            panic!("{text}\nfirst unlike: {unlike:?}");
        }
    }
    taken
}

fn shown(document: &Document<'_>) -> String {
    let mut lines = String::new();
    for node in &document.nodes {
        let text = match &node.content {
            super::super::node::Content::Scalar(scalar) => format!("{:?} {:?}", scalar.text, scalar.style),
            super::super::node::Content::Sequence => "list".to_owned(),
            super::super::node::Content::Mapping => "mapping".to_owned(),
            super::super::node::Content::Alias { name, .. } => format!("*{name}"),
        };
        lines += &format!("{}-{} {} {} {text}\n", node.lines.start, node.lines.end, node.column, node.end);
    }
    lines
}

#[test]
fn plain_files_take_the_short_way() {
    for text in [
        "a: 1\n",
        "a: 1",
        "---\na: 1\n",
        "# a comment\n\na: b c # why\nd: e#f\n",
        "a:\n  b:\n    c: 1\n  d: 2\ne: 3\n",
        "a:\n- 1\n- b: 2\n  c: 3\nd: 4\n",
        "a:\n  - name: x\n    type: int\n\n  # between\n  - name: y\n    list: [a, b c, \"d, e\", {f: 1, 'g': [2]}]\n",
        "- - 1\n  - 2\n-   a: 1\n    b: 2\n",
        "a: []\nb: {}\n",
        "\"quoted key\": 'value' # c\n'k': \"v: w\"\n",
        "url: http://host:80/a?b=c&d\nat: 12:30:00\nneg: -1.5\nmin: -.5\n",
        "name: Größe\nlist: [a] # ß\n",
        "text: |\n  one\n    two\n  three\nnext: >-\n  folded\n  lines\nlast: |-\n  end\n",
        "- |\n  one\n- >\n  two\n  three\n",
        "a: 1\nb: 2\na: 3\n",
        "\n- |\n  -\n",
        "layout:\n-  two: 1\n-  - 2\n",
        "\n  - >-\n    y\n  - ~{a: 1}>-\n    yx: y:#",
    ] {
        assert!(is_taken(text), "{text}");
    }
}

#[test]
fn what_is_doubtful_is_left_to_the_parser() {
    for text in [
        "",
        "# only\n",
        "a:\n",
        "a:\nb: 1\n",
        "- \n- 1\n",
        "a: &x 1\n",
        "a: *x\n",
        "a: !t 1\n",
        "a: b: c\n",
        "a: b\n  c\n",
        "a: 1\n---\nb: 2\n",
        "--- a\n",
        "%YAML 1.2\n---\na: 1\n",
        "a:\tb\n",
        "a: 1\r\n",
        "a: \"x\\n\"\n",
        "a: 'it''s'\n",
        "a: [1,\n  2]\n",
        "a: [1, 2,]\n",
        "a: |\n  x\n\n  y\n",
        "a: >\n  x\n    y\n",
        "a: |2\n  x\n",
        "? a\n: b\n",
        "a : 1\n",
        "a: @x\n",
        "a: `x`\n",
        "<<: 1\n",
        " a: 1\nb: 2\n",
        "a: 1\n  b: 2\n",
        "a:\n    b: 1\n  c: 2\n",
        "scalar\n",
        "[1]\n",
        "a: [b: c]\n",
        "a: [- 1]\n",
        "a: |\n  x",
        "a: \u{85}\n",
        "a: \u{2028}b\n",
        "...\n",
        "a: 1\n...\n",
    ] {
        let taken = is_taken(text);
        assert!(!taken, "{text:?}");
    }
}

/// Pieces that make files, nearly plain ones more often than not.
fn pieces() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        8 => Just("a: "), 4 => Just("name: "), 4 => Just("- "), 6 => Just("b"), 4 => Just("1"), 8 => Just("\n"),
        6 => Just("\n  "), 4 => Just("\n    "), 3 => Just("\n- "), 3 => Just("\n  - "), 2 => Just("\n\n"), 2 => Just(" # c"),
        2 => Just("[a, b]"), 2 => Just("{a: 1}"), 2 => Just("\"q\""), 2 => Just("'s'"), 2 => Just("|\n  x"), 2 => Just(">-\n    y"),
        1 => Just(":"), 1 => Just(" "), 1 => Just("#"), 1 => Just("["), 1 => Just("]"), 1 => Just(","), 1 => Just("{"),
        1 => Just("}"), 1 => Just("&x "), 1 => Just("*x"), 1 => Just("---\n"), 1 => Just("-"), 1 => Just("?"), 1 => Just("ä"),
        1 => Just("x: y"), 1 => Just("\\"), 1 => Just("\""), 1 => Just("'"), 1 => Just("|"), 1 => Just(">"), 1 => Just("\t"),
        1 => Just("\r\n"), 1 => Just("~"), 1 => Just("null"), 1 => Just("%"), 1 => Just("!t "), 1 => Just("..."),
    ];
    prop::collection::vec(piece, 0..24).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 8_000, ..ProptestConfig::default() })]

    #[test]
    fn whatever_is_taken_is_what_the_parser_tells(text in pieces()) {
        is_taken(&text);
    }

    #[test]
    fn a_plain_file_with_a_slip_is_what_the_parser_tells(at in 0_usize..400, slip in "[-:#\\[\\]{}&*!|>'\"% \n\tä,?@]{0,3}") {
        let mut text = include_str!("../../../../fixtures/clinical-lab/files/pages/samples/sample-detail.yml").to_owned();
        let at = (0..=at.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
        text.insert_str(at, &slip);
        is_taken(&text);
    }
}

/// On real files, most of which are plain.
#[test]
fn real_files_are_told_as_the_parser_tells_them() {
    fn walk(folder: &Path, seen: &mut (usize, usize)) {
        for entry in std::fs::read_dir(folder).unwrap().flatten() {
            let path = entry.path();
            if path.is_dir() {
                walk(&path, seen);
            } else if let Ok(text) = std::fs::read_to_string(&path) {
                let is_yaml = path.extension().is_some_and(|end| end == "yml" || end == "yaml");
                let taken = is_taken(&text);
                seen.0 += usize::from(is_yaml);
                seen.1 += usize::from(is_yaml && taken);
            }
        }
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut seen = (0, 0);
    for folder in ["fixtures", "semantic-diff/tests/cases", "fuzz/corpus/diff", "deploy"] {
        walk(&root.join(folder), &mut seen);
    }
    assert!(seen.0 > 100 && seen.1 * 10 > seen.0 * 6, "{} of {} files took the short way", seen.1, seen.0);
}
