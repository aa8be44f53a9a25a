//! How a command ends badly, and the exit status that says so.

use crate::print::printable;
use anyhow::Error;
use std::process::ExitCode;

/// The result of a command.
pub(crate) type Outcome<T = ()> = Result<T, Ending>;

/// A bad end.
#[derive(Debug)]
pub(crate) enum Ending {
    /// Something was refused or failed on the way.
    Failed(Error),
    /// It could not start: it was called wrongly, or something that it is configured with is missing.
    CannotStart(Error),
}

impl Ending {
    /// Ends before anything was begun.
    pub(crate) fn cannot_start(why: impl Into<Error>) -> Self {
        Self::CannotStart(why.into())
    }

    /// The sentence for the person, with what caused it.
    pub(crate) fn sentence(&self) -> String {
        let (Self::Failed(error) | Self::CannotStart(error)) = self;
        // Drivers quote lines of their own: one sentence stays on one line.
        printable(&format!("{error:#}").split_whitespace().collect::<Vec<_>>().join(" "))
    }

    /// The exit status.
    pub(crate) fn code(&self) -> ExitCode {
        match self {
            Self::Failed(_) => ExitCode::from(1),
            Self::CannotStart(_) => ExitCode::from(2),
        }
    }
}

impl From<Error> for Ending {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}
