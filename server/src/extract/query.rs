//! Query strings, taken strictly.

use super::fields::Node;
use crate::problem::{FieldError, Problem};
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use conman_workflow::Page;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};

/// A query string as a type that refuses unknown fields; repeated parameters are refused too.
#[derive(Debug, Clone)]
pub struct QueryOf<T>(pub T);

/// The number of a page, from 1; the first, if not given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PageNumber(u32);

/// How many rows a page has, 1 to 200; 50, if not given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PageLimit(u32);

impl Default for PageNumber {
    fn default() -> Self {
        Self(1)
    }
}

impl Default for PageLimit {
    fn default() -> Self {
        Self(50)
    }
}

impl PageNumber {
    /// The part of a list that this number and a limit name.
    pub fn of(self, limit: PageLimit) -> Page {
        Page { page: self.0, limit: limit.0 }
    }
}

impl<'de> Deserialize<'de> for PageNumber {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match u32::deserialize(deserializer) {
            Ok(page) if page >= 1 => Ok(Self(page)),
            Ok(_) | Err(_) => Err(serde::de::Error::custom("a page's number is 1 or more")),
        }
    }
}

impl<'de> Deserialize<'de> for PageLimit {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match u32::deserialize(deserializer) {
            Ok(limit) if (1..=Page::MAX_LIMIT).contains(&limit) => Ok(Self(limit)),
            Ok(_) | Err(_) => Err(serde::de::Error::custom("a page has 1 to 200 rows")),
        }
    }
}

impl<T: DeserializeOwned, S: Sync> FromRequestParts<S> for QueryOf<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let refuse = |field: FieldError| Problem::invalid(vec![field]);
        let values = values(parts.uri.query().unwrap_or_default()).map_err(refuse)?;
        T::deserialize(Node::query(&values)).map(Self).map_err(|fault| refuse(fault.into_field_error()))
    }
}

fn values(query: &str) -> Result<Value, FieldError> {
    let mut values = Map::new();
    for (name, text) in form_urlencoded::parse(query.as_bytes()) {
        let wrong = |message: &str| FieldError { pointer: format!("/{name}"), message: message.to_owned() };
        if text.contains(['\u{fffd}', '\0']) {
            return Err(wrong("it is not UTF-8 text"));
        }
        if values.insert(name.to_string(), Value::String(text.into_owned())).is_some() {
            return Err(wrong("this parameter is there twice"));
        }
    }
    Ok(Value::Object(values))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Paging {
        #[serde(default)]
        page: PageNumber,
        #[serde(default)]
        limit: PageLimit,
        #[serde(default)]
        state: Option<String>,
    }

    fn read(query: &str) -> Option<(Page, Option<String>)> {
        let values = values(query).ok()?;
        let paging = Paging::deserialize(Node::query(&values)).ok()?;
        Some((paging.page.of(paging.limit), paging.state))
    }

    #[test]
    fn pages_are_bounded() {
        assert_eq!(read(""), Some((Page { page: 1, limit: 50 }, None)));
        assert_eq!(
            read("page=3&limit=200&state=a%20b"),
            Some((Page { page: 3, limit: 200 }, Some("a b".to_owned())))
        );
        for bad in [
            "limit=-1",
            "limit=0",
            "limit=201",
            "limit=1000000000",
            "limit=1e2",
            "page=0",
            "page=-1",
            "page=99999999999",
            "limit=50&limit=60",
            "unknown=1",
            "s[$ne]=",
            "$where=1",
            "state=%ff",
            "page=",
            "limit=%30%30",
        ] {
            assert_eq!(read(bad), None, "{bad}");
        }
    }
}
