//! From the words of the command line to the printed findings.

use crate::arguments::{CheckArguments, CheckOutput};
use crate::check::{read, table};
use crate::ending::{Ending, Outcome};
use crate::print;
use anyhow::Context as _;
use conman_domain::changeset::{Finding, Severity};
use serde::Serialize;
use std::path::Path;
use std::process::ExitCode;

/// What was found.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    /// How many files were looked at.
    pub(crate) files: usize,
    pub(crate) errors: usize,
    pub(crate) warnings: usize,
    /// By file and place.
    pub(crate) findings: Vec<Finding>,
}

/// Checks what the words name and prints what it finds; the status is 1 where there are errors.
pub(crate) fn run(arguments: &CheckArguments) -> Outcome<ExitCode> {
    let what = arguments.what.as_ref();
    let read = match &arguments.repo {
        Some(repository) => {
            let revision = what.map_or("HEAD".into(), |what| what.to_string_lossy());
            read::revision(repository, &revision)
        }
        None => read::folder(what.map_or(Path::new("."), Path::new)),
    };
    let read = read.map_err(Ending::CannotStart)?;
    let mut findings = read.findings;
    findings.extend(conman_validation::tree_findings(&read.files));
    let count = |severity| findings.iter().filter(|finding| finding.severity == severity).count();
    let (errors, warnings) = (count(Severity::Error), count(Severity::Warning));
    let report = Report { files: read.files.len(), errors, warnings, findings };
    let text = match arguments.output {
        CheckOutput::Table => table::table(&report, print::is_colourful()),
        CheckOutput::Json => {
            serde_json::to_string_pretty(&report).context("the findings cannot be written as JSON")?
        }
    };
    print::line(&text).context("the findings cannot be printed")?;
    Ok(if report.errors > 0 { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}
