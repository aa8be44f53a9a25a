//! From the parser's lines to those of a line diff.

/// Translates the lines of a parser that also breaks at lone carriage returns.
pub(super) struct LineNumbers {
    /// For each of the parser's lines, the line counted by line feeds; empty when both agree.
    by_parser: Vec<u32>,
}

impl LineNumbers {
    pub(super) fn of(text: &str) -> Self {
        let bytes = text.as_bytes();
        let lone = |at: usize| bytes[at] == b'\r' && bytes.get(at + 1) != Some(&b'\n');
        let mut by_parser = Vec::new();
        if bytes.contains(&b'\r') && memchr_iter(b'\r', bytes).any(lone) {
            let mut line = 1;
            by_parser.extend([1, 1]);
            for (at, byte) in bytes.iter().enumerate() {
                if *byte == b'\n' {
                    line += 1;
                }
                if *byte == b'\n' || lone(at) {
                    by_parser.push(line);
                }
            }
        }
        Self { by_parser }
    }

    /// The line, counted by line feeds from 1.
    pub(super) fn line(&self, parsers: usize) -> u32 {
        match self.by_parser.get(parsers) {
            Some(line) => *line,
            None => self.by_parser.last().copied().unwrap_or(parsers.max(1) as u32),
        }
    }
}

fn memchr_iter(needle: u8, bytes: &[u8]) -> impl Iterator<Item = usize> {
    bytes.iter().enumerate().filter(move |(_, byte)| **byte == needle).map(|(at, _)| at)
}
