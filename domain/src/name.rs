//! Names that people give, and the Git names that are built from them.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::borrow::Borrow;
use std::fmt;
use std::str::FromStr;

/// Says why a name is refused, in a sentence for the person who typed it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidName(pub &'static str);

macro_rules! names {
    ($($(#[$doc:meta])* $name:ident = $check:path;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(String);

        impl $name {
            /// Parses a name, or says why it is refused.
            pub fn parse(text: &str) -> Result<Self, InvalidName> {
                $check(text).map(Self)
            }

            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(&self.0, f)
            }
        }

        impl FromStr for $name {
            type Err = InvalidName;

            fn from_str(text: &str) -> Result<Self, InvalidName> {
                Self::parse(text)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                Self::parse(&String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
            }
        }
    )*};
}

names! {
    /// A user's short name in URLs and branches: lower-case letters, digits and single dashes, 1 to 39 characters.
    Handle = check_slug;
    /// An app's short name in URLs, branches and hosts: as [`Handle`].
    Slug = check_slug;
    /// An environment's name: as [`Handle`].
    EnvironmentName = check_slug;
    /// A branch without `refs/heads/`.
    BranchName = check_branch;
    /// A release's tag, `rYYYY.MM.DD.N`.
    ReleaseTag = check_tag;
    /// An e-mail address in lower case.
    EmailAddress = check_email;
    /// A title or display name: 1 to 200 characters on one line.
    Title = check_title;
    /// A parameter's name: starts with a letter, then letters, digits and underscores, at most 100 characters.
    ParameterName = check_parameter;
    /// The name under which a connection is kept: as [`ParameterName`], also with dots and dashes.
    ConnectionName = check_connection;
    /// Where an environment is reached: an `http` or `https` address without a user, a query or a fragment.
    BaseUrl = check_base_url;
}

fn check_slug(text: &str) -> Result<String, InvalidName> {
    let ok = (1..=39).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
        && !text.starts_with('-')
        && !text.ends_with('-')
        && !text.contains("--");
    if ok {
        Ok(text.to_owned())
    } else {
        Err(InvalidName("use 1 to 39 lower-case letters, digits and single dashes, not at the ends"))
    }
}

fn check_branch(text: &str) -> Result<String, InvalidName> {
    let component = |part: &str| {
        !part.is_empty()
            && part.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
            && !part.starts_with(['.', '-'])
            && !part.ends_with(['.', '-'])
            && !part.contains("..")
            && !part.ends_with(".lock")
    };
    if text.len() <= 200 && text.split('/').all(component) && text != "HEAD" {
        Ok(text.to_owned())
    } else {
        Err(InvalidName("use letters, digits, dots, dashes and underscores, in parts separated by slashes"))
    }
}

fn check_tag(text: &str) -> Result<String, InvalidName> {
    let parts: Vec<&str> = text.strip_prefix('r').unwrap_or_default().split('.').collect();
    let digits = |part: &str, len: usize| part.len() == len && part.bytes().all(|b| b.is_ascii_digit());
    let ok = match parts.as_slice() {
        [year, month, day, n] => {
            digits(year, 4)
                && digits(month, 2)
                && digits(day, 2)
                && (1..=6).contains(&n.len())
                && digits(n, n.len())
                && !n.starts_with('0')
        }
        _ => false,
    };
    if ok { Ok(text.to_owned()) } else { Err(InvalidName("a release tag looks like r2026.03.21.1")) }
}

fn check_email(text: &str) -> Result<String, InvalidName> {
    let bad = Err(InvalidName("this is not an e-mail address"));
    let Some((local, domain)) = text.split_once('@') else {
        return bad;
    };
    let part = |text: &str, extra: &str| {
        !text.is_empty()
            && text.chars().all(|c| c.is_ascii_alphanumeric() || extra.contains(c))
            && !text.starts_with('.')
            && !text.ends_with('.')
            && !text.contains("..")
    };
    if text.len() > 254
        || local.len() > 64
        || !part(local, "!#$%&'*+/=?^_`{|}~.-")
        || !part(domain, ".-")
        || domain.starts_with('-')
    {
        return bad;
    }
    Ok(text.to_ascii_lowercase())
}

fn check_title(text: &str) -> Result<String, InvalidName> {
    let text = text.trim();
    if text.is_empty() {
        return Err(InvalidName("it must not be empty"));
    }
    if text.chars().count() > 200 {
        return Err(InvalidName("at most 200 characters"));
    }
    if text.chars().any(|c| {
        c.is_control()
            || matches!(c, '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    }) {
        return Err(InvalidName("one line, without control or direction characters"));
    }
    Ok(text.to_owned())
}

fn check_parameter(text: &str) -> Result<String, InvalidName> {
    let ok = text.len() <= 100
        && text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    if ok {
        Ok(text.to_owned())
    } else {
        Err(InvalidName("start with a letter, then letters, digits and underscores, at most 100"))
    }
}

fn check_connection(text: &str) -> Result<String, InvalidName> {
    let ok = text.len() <= 100
        && text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.'));
    if ok {
        Ok(text.to_owned())
    } else {
        Err(InvalidName(
            "a name, not an address: start with a letter, then letters, digits, `_`, `-` and `.`",
        ))
    }
}

fn check_base_url(text: &str) -> Result<String, InvalidName> {
    let Some(rest) = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://")) else {
        return Err(InvalidName("an address begins with https:// or http://"));
    };
    let host = rest.split('/').next().unwrap_or_default();
    if host.contains('@') {
        return Err(InvalidName("an address here holds no user and no password"));
    }
    let (name, port) = host.rsplit_once(':').map_or((host, None), |(name, port)| (name, Some(port)));
    let is_host = !name.is_empty()
        && name.len() <= 253
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-'))
        && !name.starts_with(['.', '-'])
        && !name.ends_with('-')
        && !name.contains("..");
    let is_path = rest.bytes().all(|b| b.is_ascii_graphic() && !b"?#\\\"<>^`{|}".contains(&b));
    if text.len() <= 500
        && is_host
        && is_path
        && port.is_none_or(|port| port.parse::<u16>().is_ok_and(|p| p > 0))
    {
        Ok(text.to_owned())
    } else {
        Err(InvalidName("an address looks like https://lab.example/app"))
    }
}

impl ReleaseTag {
    /// The `n`-th tag of the day of `at`; `n` counts from 1.
    pub fn of_day(at: crate::Timestamp, n: u32) -> Self {
        Self(format!("{}{n}", Self::day_prefix(at)))
    }

    /// What all tags of the day of `at` begin with, e.g. `r2026.03.21.`.
    pub fn day_prefix(at: crate::Timestamp) -> String {
        at.instant().format("r%Y.%m.%d.").to_string()
    }
}

impl BranchName {
    /// The branch of a user's workspace in an app; `number` counts further workspaces from 2.
    pub fn workspace(user: &Handle, app: &Slug, number: u32) -> Self {
        match number {
            0 | 1 => Self(format!("ws/{user}/{app}")),
            n => Self(format!("ws/{user}/{app}.{n}")),
        }
    }

    /// True for branches that belong to workspaces.
    pub fn is_workspace(&self) -> bool {
        self.0.starts_with("ws/")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hostile_names_are_refused() {
        for bad in ["", "../main", "a.lock", "-x", "@{1}", "A", "a--b", "a-", "é", "a b", "a/b", "a\n"] {
            assert!(Handle::parse(bad).is_err(), "{bad:?}");
        }
        for bad in
            ["", "a..b", "x.lock", "/a", "a/", "a//b", "HEAD", "-a", "a b", "a~1", "refs@{1}", ".a", "a:b"]
        {
            assert!(BranchName::parse(bad).is_err(), "{bad:?}");
        }
        for bad in ["r2026.3.21.1", "v2026.03.21.1", "r2026.03.21.0", "r2026.03.21", "HEAD", "r2026.03.21.01"]
        {
            assert!(ReleaseTag::parse(bad).is_err(), "{bad:?}");
        }
        for bad in ["x", "a@", "@b", "a@b\r\nBcc: c@d", "a b@c", "a@b@c", ".a@b"] {
            assert!(EmailAddress::parse(bad).is_err(), "{bad:?}");
        }
        for bad in [
            "",
            "lab.example",
            "ftp://lab.example",
            "https://",
            "https:///a",
            "https://user:secret@lab.example",
            "https://lab.example:0",
            "https://lab.example:70000",
            "https://lab.example/?a=1",
            "https://lab.example/#a",
            "https://lab example",
            "https://lab.example/\n",
            "https://-lab.example",
            "javascript:alert(1)",
        ] {
            assert!(BaseUrl::parse(bad).is_err(), "{bad:?}");
        }
        for bad in ["", "mongodb://u:p@host", "1a", "a b", "a/b", "a\n"] {
            assert!(ConnectionName::parse(bad).is_err(), "{bad:?}");
        }
        for bad in ["", "  ", "a\r\nBcc: x", "\u{202e}abc", "a\u{1b}[0m"] {
            assert!(Title::parse(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn ordinary_names_pass() {
        for good in ["https://lab.example", "http://localhost:8080/app/", "https://LAB.example/a-b_c~d"] {
            assert!(BaseUrl::parse(good).is_ok(), "{good:?}");
        }
        assert!(ConnectionName::parse("lab-main.mongo_1").is_ok());
        assert_eq!(
            BranchName::workspace(&Handle::parse("ana").unwrap(), &Slug::parse("lab").unwrap(), 1).as_str(),
            "ws/ana/lab"
        );
        assert!(
            BranchName::parse(
                BranchName::workspace(&Handle::parse("ana").unwrap(), &Slug::parse("lab").unwrap(), 2)
                    .as_str()
            )
            .is_ok()
        );
        assert_eq!(EmailAddress::parse("Ana@Lab.example").unwrap().as_str(), "ana@lab.example");
        let at = crate::Timestamp::parse("2026-03-21T23:59:59Z").unwrap();
        assert_eq!(ReleaseTag::of_day(at, 3).as_str(), "r2026.03.21.3");
        assert!(ReleaseTag::parse("r2026.03.21.3").is_ok());
    }
}
