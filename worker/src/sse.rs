//! Server-sent events, as far as the worker's stream uses them.

/// More than any event of ours; a longer line or event is dropped.
const MAX_EVENT: usize = 64 * 1024;

/// One event.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Event {
    /// The value of `event:`; empty if there was none.
    pub(crate) name: String,
    /// The values of `data:`, joined by line breaks.
    pub(crate) data: String,
}

/// Puts events together from pieces of a stream. Comments and unknown fields are skipped.
#[derive(Debug, Default)]
pub(crate) struct Parser {
    line: Vec<u8>,
    last_was_cr: bool,
    event: Event,
    has_data: bool,
}

impl Parser {
    /// Takes the next bytes, and gives the events that they complete.
    pub(crate) fn push(&mut self, bytes: &[u8]) -> Vec<Event> {
        let mut events = Vec::new();
        for &byte in bytes {
            let after_cr = std::mem::replace(&mut self.last_was_cr, byte == b'\r');
            match byte {
                b'\n' if after_cr => {}
                b'\n' | b'\r' => {
                    let line = std::mem::take(&mut self.line);
                    events.extend(self.end_line(&String::from_utf8_lossy(&line)));
                }
                _ if self.line.len() < MAX_EVENT => self.line.push(byte),
                _ => {}
            }
        }
        events
    }

    fn end_line(&mut self, line: &str) -> Option<Event> {
        if line.is_empty() {
            let event = std::mem::take(&mut self.event);
            return std::mem::take(&mut self.has_data).then_some(event);
        }
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "event" => self.event.name = value.to_owned(),
            "data" if self.event.data.len() + value.len() < MAX_EVENT => {
                if std::mem::replace(&mut self.has_data, true) {
                    self.event.data.push('\n');
                }
                self.event.data.push_str(value);
            }
            _ => {}
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(name: &str, data: &str) -> Event {
        Event { name: name.to_owned(), data: data.to_owned() }
    }

    #[test]
    fn events_come_out_however_the_stream_is_cut() {
        let text = ": hello\r\n\r\nevent: config_changed\r\ndata: {\"version\": 3}\r\n\r\n:\n\nid: 7\ndata:a\ndata: b\n\nevent: x\n\n\rdata: c\r\r";
        let expected = [event("config_changed", "{\"version\": 3}"), event("", "a\nb"), event("", "c")];
        for size in 1..text.len() {
            let mut parser = Parser::default();
            let events: Vec<Event> =
                text.as_bytes().chunks(size).flat_map(|piece| parser.push(piece)).collect();
            assert_eq!(events, expected, "in pieces of {size}");
        }
    }

    #[test]
    fn endless_lines_take_no_endless_memory() {
        let mut parser = Parser::default();
        for _ in 0..1_000 {
            assert_eq!(parser.push(&[b'x'; 1_000]), []);
        }
        assert!(parser.line.len() <= MAX_EVENT);
        assert_eq!(parser.push(b"\n\ndata: 1\n\n"), [event("", "1")]);
    }
}
