//! Instants, in UTC and whole milliseconds.

use chrono::{DateTime, NaiveDate, NaiveDateTime, SecondsFormat, TimeDelta, TimeZone, Utc};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;

/// An instant in UTC with millisecond precision: what both databases can hold without loss.
///
/// Its text is always `YYYY-MM-DDTHH:MM:SS.mmmZ`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(DateTime<Utc>);

impl Timestamp {
    /// Cuts an instant to milliseconds.
    pub fn new(instant: DateTime<Utc>) -> Self {
        Self::from_millis(instant.timestamp_millis())
    }

    /// Makes an instant from milliseconds since 1970; out-of-range values become the epoch.
    pub fn from_millis(millis: i64) -> Self {
        Self(Utc.timestamp_millis_opt(millis).single().unwrap_or_default())
    }

    /// Milliseconds since 1970.
    pub fn millis(self) -> i64 {
        self.0.timestamp_millis()
    }

    /// Whole seconds since 1970, as Git keeps them.
    pub fn seconds(self) -> i64 {
        self.0.timestamp()
    }

    /// The instant as chrono has it.
    pub fn instant(self) -> DateTime<Utc> {
        self.0
    }

    /// The instant `delta` later.
    pub fn plus(self, delta: TimeDelta) -> Self {
        Self(self.0.checked_add_signed(delta).unwrap_or(self.0))
    }

    /// How long after `earlier` this is; negative when before.
    pub fn since(self, earlier: Timestamp) -> TimeDelta {
        self.0 - earlier.0
    }

    /// Parses an RFC 3339 text and cuts it to milliseconds.
    pub fn parse(text: &str) -> Option<Self> {
        DateTime::parse_from_rfc3339(text).ok().map(|instant| Self::new(instant.with_timezone(&Utc)))
    }

    /// Parses an instant as people and programs write it in ISO 8601: a date, or a date and a time, with an offset or
    /// without, in which case UTC is meant; of a date alone its first instant. Cut to milliseconds.
    pub fn parse_iso(text: &str) -> Option<Self> {
        const WITH_OFFSET: [&str; 3] = ["%Y-%m-%dT%H:%M:%S%.f%#z", "%Y-%m-%dT%H:%M%#z", "%Y%m%dT%H%M%S%#z"];
        const WITHOUT: [&str; 3] = ["%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%dT%H:%M", "%Y%m%dT%H%M%S"];
        let with_offset = || {
            let instant =
                WITH_OFFSET.iter().find_map(|format| DateTime::parse_from_str(text, format).ok())?;
            Some(instant.with_timezone(&Utc))
        };
        let without = || WITHOUT.iter().find_map(|format| NaiveDateTime::parse_from_str(text, format).ok());
        let date = || NaiveDate::parse_from_str(text, "%Y-%m-%d").ok()?.and_hms_opt(0, 0, 0);
        // Years of another length are numbers rather than years.
        let is_usual =
            text.is_ascii() && text.len() >= 10 && text.as_bytes()[..4].iter().all(u8::is_ascii_digit);
        if !is_usual {
            return None;
        }
        Self::parse(text)
            .or_else(|| with_offset().map(Self::new))
            .or_else(|| without().or_else(date).map(|local| Self::new(local.and_utc())))
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.to_rfc3339_opts(SecondsFormat::Millis, true))
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Timestamp::parse(&text).ok_or_else(|| serde::de::Error::custom("not an RFC 3339 instant"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn iso_8601_is_read_as_it_is_written() {
        for text in [
            "2026-03-21T14:00:00Z",
            "2026-03-21T14:00:00.000+00:00",
            "2026-03-21T14:00Z",
            "2026-03-21T14:00",
            "2026-03-21T14:00:00",
            "2026-03-21T16:00:00+0200",
            "2026-03-21T16:00+02",
            "20260321T140000Z",
            "20260321T140000",
        ] {
            assert_eq!(Timestamp::parse_iso(text), Timestamp::parse("2026-03-21T14:00:00Z"), "{text}");
        }
        assert_eq!(Timestamp::parse_iso("2026-03-21"), Timestamp::parse("2026-03-21T00:00:00Z"));
        for text in [
            "",
            "noon",
            "2026",
            "2026-02-30",
            "2026-03-21T25:00",
            "1700000000",
            "+12026-01-01",
            "2026-03-21 x",
        ] {
            assert_eq!(Timestamp::parse_iso(text), None, "{text}");
        }
    }

    #[test]
    fn text_has_one_form() {
        let t = Timestamp::parse("2026-03-04T05:06:07.123456+01:00").unwrap();
        assert_eq!(t.to_string(), "2026-03-04T04:06:07.123Z");
        assert_eq!(Timestamp::parse(&t.to_string()), Some(t));
    }
}
