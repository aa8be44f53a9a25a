//! The mark of a sample app that is being put in place, so that a run that was stopped half-way is begun anew.

use anyhow::{Context as _, Result};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// The file that is the mark.
const MARK: &str = "demo.unfinished";
/// What a demo on the embedded default has in its folder; nothing else is ever removed.
const OURS: [&str; 7] = [
    "store",
    "repositories",
    "distribution.db",
    "distribution.db-wal",
    "distribution.db-shm",
    "sample",
    "demo.json.new",
];

/// A data folder with a sample app that is not in place yet.
pub(super) struct Unfinished {
    data: PathBuf,
}

impl Unfinished {
    /// Marks a folder, before anything is put there.
    pub(super) fn mark(data: &Path) -> Result<Self> {
        let file = data.join(MARK);
        std::fs::write(&file, "").with_context(|| format!("{} cannot be written", file.display()))?;
        Ok(Self { data: data.to_owned() })
    }

    /// Looks whether a folder is marked and its sample app is not in place.
    pub(super) fn find(data: &Path) -> Result<Option<Self>> {
        let unfinished = Self { data: data.to_owned() };
        if !data.join(MARK).exists() {
            return Ok(None);
        }
        if data.join("demo.json").exists() {
            // Stopped between the two last steps.
            unfinished.unmark()?;
            return Ok(None);
        }
        Ok(Some(unfinished))
    }

    /// Takes the mark away: everything is in place.
    pub(super) fn unmark(self) -> Result<()> {
        remove(&self.data.join(MARK))
    }

    /// Removes what was put in place so far, and the mark.
    pub(super) fn clear(self) -> Result<()> {
        for name in OURS {
            remove(&self.data.join(name))?;
        }
        self.unmark()
    }
}

fn remove(path: &Path) -> Result<()> {
    let removed = if path.is_dir() { std::fs::remove_dir_all(path) } else { std::fs::remove_file(path) };
    match removed {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            Err(error).with_context(|| format!("{} cannot be removed", path.display()))
        }
        _ => Ok(()),
    }
}
