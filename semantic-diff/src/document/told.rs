//! What is wrong with a text that is no YAML, in the words of who wrote it.

use saphyr_parser::ScanError;

/// What a parser found, where it is to be looked for.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Told {
    /// The line, from 1.
    pub(super) line: u32,
    /// The column, from 1.
    pub(super) column: u32,
    pub(super) message: String,
}

/// Tells an error of the parser. `lines` are the text's; `line` is the one that the parser names, from 1.
pub(super) fn told(error: &ScanError, lines: &[&str], line: u32) -> Told {
    let column = error.marker().col();
    let before: String = line_of(lines, line).chars().take(column).collect();
    let begins_line = before.trim().is_empty();
    let at = (line, column as u32 + 1);
    let (words, (line, column)) = match error.info() {
        // It is noticed at what comes next.
        "simple key expect ':'" => ("this key needs a `:` and a space after it", last_text(lines, line)),
        "mapping values are not allowed in this context" if before.contains(": ") => {
            ("a second `: ` in one line: a text that holds it needs quotes", at)
        }
        "mapping values are not allowed in this context" => {
            ("this key is indented more than what is above it allows, or that text needs quotes", at)
        }
        "illegal placement of ':' indicator" | "simple key expected" => {
            ("a `:` where no key can be: is a bracket or a quote before it not closed?", at)
        }
        "while parsing a block mapping, did not find expected key" if begins_line => {
            ("this line is indented like none of the keys above it", at)
        }
        "while parsing a block mapping, did not find expected key" => {
            ("nothing more can stand in this line: the value ended before", at)
        }
        "while parsing a block collection, did not find expected '-' indicator" => {
            ("at this indentation is a list, and each of its items begins with `- `", at)
        }
        "block sequence entries are not allowed in this context" => {
            ("a list cannot begin here: put its `- ` on a line of its own, below the key", at)
        }
        "'-' must be followed by a valid YAML whitespace" => ("a list's `-` needs a space after it", at),
        "':' must be followed by a valid YAML whitespace" => ("a key's `:` needs a space after it", at),
        "tabs disallowed within this context (block indentation)"
        | "tabs disallowed in this context"
        | "tab cannot be used as indentation" => ("a tab cannot indent YAML: use spaces", at),
        "while scanning a plain scalar, found a tab" => ("a tab in a text without quotes", at),
        "a block scalar content cannot start with a tab" => {
            ("the text below `|` or `>` begins with a tab", at)
        }
        "wrongly indented line in block scalar" => {
            ("the first line with text below `|` or `>` is indented less than an empty line above it", at)
        }
        "while scanning a block scalar, did not find expected comment or line break" => {
            ("after `|` or `>` the text begins on the next line", at)
        }
        "while scanning a quoted scalar, found unexpected end of stream" => ("this quote is not closed", at),
        "invalid indentation in quoted scalar" => {
            ("this quote is not closed, or goes on in a line that is indented too little", at)
        }
        "while scanning a quoted scalar, found unexpected document indicator" => {
            ("this quote is not closed before `---` or `...`", at)
        }
        "invalid trailing content after double-quoted scalar" => (
            "text after a closing quote: within single quotes a quote is written `''`, within double quotes `\\\"`",
            at,
        ),
        "while parsing a quoted scalar, found unknown escape character" => {
            ("an unknown `\\` escape in double quotes: write `\\\\`, or use single quotes", at)
        }
        "while parsing node, found unknown anchor" => ("this alias `*…` names no anchor `&…` above it", at),
        "while parsing a flow mapping, did not find expected ',' or '}'" => {
            ("a `{` is not closed, or a `,` is missing in it", at)
        }
        "while parsing a flow sequence, expected ',' or ']'" => {
            ("a `[` is not closed, or a `,` is missing in it", at)
        }
        "invalid indentation in flow construct" => {
            ("a bracket above is not closed, or this line in it is indented too little", at)
        }
        "misplaced bracket" => ("a closing bracket that closes nothing", at),
        "did not find expected <document start>" | "did not find expected <document-start>" => {
            ("the document ended above: is `---` missing before this line, or is it indented too little?", at)
        }
        "recursion limit exceeded" => ("it is nested too deeply", at),
        other => {
            let odd = other.strip_prefix("unexpected character: `").and_then(|rest| rest.strip_suffix('\''));
            let message = match odd {
                Some(character) => format!("a text cannot begin with {character}: put it in quotes"),
                None => other.to_owned(),
            };
            return Told { line, column: at.1, message };
        }
    };
    Told { line, column, message: words.to_owned() }
}

