//! What to follow, and how.

use crate::view::View;
use conman_domain::id::{AppId, EnvironmentId};
use conman_domain::path::RepoPath;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// Where the configuration comes from.
#[derive(Clone)]
pub enum Source {
    /// Straight from the distribution database.
    Postgres {
        /// `postgres://USER:PASSWORD@HOST:PORT/DATABASE`.
        url: String,
        /// The app.
        app_id: AppId,
        /// The environment to follow.
        environment_id: EnvironmentId,
    },
    /// From the server; the service token says which environment.
    Http {
        /// Scheme, host and port, e.g. `https://conman.example`.
        server_url: String,
        /// A service token, bound to one app and environment.
        token: String,
    },
}

/// Without passwords and tokens.
impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Postgres { app_id, environment_id, .. } => f
                .debug_struct("Postgres")
                .field("app_id", app_id)
                .field("environment_id", environment_id)
                .finish_non_exhaustive(),
            Self::Http { server_url, .. } => {
                f.debug_struct("Http").field("server_url", server_url).finish_non_exhaustive()
            }
        }
    }
}

/// Which files a worker keeps in memory; the hashes of all are known to it in any case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FileSelection {
    /// None.
    None,
    /// Those at or below these paths.
    Under(Vec<String>),
    /// All.
    All,
}

impl FileSelection {
    /// True if the file is wanted.
    pub fn holds(&self, path: &RepoPath) -> bool {
        match self {
            Self::None => false,
            Self::All => true,
            Self::Under(prefixes) => prefixes.iter().any(|prefix| {
                path.as_str()
                    .strip_prefix(prefix.trim_end_matches('/'))
                    .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
            }),
        }
    }
}

/// A program's own look at a configuration, before any of it is applied.
///
/// It sees each version complete, as its release and its saves made it. What it refuses is reported with the reason, and
/// the last good configuration stays until a newer version comes. It runs on the task that follows, so it should only
/// compute; a panic in it refuses.
#[derive(Clone)]
pub struct Check(Arc<CheckFn>);

type CheckFn = dyn Fn(&View) -> Result<(), String> + Send + Sync;

impl Check {
    /// Accepts with `Ok`, refuses with a reason. People read the reason, so it should name parameters, not values.
    pub fn new(check: impl Fn(&View) -> Result<(), String> + Send + Sync + 'static) -> Self {
        Self(Arc::new(check))
    }

    pub(crate) fn of(&self, view: &View) -> Result<(), String> {
        let checked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| (self.0)(view)));
        checked.unwrap_or_else(|_| Err("the program's check panicked".to_owned()))
    }
}

impl fmt::Debug for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Check")
    }
}

/// How to follow; [`Options::new`] gives what suits most programs.
#[derive(Debug, Clone)]
pub struct Options {
    /// How the worker is shown to people.
    pub name: String,
    /// Which files to keep in memory.
    pub files: FileSelection,
    /// What may refuse a configuration: nothing.
    pub check: Option<Check>,
    /// A file that keeps the last good configuration, to start from when the source cannot be reached for
    /// [`connect_within`](Self::connect_within), or when the program refuses what is active: none.
    ///
    /// What was read from it is [stale](View::is_stale) until a version of the source is accepted, and
    /// that one counts then, even if it is older. Every worker needs a file of its own. It holds all values, readable by its owner alone.
    pub cache: Option<PathBuf>,
    /// How often the worker reports and makes sure that its connection is alive: 30 s.
    pub heartbeat: Duration,
    /// How long a connection has for one answer before it counts as lost: 10 s.
    pub answer_within: Duration,
    /// How long the server's stream may be silent before it is replaced: 45 s, three of the server's own heartbeats.
    pub silence: Duration,
    /// How long [`Follower::connect`](crate::Follower::connect) tries to reach an unreachable source: 30 s.
    pub connect_within: Duration,
    /// An application is reported between one and two of these later, so that the first of many workers do not keep
    /// the database from the last: 200 ms.
    pub report_delay: Duration,
}

impl Options {
    /// The usual options, without files.
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            files: FileSelection::None,
            check: None,
            cache: None,
            heartbeat: Duration::from_secs(30),
            answer_within: Duration::from_secs(10),
            silence: Duration::from_secs(45),
            connect_within: Duration::from_secs(30),
            report_delay: Duration::from_millis(200),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_selected_by_whole_components() {
        let under =
            FileSelection::Under(vec!["queues".to_owned(), "menu/main.yml".to_owned(), "a/".to_owned()]);
        let holds = |path: &str| under.holds(&RepoPath::parse(path).unwrap());
        for path in ["queues", "queues/x.yml", "queues/a/b", "menu/main.yml", "a/b"] {
            assert!(holds(path), "{path}");
        }
        for path in ["queues2/x.yml", "x/queues/y", "menu/main.yml2", "menu/other.yml", "ab"] {
            assert!(!holds(path), "{path}");
        }
    }

    #[test]
    fn sources_do_not_show_their_secrets() {
        let source = Source::Http { server_url: "http://x".to_owned(), token: "t0ken".to_owned() };
        assert!(!format!("{source:?}").contains("t0ken"));
    }
}
