//! Rust source with everything blanked out that is not code, and with its test code known.

/// Rust source in which comments and the contents of literals are blanks, line for line and byte for byte.
#[derive(Debug)]
pub(crate) struct Masked {
    code: String,
    /// For each line: whether it belongs to an item behind `#[cfg(test)]`.
    test_lines: Vec<bool>,
}

/// An identifier of the code.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Word<'a> {
    pub(crate) text: &'a str,
    /// Counted from 1.
    pub(crate) line: usize,
    /// The code before and after the word.
    pub(crate) before: &'a str,
    pub(crate) after: &'a str,
    pub(crate) in_test: bool,
}

impl Masked {
    /// Blanks out what is not code, and finds the test code.
    pub(crate) fn new(source: &str) -> Self {
        let code = mask(source);
        let mut test_lines = vec![false; source.lines().count().max(1)];
        for (start, end) in test_items(&code) {
            let first = line_of(&code, start);
            let last = line_of(&code, end.saturating_sub(1));
            for is_test in &mut test_lines[first - 1..last] {
                *is_test = true;
            }
        }
        Self { code, test_lines }
    }

    /// How many lines are not test code.
    pub(crate) fn lines_without_tests(&self) -> usize {
        self.test_lines.iter().filter(|is_test| !**is_test).count()
    }

    /// The functions that carry an attribute which starts like this: the line of the attribute, and how many lines the
    /// body has between its braces. Test code is left out.
    pub(crate) fn bodies_behind(&self, attribute: &str) -> Vec<(usize, usize)> {
        let mut bodies = Vec::new();
        for (start, _) in self.code.match_indices(attribute) {
            let line = line_of(&self.code, start);
            if self.test_lines[line - 1] {
                continue;
            }
            let end = item_end(&self.code, closing(&self.code, start + 1));
            if let Some(open) = body_start(&self.code[..end], start) {
                let lines = line_of(&self.code, end - 1) - line_of(&self.code, open);
                bodies.push((line, lines.saturating_sub(1)));
            }
        }
        bodies
    }

    /// All identifiers and keywords, in order.
    pub(crate) fn words(&self) -> Vec<Word<'_>> {
        let bytes = self.code.as_bytes();
        let mut words = Vec::new();
        let mut line = 1;
        let mut at = 0;
        while at < bytes.len() {
            if is_word(bytes[at]) {
                let end = bytes[at..]
                    .iter()
                    .position(|byte| !is_word(*byte))
                    .map_or(bytes.len(), |count| at + count);
                words.push(Word {
                    text: &self.code[at..end],
                    line,
                    before: &self.code[..at],
                    after: &self.code[end..],
                    in_test: self.test_lines.get(line - 1).copied().unwrap_or(false),
                });
                at = end;
            } else {
                line += usize::from(bytes[at] == b'\n');
                at += 1;
            }
        }
        words
    }

    /// The words at the outermost level of the file, outside all brackets.
    pub(crate) fn outermost_words(&self) -> Vec<Word<'_>> {
        let mut depth = 0_usize;
        let mut seen = 0;
        self.words()
            .into_iter()
            .filter(|word| {
                for byte in self.code.as_bytes()[seen..word.before.len()].iter() {
                    match byte {
                        b'{' | b'(' | b'[' => depth += 1,
                        b'}' | b')' | b']' => depth = depth.saturating_sub(1),
                        _ => {}
                    }
                }
                seen = word.before.len();
                depth == 0
            })
            .collect()
    }
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte >= 0x80
}

fn line_of(text: &str, at: usize) -> usize {
    text.as_bytes()[..at.min(text.len())].iter().filter(|byte| **byte == b'\n').count() + 1
}

