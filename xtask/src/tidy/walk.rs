//! The files of the repository.

use std::path::Path;

use crate::failure::{During, Outcome};

/// What is built or downloaded, not written.
const SKIPPED: [&str; 5] = [".git", ".conman", "node_modules", "target", "dist"];

/// A text file: its path from the root with `/` between the parts, and what is in it.
#[derive(Debug)]
pub(crate) struct TextFile {
    pub(crate) path: String,
    pub(crate) text: String,
}

/// Reads all text files below the root, in order of their paths.
pub(crate) fn text_files(root: &Path) -> Outcome<Vec<TextFile>> {
    let mut files = Vec::new();
    collect(root, "", &mut files)?;
    files.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(files)
}

fn collect(folder: &Path, prefix: &str, files: &mut Vec<TextFile>) -> Outcome<()> {
    let reading = || format!("cannot read {}", folder.display());
    for entry in std::fs::read_dir(folder).during(reading)? {
        let entry = entry.during(reading)?;
        // A name that is not UTF-8 is none that this repository would use; nothing here could name it.
        let Ok(name) = entry.file_name().into_string() else {
            continue;
        };
        let kind = entry.file_type().during(reading)?;
        let path = format!("{prefix}{name}");
        // `.git` is a file in a second work tree.
        if SKIPPED.contains(&name.as_str()) {
            continue;
        }
        if kind.is_dir() {
            collect(&entry.path(), &format!("{path}/"), files)?;
        } else if kind.is_file() {
            // Files that are not text are images and the like, and editors' passing files may be gone already.
            if let Ok(text) = std::fs::read_to_string(entry.path()) {
                files.push(TextFile { path, text });
            }
        }
    }
    Ok(())
}
