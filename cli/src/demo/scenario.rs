//! The demo's scenario: a clinical laboratory's configuration, its history, its people and what they propose.

use super::git::git;
use anyhow::{Context, Result};
use rust_embed::RustEmbed;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;
use std::process::Command;

#[derive(RustEmbed)]
#[folder = "../fixtures/clinical-lab"]
#[exclude = "README.md"]
struct Fixture;

/// What the demo plays.
#[derive(Debug, Deserialize)]
pub(crate) struct Scenario {
    pub(crate) app: AppSketch,
    pub(crate) people: Vec<Person>,
    pub(crate) environments: Vec<EnvironmentSketch>,
    initial: CommitSketch,
    history: Vec<CommitSketch>,
    pub(crate) changesets: Vec<ChangesetSketch>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct AppSketch {
    pub(crate) name: String,
    pub(crate) slug: String,
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Person {
    pub(crate) handle: String,
    pub(crate) name: String,
    pub(crate) email: String,
    pub(crate) role: String,
}

#[derive(Debug, Deserialize)]
pub(crate) struct EnvironmentSketch {
    pub(crate) name: String,
    pub(crate) canonical: bool,
    pub(crate) values: BTreeMap<String, serde_json::Value>,
}

#[derive(Debug, Deserialize)]
struct CommitSketch {
    author: String,
    at: String,
    message: String,
    #[serde(default)]
    writes: BTreeMap<String, Option<String>>,
    #[serde(default)]
    moves: BTreeMap<String, String>,
}

/// A proposal; its content is where `writes` says, in the fixture.
#[derive(Debug, Deserialize)]
pub(crate) struct ChangesetSketch {
    pub(crate) key: String,
    pub(crate) author: String,
    pub(crate) title: String,
    pub(crate) description: String,
    pub(crate) writes: BTreeMap<String, Option<String>>,
    #[serde(default)]
    pub(crate) deletes: Vec<String>,
    #[serde(default)]
    pub(crate) moves: BTreeMap<String, String>,
    /// The earlier changeset that it cannot be merged with, if there is one.
    pub(crate) conflicts_with: Option<String>,
    /// Where the two collide.
    pub(crate) conflict: Option<ConflictSketch>,
}

/// Where two changesets collide.
#[derive(Debug, Deserialize)]
pub(crate) struct ConflictSketch {
    pub(crate) paths: Vec<String>,
}

/// A file of the fixture.
pub(crate) fn content(path: &str) -> Result<Vec<u8>> {
    let file = Fixture::get(path).with_context(|| format!("the fixture has no {path}"))?;
    Ok(file.data.into_owned())
}

impl Scenario {
    /// Loads the scenario.
    pub(crate) fn load() -> Result<Self> {
        serde_json::from_slice(&content("scenario.json")?).context("the fixture's scenario does not load")
    }

    /// Writes the laboratory's repository, with its history, as a `git bundle` file.
    pub(crate) fn write_bundle(&self, folder: &Path) -> Result<std::path::PathBuf> {
        let (repository, bundle) = (folder.join("lab.git"), folder.join("lab.bundle"));
        git(Command::new("git").args(["init", "--quiet", "--bare"]).arg(&repository), None)?;
        let inside = |words: &[&str]| {
            let mut command = Command::new("git");
            command.arg("-C").arg(&repository).args(words);
            command
        };
        git(&mut inside(&["fast-import", "--quiet"]), Some(&self.fast_import()?))?;
        git(inside(&["bundle", "create", "--quiet"]).arg(&bundle).arg("main"), None)?;
        Ok(bundle)
    }

    /// The history as a stream for `git fast-import`.
    fn fast_import(&self) -> Result<Vec<u8>> {
        let mut stream = Vec::new();
        self.commit(&mut stream, &self.initial)?;
        for path in Fixture::iter() {
            if let Some(in_repository) = path.strip_prefix("files/") {
                put(&mut stream, in_repository, &content(&path)?)?;
            }
        }
        for commit in &self.history {
            self.commit(&mut stream, commit)?;
            for (from, to) in &commit.moves {
                writeln!(stream, "R {} {}", quoted(from), quoted(to))?;
            }
            for (path, source) in &commit.writes {
                match source {
                    Some(source) => put(&mut stream, path, &content(source)?)?,
                    None => writeln!(stream, "D {}", quoted(path))?,
                }
            }
        }
        Ok(stream)
    }

    fn commit(&self, stream: &mut Vec<u8>, commit: &CommitSketch) -> Result<()> {
        let person = self.people.iter().find(|person| person.handle == commit.author);
        let person = person.with_context(|| format!("the scenario has no {}", commit.author))?;
        let seconds = chrono::DateTime::parse_from_rfc3339(&commit.at)?.timestamp();
        let message = format!("{}\n", commit.message.trim_end());
        writeln!(stream, "commit refs/heads/main")?;
        for role in ["author", "committer"] {
            writeln!(stream, "{role} {} <{}> {seconds} +0000", person.name, person.email)?;
        }
        writeln!(stream, "data {}\n{message}", message.len())?;
        Ok(())
    }
}

fn put(stream: &mut Vec<u8>, path: &str, bytes: &[u8]) -> Result<()> {
    writeln!(stream, "M 100644 inline {}\ndata {}", quoted(path), bytes.len())?;
    stream.extend_from_slice(bytes);
    stream.push(b'\n');
    Ok(())
}

fn quoted(path: &str) -> String {
    let mut text = String::from("\"");
    for byte in path.bytes() {
        match byte {
            b'"' | b'\\' => {
                text.push('\\');
                text.push(char::from(byte));
            }
            b' '..=b'~' => text.push(char::from(byte)),
            other => {
                // Writing to a text does not fail.
                let _ = write!(text, "\\{other:03o}");
            }
        }
    }
    text.push('"');
    text
}
