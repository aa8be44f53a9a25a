//! The three memories, opened: the store, the repositories and the distribution database.

use crate::ending::{Ending, Outcome};
use anyhow::{Context as _, Error, anyhow, ensure};
use conman_distribution::{Distribution, DistributionError};
use conman_git::{Ownership, Repositories};
use conman_store::{Store, StoreError, StoreUrl, collections};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// For how long a configured service that does not answer is asked again before the start is given up.
const PATIENCE: Duration = Duration::from_secs(8);
/// How long to wait before it is asked again.
const PAUSE: Duration = Duration::from_millis(250);

/// Where the three memories are.
#[derive(Clone)]
pub(crate) struct Places {
    /// The workflow's memory.
    pub(crate) store: StoreUrl,
    /// What workers read: `sqlite:FILE` or `postgres://…`.
    pub(crate) distribution: String,
    /// The folder of the repositories.
    pub(crate) repositories: PathBuf,
    /// Whether other servers work in that folder, too.
    pub(crate) ownership: Ownership,
}

impl Places {
    /// Takes what was named, and for the rest the embedded default in the data folder.
    pub(crate) fn new(data: &Path, store: Option<&str>, distribution: Option<&str>) -> Outcome<Self> {
        let store = match store {
            Some(url) => url.parse().context("--store cannot be used").map_err(Ending::CannotStart)?,
            None => StoreUrl::sqlite(data.join("store")),
        };
        let distribution = match distribution {
            Some(url) => url.to_owned(),
            None => format!("sqlite:{}", data.join("distribution.db").display()),
        };
        Ok(Self {
            store,
            distribution,
            repositories: data.join("repositories"),
            ownership: Ownership::Exclusive,
        })
    }

    /// Lets several servers work on the same memories.
    pub(crate) fn shared(mut self) -> Outcome<Self> {
        if self.store.is_embedded() || !self.distribution_is_postgres() {
            let why = "--shared-repositories is for several servers, which share a mongodb:// store and a postgres:// \
                       distribution database";
            return Err(Ending::cannot_start(anyhow!(why)));
        }
        self.ownership = Ownership::Shared;
        Ok(self)
    }

    /// True if workers may read the distribution database directly.
    pub(crate) fn distribution_is_postgres(&self) -> bool {
        is_postgres(&self.distribution)
    }
}

/// True if a URL names a PostgreSQL database.
pub(crate) fn is_postgres(url: &str) -> bool {
    url.starts_with("postgres://") || url.starts_with("postgresql://")
}

/// The three memories.
pub(crate) struct Services {
    pub(crate) store: Store,
    pub(crate) repositories: Repositories,
    pub(crate) distribution: Arc<dyn Distribution>,
}

/// Opens the three memories; one that does not answer is asked again for a few seconds.
pub(crate) async fn open(data: &Path, places: &Places) -> Outcome<Services> {
    opened(data, places).await.map_err(Ending::CannotStart)
}

async fn opened(data: &Path, places: &Places) -> Result<Services, Error> {
    make_private(data).with_context(|| format!("the data folder {} cannot be made", data.display()))?;
    // The store first: whoever has an embedded store open has the folder, and says so best.
    let open_store = || Store::open(&places.store, collections::ALL);
    let store =
        patiently(open_store, |error| matches!(error, StoreError::Backend { .. } | StoreError::Busy { .. }))
            .await
            .with_context(|| format!("the store {} cannot be opened", places.store))?;
    let repositories = Repositories::open(&places.repositories, places.ownership)
        .await
        .with_context(|| format!("the repositories in {} cannot be opened", places.repositories.display()))?;
    let open_distribution = || conman_distribution::open(&places.distribution);
    let distribution = patiently(open_distribution, DistributionError::is_transient).await;
    let distribution = distribution.with_context(|| {
        format!("the distribution database {} cannot be opened", without_credentials(&places.distribution))
    })?;
    Ok(Services { store, repositories, distribution })
}

/// Asks again while an error may be over soon, for [`PATIENCE`].
pub(crate) async fn patiently<T, E, F: Future<Output = Result<T, E>>>(
    mut attempt: impl FnMut() -> F,
    may_pass: impl Fn(&E) -> bool,
) -> Result<T, E> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        match attempt().await {
            Err(error) if may_pass(&error) && Instant::now() + PAUSE < deadline => {
                tokio::time::sleep(PAUSE).await
            }
            settled => return settled,
        }
    }
}

/// A URL without the user, the password and the options, any of which may be secret.
pub(crate) fn without_credentials(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else {
        return url.to_owned();
    };
    let rest = rest.split(['?', '#']).next().unwrap_or(rest);
    // A password may hold a slash, so the last @ of all ends it.
    let rest = rest.rsplit_once('@').map_or(rest, |(_, rest)| rest);
    format!("{scheme}://{rest}")
}

/// Makes a folder that only its owner can look into.
pub(crate) fn make_private(folder: &Path) -> Result<(), Error> {
    use std::os::unix::fs::DirBuilderExt as _;
    if !folder.is_dir() {
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    }
    ensure!(folder.is_dir(), "it is not a folder");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_shown_without_credentials() {
        for (url, shown) in [
            ("postgres://ada:s3/cr@t@db:5432/conman?sslmode=disable", "postgres://db:5432/conman"),
            ("postgres://db/conman?password=s3cret", "postgres://db/conman"),
            ("smtps://u:p@mail.example", "smtps://mail.example"),
            ("sqlite:/var/x.db", "sqlite:/var/x.db"),
        ] {
            assert_eq!(without_credentials(url), shown);
        }
    }

    #[test]
    fn several_servers_need_databases_of_their_own() {
        let folder = Path::new("data");
        let places = |store, distribution| Places::new(folder, store, distribution).unwrap();
        assert!(places(None, None).shared().is_err());
        assert!(places(Some("mongodb://h/d"), None).shared().is_err());
        assert!(places(None, Some("postgres://h/d")).shared().is_err());
        let shared = places(Some("mongodb://h/d"), Some("postgres://h/d")).shared().unwrap();
        assert_eq!(shared.ownership, Ownership::Shared);
    }

    #[tokio::test]
    async fn what_may_pass_is_asked_again_for_a_while() {
        let mut asked = 0;
        let settled = patiently(
            || {
                asked += 1;
                let answer = if asked < 3 { Err("not yet") } else { Ok(asked) };
                async move { answer }
            },
            |_| true,
        );
        assert_eq!(settled.await, Ok(3));
        let refused: Result<(), _> = patiently(|| async { Err("never") }, |_| false).await;
        assert_eq!(refused, Err("never"));
    }
}
