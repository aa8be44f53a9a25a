//! A server that is held at a fault point until it is let go.

use std::path::PathBuf;

use anyhow::{Context as _, Result};
use tempfile::TempDir;

/// One fault point at which a server waits; ends with the value.
#[derive(Debug)]
pub(crate) struct Hold {
    point: &'static str,
    folder: TempDir,
}

impl Hold {
    /// The server that starts with [`Hold::variable`] waits at the point the first time that it passes there.
    pub(crate) fn at(point: &'static str) -> Result<Self> {
        Ok(Self { point, folder: conman_testkit::folder()? })
    }

    /// The value of the server's `CONMAN_HOLD_AT`.
    pub(crate) fn variable(&self) -> String {
        format!("{}:{}", self.point, self.file().display())
    }

    /// Whether it waits there now.
    pub(crate) fn holds(&self) -> bool {
        self.file().exists()
    }

    /// Lets it go on.
    pub(crate) fn release(&self) -> Result<()> {
        std::fs::remove_file(self.file()).context("nobody is held")
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("held")
    }
}
