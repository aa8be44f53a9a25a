//! As Git calls a program for `diff.external` or `GIT_EXTERNAL_DIFF`: once for every file.

use crate::diff::sides::{ABSENT, Sides, read};
use anyhow::Result;
use std::ffi::{OsStr, OsString};
use std::path::Path;

/// The mode of a submodule: its commit's id is no content.
const SUBMODULE: &str = "160000";

/// True when Git calls, as it tells in the environment.
pub(crate) fn is_caller() -> bool {
    std::env::var_os("GIT_DIFF_PATH_COUNTER").is_some()
}

/// True for as many words as Git passes: `path old-file old-hex old-mode new-file new-hex new-mode`, and for a file with
/// another path `new-path info`.
pub(crate) fn fits(words: &[&OsString]) -> bool {
    matches!(words.len(), 7 | 9)
}

/// Reads the one file that Git names.
pub(crate) fn sides(words: &[&OsString]) -> Result<Sides> {
    let text = |at: usize| words.get(at).map(|word| word.to_string_lossy().into_owned()).unwrap_or_default();
    let side = |file: usize| match (words.get(file), words.get(file + 2)) {
        (Some(name), Some(mode)) if *name != ABSENT && *mode != SUBMODULE => read(Path::new(name)),
        _ => Ok(None),
    };
    let mut sides = Sides::between(&text(2), &text(5));
    let (old, new) = (side(1)?, side(4)?);
    match words.get(7) {
        None => sides.add(text(0), None, old, new),
        // What was copied is new: its origin is still there.
        Some(_) if is_copy(words.get(8)) => sides.add(text(7), None, None, new),
        Some(_) => sides.add(text(7), Some(text(0)), old, new),
    }
    Ok(sides)
}

fn is_copy(info: Option<&&OsString>) -> bool {
    let info = info.map(|info| OsStr::to_string_lossy(info)).unwrap_or_default();
    info.lines().any(|line| line.starts_with("copy from "))
}
