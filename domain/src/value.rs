//! Values of parameters.

use serde::{Deserialize, Serialize};

/// The value of a parameter, as JSON: what is stored, sent and compared.
pub type Value = serde_json::Value;

/// The types that a parameter can have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ParameterType {
    /// A text.
    String,
    /// A whole number between -(2^53) and 2^53, so that every reader has it exactly.
    Int,
    /// A finite number.
    Number,
    /// True or false.
    Bool,
    /// One of the allowed values.
    Enum,
    /// A length of time as text: a whole number and one of `ms`, `s`, `m`, `h`, `d`, e.g. `15m`.
    Duration,
    /// Any JSON.
    Json,
}

const MAX_EXACT_INT: u64 = 1 << 53;

impl ParameterType {
    /// The type's name as the catalog spells it.
    pub fn name(self) -> &'static str {
        match self {
            Self::String => "string",
            Self::Int => "int",
            Self::Number => "number",
            Self::Bool => "bool",
            Self::Enum => "enum",
            Self::Duration => "duration",
            Self::Json => "json",
        }
    }

    /// Says what is wrong with a value of this type, if anything.
    pub fn check(self, value: &Value) -> Result<(), &'static str> {
        let ok = match self {
            Self::String => value.is_string(),
            Self::Int => value.as_i64().is_some_and(|n| n.unsigned_abs() <= MAX_EXACT_INT),
            Self::Number => value.as_f64().is_some_and(f64::is_finite),
            Self::Bool => value.is_boolean(),
            Self::Enum => value.is_string() || value.is_number(),
            Self::Duration => value.as_str().is_some_and(|text| duration_millis(text).is_some()),
            Self::Json => true,
        };
        if ok {
            return Ok(());
        }
        Err(match self {
            Self::String => "a text is expected",
            Self::Int if value.as_f64().is_some_and(|n| n.abs() >= MAX_EXACT_INT as f64) => {
                "a whole number of at most 2^53 is expected, so that every reader has it exactly"
            }
            Self::Int => "a whole number is expected",
            Self::Number => "a number is expected",
            Self::Bool => "true or false is expected",
            Self::Enum => "one of the allowed values is expected",
            Self::Duration => "a duration is expected, e.g. 30s, 15m, 4h or 2d",
            Self::Json => "JSON is expected",
        })
    }

    /// The value as a number that bounds and rules can compare: numbers as they are, durations in milliseconds.
    pub fn magnitude(self, value: &Value) -> Option<f64> {
        match self {
            Self::Duration => value.as_str().and_then(duration_millis).map(|ms| ms as f64),
            Self::String | Self::Int | Self::Number | Self::Bool | Self::Enum | Self::Json => value.as_f64(),
        }
    }
}

/// Parses a duration such as `15m` into milliseconds; `None` if it is not one.
pub fn duration_millis(text: &str) -> Option<u64> {
    let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let number: u64 = text[..digits].parse().ok()?;
    let unit = match &text[digits..] {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return None,
    };
    number.checked_mul(unit)
}

/// The value as the plain text that `GET /v1/config/:name` answers.
pub fn plain_text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn types_are_checked() {
        assert!(ParameterType::Int.check(&json!(3)).is_ok());
        assert!(ParameterType::Int.check(&json!(3.5)).is_err());
        assert!(ParameterType::Int.check(&json!(9_007_199_254_740_992_i64)).is_ok());
        for far in [json!(9_007_199_254_740_993_i64), json!(i64::MIN), json!(u64::MAX), json!(1e300)] {
            assert!(ParameterType::Int.check(&far).unwrap_err().contains("2^53"), "{far}");
        }
        assert!(ParameterType::Number.check(&json!(3)).is_ok());
        assert!(ParameterType::Bool.check(&json!("true")).is_err());
        assert!(ParameterType::Duration.check(&json!("15m")).is_ok());
        assert!(ParameterType::Duration.check(&json!("15")).is_err());
        assert_eq!(duration_millis("2d"), Some(172_800_000));
        assert_eq!(duration_millis("99999999999999999999d"), None);
        assert_eq!(plain_text(&json!("a")), "a");
        assert_eq!(plain_text(&json!({"a": 1})), r#"{"a":1}"#);
    }
}
