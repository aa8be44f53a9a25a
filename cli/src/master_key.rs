//! The key that secrets at rest are encrypted with.

use crate::services::Places;
use anyhow::{Context as _, Result, bail};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use conman_workflow::MasterKey;
use std::path::Path;

/// Where the key is given: never as an argument, which every process of the machine could read.
const VARIABLE: &str = "CONMAN_MASTER_KEY";

/// The file beside an embedded store that holds the key, where none is given.
const FILE: &str = "master.key";

/// Reads the key that is given, if one is. To be asked before anything is begun.
///
/// # Errors
///
/// Says what is wrong with it, and never what it is: nothing is to be encrypted with a key that anybody can guess.
pub(crate) fn given() -> Result<Option<MasterKey>> {
    match std::env::var(VARIABLE) {
        Ok(text) => read(&text, VARIABLE).map(Some),
        Err(std::env::VarError::NotPresent) => Ok(None),
        Err(std::env::VarError::NotUnicode(_)) => bail!("{VARIABLE} is not base64"),
    }
}

/// The key of a server that was given none: one that is made once and kept beside an embedded store, readable for the
/// server's account alone. A server whose store is elsewhere has none: several such servers must have the same.
///
/// # Errors
///
/// Says what is wrong with the file.
pub(crate) fn kept_beside(data: &Path, places: &Places) -> Result<Option<MasterKey>> {
    if places.store.is_embedded() { kept(&data.join(FILE)).map(Some) } else { Ok(None) }
}

/// Reads the key out of a file, which is made if it is not there.
fn kept(file: &Path) -> Result<MasterKey> {
    read(&text_of(file)?, &file.display().to_string())
}

fn text_of(file: &Path) -> Result<String> {
    let place = file.display();
    if !file.exists() {
        let key = STANDARD.encode(conman_workflow::random_bytes::<32>());
        write_new(file, &key).with_context(|| format!("{place} cannot be written"))?;
    }
    std::fs::read_to_string(file).with_context(|| format!("{place} cannot be read"))
}

/// Writes a file whole or not at all, for this account alone. Of servers that start at once the first one's stays: what
/// one of them seals must open for whoever owns the store later.
fn write_new(file: &Path, text: &str) -> std::io::Result<()> {
    use std::io::Write as _;
    let folder = file.parent().unwrap_or(Path::new("."));
    // Such files are readable for their account alone.
    let mut draft = tempfile::NamedTempFile::new_in(folder)?;
    draft.write_all(text.as_bytes())?;
    draft.as_file().sync_all()?;
    match draft.persist_noclobber(file) {
        Err(error) if error.error.kind() != std::io::ErrorKind::AlreadyExists => Err(error.error),
        // A key that a power cut takes away would take what it sealed along.
        Ok(_) | Err(_) => std::fs::File::open(folder)?.sync_all(),
    }
}

fn read(text: &str, place: &str) -> Result<MasterKey> {
    let hint = "make one with `openssl rand -base64 32`";
    if text.trim().is_empty() {
        bail!("{place} is empty; {hint}, or leave the variable out");
    }
    let Ok(bytes) = STANDARD.decode(text.trim()) else { bail!("{place} is not base64; {hint}") };
    let key: [u8; 32] = match bytes.try_into() {
        Ok(key) => key,
        Err(bytes) => bail!("{place} has {} bytes, and 32 are needed; {hint}", bytes.len()),
    };
    // Examples are words, counted up, or one thing over and over; 32 random bytes are none of it, in 10^12 tries.
    let is_text = key.iter().all(|byte| matches!(byte, b' '..=b'~'));
    let distinct = key.iter().collect::<std::collections::BTreeSet<_>>().len();
    let step = key[1].wrapping_sub(key[0]);
    let is_counted = key.windows(2).all(|pair| pair[1].wrapping_sub(pair[0]) == step);
    if is_text || is_counted || distinct < 16 {
        bail!("{place} is an example, and anybody could guess it; {hint}");
    }
    Ok(MasterKey::new(key))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(key: &[u8]) -> Option<String> {
        read(&STANDARD.encode(key), VARIABLE).err().map(|error| error.to_string())
    }

    #[test]
    fn random_keys_are_taken() {
        let key: [u8; 32] = std::array::from_fn(|n| u8::try_from((n * n * 73 + n * 11 + 5) % 256).unwrap());
        assert_eq!(refusal(&key), None);
    }

    #[test]
    fn servers_that_start_at_once_have_one_key() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join(FILE);
        let keys: std::collections::BTreeSet<String> = std::thread::scope(|scope| {
            let starts: Vec<_> = (0..16).map(|_| scope.spawn(|| text_of(&file).unwrap())).collect();
            starts.into_iter().map(|start| start.join().unwrap()).collect()
        });
        assert_eq!(keys.len(), 1);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_key_is_made_once_for_the_servers_account_alone() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join(FILE);
        kept(&file).unwrap();
        let text = std::fs::read_to_string(&file).unwrap();
        assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        kept(&file).unwrap();
        assert_eq!(std::fs::read_to_string(&file).unwrap(), text);
        std::fs::write(&file, "c2hvcnQ=").unwrap();
        assert!(kept(&file).unwrap_err().to_string().contains("5 bytes"));
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
            let told = read(text, VARIABLE).unwrap_err().to_string();
            assert!(text.trim().is_empty() || !told.contains(text), "{told}");
        }
    }
}
