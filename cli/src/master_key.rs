//! The key that secrets at rest are encrypted with.

use anyhow::{Result, bail};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// Where the key is given: never as an argument, which every process of the machine could read.
const VARIABLE: &str = "CONMAN_MASTER_KEY";

/// Looks whether the key, if one is given, is one: nothing is to be encrypted with a key that anybody can guess.
///
/// # Errors
///
/// Says what is wrong with it, and never what it is.
pub(crate) fn check() -> Result<()> {
    match std::env::var(VARIABLE) {
        Ok(text) => check_text(&text),
        Err(std::env::VarError::NotPresent) => Ok(()),
        Err(std::env::VarError::NotUnicode(_)) => bail!("{VARIABLE} is not base64"),
    }
}

fn check_text(text: &str) -> Result<()> {
    let hint = "make one with `openssl rand -base64 32`";
    if text.trim().is_empty() {
        bail!("{VARIABLE} is empty; {hint}, or leave the variable out");
    }
    let Ok(key) = STANDARD.decode(text.trim()) else { bail!("{VARIABLE} is not base64; {hint}") };
    if key.len() != 32 {
        bail!("{VARIABLE} has {} bytes, and 32 are needed; {hint}", key.len());
    }
    // Examples are words, counted up, or one thing over and over; 32 random bytes are none of it, in 10^12 tries.
    let is_text = key.iter().all(|byte| matches!(byte, b' '..=b'~'));
    let distinct = key.iter().collect::<std::collections::BTreeSet<_>>().len();
    let step = key[1].wrapping_sub(key[0]);
    let is_counted = key.windows(2).all(|pair| pair[1].wrapping_sub(pair[0]) == step);
    if is_text || is_counted || distinct < 16 {
        bail!("{VARIABLE} is an example, and anybody could guess it; {hint}");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(key: &[u8]) -> Option<String> {
        check_text(&STANDARD.encode(key)).err().map(|error| error.to_string())
    }

    #[test]
    fn random_keys_are_taken() {
        let key: [u8; 32] = std::array::from_fn(|n| u8::try_from((n * n * 73 + n * 11 + 5) % 256).unwrap());
        assert_eq!(refusal(&key), None);
    }

    #[test]
    fn short_long_and_guessable_keys_are_refused() {
        assert!(refusal(&[7; 31]).unwrap().contains("31 bytes"));
        assert!(refusal(&[7; 33]).unwrap().contains("33 bytes"));
        for example in
            [[0; 32], *b"0123456789abcdef0123456789abcdef", std::array::from_fn(|n| u8::try_from(n).unwrap())]
        {
            assert!(refusal(&example).unwrap().contains("example"));
        }
        for text in ["", " ", "change-me", "c2hvcnQ="] {
            let told = check_text(text).unwrap_err().to_string();
            assert!(text.trim().is_empty() || !told.contains(text), "{told}");
        }
    }
}
