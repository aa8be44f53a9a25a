//! From the words of the command line to the printed diff.

use crate::arguments::{DiffArguments, DiffOutput};
use crate::diff::sides::{Sides, read};
use crate::diff::table::{self, Look};
use crate::diff::{folders, git};
use crate::ending::{Ending, Outcome};
use crate::print::{self, printable};
use anyhow::{Context as _, Result, anyhow};
use semantic_diff::SemanticDiffResponse;
use std::ffi::OsStr;
use std::fs;
use std::path::Path;
use std::process::ExitCode;

/// Compares what the words name and prints the differences. The status is 0, differences or not, unless a status of 1
/// was asked for.
pub(crate) fn run(arguments: &DiffArguments) -> Outcome<ExitCode> {
    let (sides, mut look) = match arguments.words().as_slice() {
        [path] => {
            // Git has nothing to compare for a path in conflict, and calls all the same.
            print::line(&format!("{}: unmerged", printable(&path.to_string_lossy())))
                .context("the answer cannot be printed")?;
            return Ok(ExitCode::SUCCESS);
        }
        [base, head] => (compared(arguments.repo.as_deref(), base, head)?, Look::whole()),
        words if arguments.repo.is_none() && git::fits(words) => (git::sides(words)?, Look::part()),
        words => {
            let asked = if arguments.repo.is_some() { "two revisions" } else { "BASE and HEAD" };
            return Err(Ending::cannot_start(anyhow!(
                "`conman diff` compares {asked}, not {} things",
                words.len()
            )));
        }
    };
    let response = sides.diff();
    look.colour = print::is_colourful();
    let text = text(&response, arguments.output, look)?;
    if !text.is_empty() {
        print::line(text.strip_suffix('\n').unwrap_or(&text)).context("the diff cannot be printed")?;
    }
    let differs = arguments.exit_code && !response.changes.is_empty();
    Ok(if differs { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn text(response: &SemanticDiffResponse, output: DiffOutput, look: Look) -> Result<String> {
    Ok(match output {
        DiffOutput::Table => table::table(response, look),
        DiffOutput::Json => {
            serde_json::to_string_pretty(response).context("the diff cannot be written as JSON")?
        }
        // A quoted file is hostile in Markdown as well, where this is shown by a terminal.
        DiffOutput::Markdown => {
            let text = semantic_diff::to_markdown(response);
            text.lines().map(printable).collect::<Vec<_>>().join("\n")
        }
    })
}

/// Files and folders where both words name such, revisions otherwise.
fn compared(repo: Option<&Path>, base: &OsStr, head: &OsStr) -> Result<Sides> {
    if repo.is_none() {
        let is_folder = |word: &OsStr| fs::metadata(word).ok().map(|found| found.is_dir());
        match (is_folder(base), is_folder(head)) {
            (Some(true), Some(true)) => return folders::sides(Path::new(base), Path::new(head)),
            (Some(false), Some(false)) => return files(base, head),
            (Some(_) | None, Some(_) | None) => {}
        }
    }
    revisions(repo.unwrap_or(Path::new(".")), base, head)
}

fn files(base: &OsStr, head: &OsStr) -> Result<Sides> {
    let (old, new) = (read(Path::new(base))?, read(Path::new(head))?);
    let mut sides = Sides::between(&base.to_string_lossy(), &head.to_string_lossy());
    // What is absent has no name of its own.
    let named = if new.is_none() { base } else { head };
    sides.add(named.to_string_lossy().into_owned(), None, old, new);
    Ok(sides)
}

fn revisions(dir: &Path, base: &OsStr, head: &OsStr) -> Result<Sides> {
    let (base, head) = (base.to_string_lossy(), head.to_string_lossy());
    let comparison = conman_git::compare_revisions(dir, &base, &head)
        .with_context(|| format!("`{base}` and `{head}` cannot be compared in `{}`", dir.display()))?;
    let mut sides = Sides::between(&comparison.base, &comparison.head);
    for file in comparison.files {
        sides.add(file.path, file.old_path, file.old, file.new);
    }
    Ok(sides)
}