fn mask(source: &str) -> String {
    let bytes = source.as_bytes();
    let mut out = bytes.to_vec();
    let mut at = 0;
    while at < bytes.len() {
        let rest = &bytes[at..];
        let end = if rest.starts_with(b"//") {
            at + rest.iter().position(|byte| *byte == b'\n').unwrap_or(rest.len())
        } else if rest.starts_with(b"/*") {
            at + block_comment(rest)
        } else if let Some(length) = raw_string(rest).filter(|_| at == 0 || !is_word(bytes[at - 1])) {
            at + length
        } else if rest[0] == b'"' {
            at + string(rest)
        } else if rest[0] == b'\'' {
            at + character(rest)
        } else {
            at += 1;
            continue;
        };
        for byte in &mut out[at..end] {
            if *byte != b'\n' {
                *byte = b' ';
            }
        }
        at = end;
    }
    // Only whole literals and comments were blanked, so what is left is UTF-8 as before.
    String::from_utf8(out).expect("blanking whole runs of text keeps it UTF-8")
}

fn block_comment(bytes: &[u8]) -> usize {
    let mut depth = 0;
    let mut at = 0;
    while at < bytes.len() {
        if bytes[at..].starts_with(b"/*") {
            depth += 1;
            at += 2;
        } else if bytes[at..].starts_with(b"*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += 1;
        }
    }
    bytes.len()
}

/// The length of a raw string (`r"…"`, `br#"…"#`, `cr"…"`) that starts here.
fn raw_string(bytes: &[u8]) -> Option<usize> {
    let prefix = [&b"br"[..], b"cr", b"r"].into_iter().find(|prefix| bytes.starts_with(prefix))?;
    let hashes = bytes[prefix.len()..].iter().take_while(|byte| **byte == b'#').count();
    let open = prefix.len() + hashes;
    if bytes.get(open) != Some(&b'"') {
        return None;
    }
    let mut close = vec![b'"'];
    close.extend(std::iter::repeat_n(b'#', hashes));
    let body = open + 1;
    let end = bytes[body..].windows(close.len()).position(|window| window == close.as_slice());
    Some(end.map_or(bytes.len(), |end| body + end + close.len()))
}

fn string(bytes: &[u8]) -> usize {
    let mut at = 1;
    while at < bytes.len() {
        match bytes[at] {
            b'\\' => at += 2,
            b'"' => return at + 1,
            _ => at += 1,
        }
    }
    bytes.len()
}

/// The length of a character literal that starts here; a lifetime's quote alone counts 1.
fn character(bytes: &[u8]) -> usize {
    match bytes.get(1) {
        Some(b'\\') => {
            let end = bytes[2..].iter().skip(1).position(|byte| *byte == b'\'');
            end.map_or(bytes.len(), |end| 2 + 1 + end + 1)
        }
        Some(first) => {
            let length = match first {
                0..0x80 => 1,
                0x80..0xe0 => 2,
                0xe0..0xf0 => 3,
                0xf0.. => 4,
            };
            if bytes.get(1 + length) == Some(&b'\'') { 2 + length } else { 1 }
        }
        None => 1,
    }
}

/// The places (first byte, byte after the last) of items behind a `#[cfg(…test…)]`.
fn test_items(code: &str) -> Vec<(usize, usize)> {
    let mut items = Vec::new();
    let mut from = 0;
    while let Some(found) = code[from..].find("#[cfg(") {
        let start = from + found;
        let attribute = closing(code, start + 1);
        from = attribute;
        let words: Vec<&str> = code[start..attribute]
            .split(|c: char| !(c.is_alphanumeric() || c == '_'))
            .filter(|word| !word.is_empty())
            .collect();
        if !words.contains(&"test") || words.contains(&"not") || words.contains(&"any") {
            continue;
        }
        let end = item_end(code, attribute);
        items.push((start, end));
        from = end;
    }
    items
}

/// The end of the item that starts here, perhaps with more attributes: its closing brace, or its semicolon.
fn item_end(code: &str, from: usize) -> usize {
    let bytes = code.as_bytes();
    let mut at = from;
    while at < bytes.len() {
        match bytes[at] {
            b';' => return at + 1,
            b'{' => return closing(code, at),
            b'(' | b'[' => at = closing(code, at),
            _ => at += 1,
        }
    }
    bytes.len()
}