fn line_of<'t>(lines: &[&'t str], line: u32) -> &'t str {
    lines.get((line as usize).saturating_sub(1)).copied().unwrap_or_default()
}

/// The last line before this one that holds more than a comment, and where its text begins.
fn last_text(lines: &[&str], line: u32) -> (u32, u32) {
    let holds_text = |line: &u32| {
        let text = line_of(lines, *line).trim();
        !text.is_empty() && !text.starts_with('#')
    };
    let found = (1..line).rev().find(holds_text).unwrap_or(line);
    let indentation = line_of(lines, found).chars().take_while(|c| c.is_whitespace()).count();
    (found, indentation as u32 + 1)
}

#[cfg(test)]
mod tests {
    use crate::Format;
    use crate::document::Document;

    /// A text, and the line, the column and the words that its author is told.
    const CASES: [(&str, u32, u32, &str); 23] = [
        ("a: 1\nb\n\n# c\nc: 2\n", 2, 1, "this key needs a `:`"),
        ("a: 1\n  deep value\nb\n", 3, 1, "this key needs a `:`"),
        ("a: 1\n b: 2\n", 2, 3, "this key is indented more"),
        ("a: b: c\n", 1, 5, "a second `: ` in one line"),
        ("a: [1, 2\nb: 3\n", 2, 2, "a `:` where no key can be"),
        ("x:\n  a: 1\n b: 2\n", 3, 2, "this line is indented like none"),
        ("a: &x 1\nb: *x y\n", 2, 7, "nothing more can stand in this line"),
        ("- a\nb: 1\n", 2, 1, "at this indentation is a list"),
        ("a: - b\n", 1, 4, "a list cannot begin here"),
        ("a:\n\t- 1\n", 2, 2, "a tab cannot indent YAML"),
        ("a: |\n    \n  y\n", 3, 3, "the first line with text below"),
        ("a: | x\n  y\n", 1, 4, "after `|` or `>` the text begins"),
        ("a: \"unterminated\n", 1, 4, "this quote is not closed"),
        ("a: \"unterminated\nb: 2\n", 1, 4, "this quote is not closed, or"),
        ("a: 'it's'\n", 1, 8, "text after a closing quote"),
        ("a: \"x\\q\"\n", 1, 4, "an unknown `\\` escape"),
        ("a: *nobody\n", 1, 4, "this alias `*…` names no anchor"),
        ("a: {b: 1\n", 2, 1, "a `{` is not closed"),
        ("a: [1 2\n", 2, 1, "a `[` is not closed"),
        ("a: }\n", 1, 4, "a closing bracket that closes nothing"),
        ("a: @x\n", 1, 4, "a text cannot begin with @"),
        ("a: `x`\n", 1, 4, "a text cannot begin with `"),
        ("a: %x\n", 1, 4, "a text cannot begin with %"),
    ];

    #[test]
    fn an_author_is_told_what_to_look_for() {
        let mut wrong = Vec::new();
        for (text, line, column, words) in CASES {
            let broken = Document::read(Format::Yaml, text.as_bytes()).err();
            let Some(problem) = broken.map(|broken| broken.problem) else {
                wrong.push(format!("{text:?} can be read"));
                continue;
            };
            let fits = problem.message.starts_with(&format!("broken YAML: {words}"));
            if !fits || (problem.line, problem.column) != (line, column) {
                wrong.push(format!("{text:?}: {problem:?}"));
            }
        }
        assert_eq!(wrong, Vec::<String>::new());
    }
}
