//! Passwords as people type them, and which ones are good enough.

use crate::error::{Error, Result};
use conman_domain::name::{EmailAddress, Handle, InvalidName, Title};
use serde::{Deserialize, Deserializer};
use std::fmt;

/// The fewest characters of a new password.
const SHORTEST: usize = 12;
/// The most bytes of any password.
const LONGEST: usize = 1024;

/// Words and sequences that stand at the top of every guesser's list, one per line, in lower case.
static COMMON: &str = include_str!("common_passwords.txt");

/// A password as it was typed; never printed, never stored.
#[derive(Clone)]
pub struct Password(String);

impl Password {
    /// Takes any text of at most 1,024 bytes; whether it is good enough is asked when it is set.
    pub fn parse(text: &str) -> std::result::Result<Self, InvalidName> {
        if text.len() > LONGEST {
            return Err(InvalidName("a password has at most 1,024 bytes"));
        }
        Ok(Self(text.to_owned()))
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }

    /// Refuses a new password that is short, common, or the person's own name; `pointer` names the field.
    pub(crate) fn check_new(
        &self,
        pointer: &str,
        email: &EmailAddress,
        handle: &Handle,
        name: &Title,
    ) -> Result<()> {
        match self.weakness(email.as_str(), handle.as_str(), name.as_str()) {
            None => Ok(()),
            Some(weakness) => Err(Error::invalid(pointer, weakness)),
        }
    }

    fn weakness(&self, email: &str, handle: &str, name: &str) -> Option<&'static str> {
        if self.0.chars().count() < SHORTEST {
            return Some("use at least 12 characters");
        }
        let lower = self.0.to_lowercase();
        let own = [email, email.split('@').next().unwrap_or(email), handle, name].map(str::to_lowercase);
        let squeezed = squeeze(&lower);
        if own.iter().any(|own| lower == *own || (!own.is_empty() && squeezed == squeeze(own))) {
            return Some("do not use your own name or address");
        }
        if is_common(&lower) {
            return Some("this password is among the first that a guesser tries; choose another");
        }
        None
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(…)")
    }
}

impl<'de> Deserialize<'de> for Password {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        Self::parse(&String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

/// Tells whether a password, in lower case, is a listed one, a listed one with decoration, or one thing repeated.
fn is_common(lower: &str) -> bool {
    // Decoration is taken off before letters are put back, or `1234` at the end would become letters too.
    let bare = lower.trim_matches(|c: char| !c.is_alphabetic());
    let candidates = [lower.to_owned(), squeeze(lower), unleet(lower), unleet(bare), squeeze(&unleet(bare))];
    candidates.iter().any(|text| {
        let core = text.trim_matches(|c: char| !c.is_alphabetic());
        is_listed(text)
            || is_listed(core)
            || core.is_empty() && is_run(text)
            || is_repetition(text)
            || is_repetition(core)
            || is_run(text)
    })
}

fn is_listed(text: &str) -> bool {
    !text.is_empty() && COMMON.lines().any(|line| line == text)
}

/// True for one unit of up to six characters over and over, such as `abcabcabcabc`, or a listed word twice or more.
fn is_repetition(text: &str) -> bool {
    let chars: Vec<char> = text.chars().collect();
    let repeats = |unit: usize| chars.iter().enumerate().all(|(at, c)| *c == chars[at % unit]);
    let short = (1..=6.min(chars.len() / 2)).any(repeats);
    let listed = (7..=chars.len() / 2).any(|unit| {
        chars.len().is_multiple_of(unit)
            && repeats(unit)
            && is_listed(&chars[..unit].iter().collect::<String>())
    });
    short || listed
}

/// True where every character follows the one before by the same step, up or down, with 9 followed by 0.
fn is_run(text: &str) -> bool {
    let codes: Vec<u32> = text.chars().map(u32::from).collect();
    let step = |up: bool| {
        codes.windows(2).all(|pair| {
            let (from, to) = if up { (pair[0], pair[1]) } else { (pair[1], pair[0]) };
            from + 1 == to || (from == u32::from('9') && to == u32::from('0'))
        })
    };
    codes.len() > 1 && (step(true) || step(false))
}

/// Leaves out what people put between words.
fn squeeze(text: &str) -> String {
    text.chars().filter(|c| !c.is_whitespace() && !matches!(c, '-' | '_' | '.' | ',')).collect()
}

/// Undoes the usual replacements of letters.
fn unleet(text: &str) -> String {
    text.chars()
        .map(|c| match c {
            '0' => 'o',
            '1' | '!' => 'i',
            '3' => 'e',
            '4' | '@' => 'a',
            '5' | '$' => 's',
            '7' => 't',
            other => other,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn weak(text: &str) -> bool {
        Password::parse(text)
            .unwrap()
            .weakness("ana.lopez@lab.example", "ana-lopez", "Ana María López")
            .is_some()
    }

    #[test]
    fn weak_passwords_are_refused() {
        for text in [
            "",
            "short",
            "elevenchars",
            "password1234",
            "Password123!",
            "P@ssw0rd1234",
            "passwordpassword",
            "qwertyuiop12",
            "123456789012",
            "aaaaaaaaaaaa",
            "abcabcabcabc",
            "abcdefghijkl",
            "zyxwvutsrqpo",
            "correcthorsebatterystaple",
            "Correct Horse Battery Staple",
            "ana.lopez@lab.example",
            "Ana María López",
            "anamaríalópez",
            "letmein!!!!!!",
            "iloveyou2026",
        ] {
            assert!(weak(text), "{text:?} was taken");
        }
    }

    #[test]
    fn other_passwords_are_taken() {
        for text in [
            "violet-kettle-tundra",
            "Tr0mbone&citrus",
            "xK9#mQ2$vL5!",
            "ein ganz langer Satz",
            "пароль мой длинный",
        ] {
            assert!(!weak(text), "{text:?} was refused");
        }
    }

    #[test]
    fn length_is_bounded_and_nothing_is_printed() {
        assert!(Password::parse(&"x".repeat(1024)).is_ok());
        assert!(Password::parse(&"x".repeat(1025)).is_err());
        assert_eq!(format!("{:?}", Password::parse("secret").unwrap()), "Password(…)");
    }

    #[test]
    fn the_list_is_clean() {
        let lines: Vec<&str> = COMMON.lines().collect();
        assert!(lines.len() >= 300, "{}", lines.len());
        assert!(
            lines.iter().all(|line| !line.is_empty() && line.trim() == *line && line.to_lowercase() == *line)
        );
        let distinct: std::collections::BTreeSet<&&str> = lines.iter().collect();
        assert_eq!(distinct.len(), lines.len());
    }
}
