//! Where things lie.

use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use crate::failure::{During, Failure, Outcome};

/// The root of the repository: of the checkout that Cargo runs this program for, which need not be the one that it was
/// compiled in where several share a target folder.
pub(crate) fn root() -> &'static Path {
    static ROOT: LazyLock<PathBuf> = LazyLock::new(|| {
        let own = std::env::var_os("CARGO_MANIFEST_DIR");
        let own = own.map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
        own.parent().expect("xtask lies one folder below the root of the repository").to_owned()
    });
    &ROOT
}

/// Cargo's target folder.
pub(crate) fn target() -> PathBuf {
    match std::env::var_os("CARGO_TARGET_DIR") {
        Some(folder) => root().join(folder),
        None => root().join("target"),
    }
}

/// Where downloads survive between checkouts: `$CONMAN_CACHE`, or `conman` in the user's cache folder.
pub(crate) fn cache() -> Outcome<PathBuf> {
    if let Some(folder) = std::env::var_os("CONMAN_CACHE") {
        return Ok(PathBuf::from(folder));
    }
    let base = match (std::env::var_os("XDG_CACHE_HOME"), std::env::var_os("HOME")) {
        (Some(folder), _) => PathBuf::from(folder),
        (None, Some(home)) => PathBuf::from(home).join(".cache"),
        (None, None) => return Err(Failure::new("no cache folder: set CONMAN_CACHE or HOME")),
    };
    Ok(base.join("conman"))
}

/// Finds a program on the PATH.
pub(crate) fn program(name: &str) -> Option<PathBuf> {
    std::env::split_paths(&std::env::var_os("PATH")?)
        .map(|folder| folder.join(name))
        .find(|file| file.is_file())
}

/// A folder of this run below the system's temporary folder; it is removed with the value.
///
/// Not below `target`, because the database's own user must be able to reach it.
#[derive(Debug)]
pub(crate) struct RunFolder {
    path: PathBuf,
}

impl RunFolder {
    /// Makes the folder, and removes those of earlier runs whose process is gone.
    pub(crate) fn create() -> Outcome<Self> {
        let base = std::env::temp_dir();
        sweep(&base);
        let path = base.join(format!("{PREFIX}{}", std::process::id()));
        std::fs::create_dir(&path).during(|| format!("cannot make {}", path.display()))?;
        Ok(Self { path })
    }

    pub(crate) fn join(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }
}

impl Drop for RunFolder {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_dir_all(&self.path) {
            eprintln!("xtask: cannot remove {}: {error}", self.path.display());
        }
    }
}

const PREFIX: &str = "conman-servers-";

fn sweep(base: &Path) {
    let Ok(entries) = std::fs::read_dir(base) else {
        return;
    };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let Some(pid) = name.to_str().and_then(|name| name.strip_prefix(PREFIX)) else {
            continue;
        };
        if pid.parse::<u32>().is_ok()
            && Path::new("/proc/self").exists()
            && !Path::new("/proc").join(pid).exists()
        {
            // A leftover of a killed run. Someone else's leftover may not be ours to remove: then it stays.
            let _ = std::fs::remove_dir_all(entry.path());
        }
    }
}
