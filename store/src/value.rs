//! Values that a query binds to the fields of its index.

use chrono::{DateTime, NaiveDateTime, SecondsFormat, Utc};

/// Is a value of an indexed field.
#[derive(Debug, Clone, PartialEq)]
pub enum FieldValue {
    /// The field is null or absent.
    Null,
    /// A boolean.
    Bool(bool),
    /// A whole number.
    Integer(i64),
    /// Any other number; never NaN.
    Real(f64),
    /// A text, also an instant in its canonical form.
    Text(String),
}

impl FieldValue {
    /// Tells whether an index can hold the value.
    pub(crate) fn is_storable(&self) -> bool {
        !matches!(self, Self::Real(number) if number.is_nan())
    }
}

/// Reads an instant in its canonical form `YYYY-MM-DDTHH:MM:SS.mmmZ`, and no other.
pub(crate) fn canonical_instant(text: &str) -> Option<DateTime<Utc>> {
    const LENGTH: usize = 24;
    if text.len() != LENGTH || !text.ends_with('Z') {
        return None;
    }
    let instant = NaiveDateTime::parse_from_str(text, "%Y-%m-%dT%H:%M:%S%.3fZ").ok()?.and_utc();
    // Signs and short numbers parse too. A leap second even comes back the same, but no count of milliseconds holds it.
    let is_exact = instant.timestamp_subsec_millis() < 1000 && canonical_text(instant) == text;
    is_exact.then_some(instant)
}

/// Writes an instant in its canonical form, cut to the millisecond.
pub(crate) fn canonical_text(instant: DateTime<Utc>) -> String {
    instant.to_rfc3339_opts(SecondsFormat::Millis, true)
}

/// Tells whether the field at the end of a dotted path holds instants.
pub(crate) fn holds_instants(path: &str) -> bool {
    path.ends_with("_at")
}

impl From<&str> for FieldValue {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for FieldValue {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<&String> for FieldValue {
    fn from(text: &String) -> Self {
        Self::Text(text.clone())
    }
}

impl From<bool> for FieldValue {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

impl From<i32> for FieldValue {
    fn from(number: i32) -> Self {
        Self::Integer(number.into())
    }
}

impl From<u32> for FieldValue {
    fn from(number: u32) -> Self {
        Self::Integer(number.into())
    }
}

impl From<i64> for FieldValue {
    fn from(number: i64) -> Self {
        Self::Integer(number)
    }
}

impl From<u64> for FieldValue {
    fn from(number: u64) -> Self {
        // No stored number is above i64::MAX, so the nearest float compares the same way with all of them.
        #[expect(clippy::cast_precision_loss, reason = "only the order matters beyond i64::MAX")]
        i64::try_from(number).map_or(Self::Real(number as f64), Self::Integer)
    }
}

impl From<f64> for FieldValue {
    fn from(number: f64) -> Self {
        Self::Real(number)
    }
}

impl From<DateTime<Utc>> for FieldValue {
    fn from(instant: DateTime<Utc>) -> Self {
        Self::Text(canonical_text(instant))
    }
}

impl From<conman_domain::time::Timestamp> for FieldValue {
    fn from(instant: conman_domain::time::Timestamp) -> Self {
        instant.instant().into()
    }
}

impl From<uuid::Uuid> for FieldValue {
    fn from(id: uuid::Uuid) -> Self {
        Self::Text(id.to_string())
    }
}

impl<V: Into<FieldValue>> From<Option<V>> for FieldValue {
    fn from(value: Option<V>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_canonical_form_is_an_instant() {
        let text = "2026-11-20T04:54:30.007Z";
        assert_eq!(canonical_instant(text).map(canonical_text).as_deref(), Some(text));
        for other in [
            "2026-11-20T04:54:30Z",
            "2026-11-20T04:54:30.0070Z",
            "2026-11-20 04:54:30.007Z",
            "2026-02-30T04:54:30.007Z",
            "2026-11-20T23:59:60.000Z",
            "2026-11-20T04:54:30.007z",
            "+026-11-20T04:54:30.007Z",
            "2026-11-20T04:54:30.+07Z",
            "ééééééééééé5Z",
            "",
        ] {
            assert_eq!(canonical_instant(other), None, "{other}");
        }
    }

    #[test]
    fn years_of_four_digits_are_canonical() {
        for text in ["0000-01-01T00:00:00.000Z", "0001-01-01T00:00:00.000Z", "9999-12-31T23:59:59.999Z"] {
            assert_eq!(canonical_instant(text).map(canonical_text).as_deref(), Some(text));
        }
    }
}