/// The opening brace whose closing brace is the end of this code.
fn body_start(code: &str, from: usize) -> Option<usize> {
    let mut depth = 0_usize;
    code.bytes().enumerate().skip(from).collect::<Vec<_>>().into_iter().rev().find_map(|(index, byte)| {
        match byte {
            b'}' => {
                depth += 1;
                None
            }
            b'{' => {
                depth = depth.checked_sub(1)?;
                (depth == 0).then_some(index)
            }
            _ => None,
        }
    })
}

/// The place after the bracket that closes the one here.
fn closing(code: &str, open: usize) -> usize {
    let mut depth = 0_usize;
    for (index, byte) in code.bytes().enumerate().skip(open) {
        match byte {
            b'(' | b'[' | b'{' => depth += 1,
            b')' | b']' | b'}' => {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    return index + 1;
                }
            }
            _ => {}
        }
    }
    code.len()
}

#[cfg(test)]
mod tests {
    use super::Masked;

    fn words(source: &str) -> Vec<String> {
        Masked::new(source).words().iter().map(|word| word.text.to_owned()).collect()
    }

    #[test]
    fn comments_and_literals_are_not_code() {
        assert_eq!(words("a // b\n/* c /* d */ e */ f"), ["a", "f"]);
        assert_eq!(words(r##"a("b \" c", r#"d " e"#, b"f", br"g", c"h") i"##), ["a", "b", "c", "i"]);
        assert_eq!(words(r"a('b', '\'', '\u{1F600}', '…') c"), ["a", "c"]);
        assert_eq!(words("fn a<'b>(c: &'b str)"), ["fn", "a", "b", "c", "b", "str"]);
        assert_eq!(words("\"never closed"), [] as [&str; 0]);
        assert_eq!(words("/* never closed"), [] as [&str; 0]);
    }

    #[test]
    fn lines_stay_where_they_are() {
        let masked = Masked::new("a\n\"x\ny\"\nb");
        let lines: Vec<usize> = masked.words().iter().map(|word| word.line).collect();
        assert_eq!(lines, [1, 4]);
    }

    #[test]
    fn test_items_are_known_to_their_last_brace() {
        let source = "fn a() {}\n#[cfg(test)]\n#[path = \"x\"]\nmod tests {\n  fn b() {}\n}\nfn c() {}\n";
        let masked = Masked::new(source);
        let code: Vec<&str> =
            masked.words().iter().filter(|word| !word.in_test).map(|word| word.text).collect();
        assert_eq!(code, ["fn", "a", "fn", "c"]);
        assert_eq!(masked.lines_without_tests(), 2);
    }

    #[test]
    fn only_what_is_for_tests_alone_is_a_test_item() {
        for (attribute, expected) in [
            ("#[cfg(test)]", 0),
            ("#[cfg(all(test, unix))]", 0),
            ("#[cfg(not(test))]", 1),
            ("#[cfg(any(test, unix))]", 1),
            ("#[cfg(unix)]", 1),
        ] {
            let masked = Masked::new(&format!("{attribute} mod x;"));
            assert_eq!(masked.lines_without_tests(), expected, "{attribute}");
        }
    }

    #[test]
    fn bodies_are_counted_between_their_braces() {
        let source = "#[route(get)]\n#[other]\nasync fn a(\n  B { c }: B,\n) -> D<E> {\n  if e {\n  }\n}\n\
                      #[route(put)]\nfn f() {}\n#[cfg(test)]\nmod tests {\n#[route(x)]\nfn g() {\n1;\n}\n}\n";
        let masked = Masked::new(source);
        assert_eq!(masked.bodies_behind("#[route("), [(1, 2), (9, 0)]);
    }

    #[test]
    fn the_outermost_words_stand_outside_all_brackets() {
        let masked = Masked::new("#[a(b)]\nmod c { fn d() {} }\npub(crate) use e::{f, g};");
        let outermost: Vec<&str> = masked.outermost_words().iter().map(|word| word.text).collect();
        assert_eq!(outermost, ["mod", "c", "pub", "use", "e"]);
    }
}
