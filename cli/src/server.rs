//! A running server: HTTP and jobs over the three memories.

use crate::ending::{Ending, Outcome};
use crate::mailer::{MailSettings, SmtpMailer};
use crate::master_key;
use crate::services::{self, Places};
use anyhow::{Context as _, Result, anyhow};
use conman_distribution::Distribution;
use conman_jobs::{Runner, RunnerConfig};
use conman_server::{AppState, Config};
use conman_store::Store;
use conman_workflow::{Mailer, Settings, Workflow};
use ipnet::IpNet;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// What a server is made of.
#[derive(Clone)]
pub(crate) struct ServerSettings {
    /// Where to listen.
    pub(crate) listen: SocketAddr,
    /// The folder for everything that is kept here.
    pub(crate) data: PathBuf,
    /// Where the three memories are.
    pub(crate) places: Places,
    /// How people reach the server; http and where it listens, if not said.
    pub(crate) public_url: Option<String>,
    /// The mail server, if there is one.
    pub(crate) mail: Option<MailSettings>,
    /// The networks whose word about who asks is believed.
    pub(crate) trusted_proxies: Vec<IpNet>,
    /// Whether apps may be made from folders of this machine.
    pub(crate) local_imports: bool,
}

/// A server at work.
pub(crate) struct Server {
    /// The address under which people reach it.
    pub(crate) public_url: String,
    /// The address where it listens, for programs of this machine.
    pub(crate) url: String,
    workflow: Workflow,
    store: Store,
    distribution: Arc<dyn Distribution>,
    stop: CancellationToken,
    tasks: JoinSet<()>,
}

impl Server {
    /// Opens everything that the server stands on and begins to serve; `None` if told to stop meanwhile.
    pub(crate) async fn start(
        settings: ServerSettings,
        shutdown: &CancellationToken,
    ) -> Outcome<Option<Self>> {
        tokio::select! {
            () = shutdown.cancelled() => Ok(None),
            started = Self::started(settings) => started.map(Some),
        }
    }

    async fn started(settings: ServerSettings) -> Outcome<Self> {
        let given = master_key::given().map_err(Ending::CannotStart)?;
        let services = services::open(&settings.data, &settings.places).await?;
        let kept = || master_key::kept_beside(&settings.data, &settings.places);
        let master_key = given.map_or_else(kept, |key| Ok(Some(key))).map_err(Ending::CannotStart)?;
        let listener = TcpListener::bind(settings.listen).await;
        let listener = listener
            .with_context(|| format!("{} cannot be listened on", settings.listen))
            .map_err(Ending::CannotStart)?;
        let address = listener
            .local_addr()
            .context("the system does not tell the port")
            .map_err(Ending::CannotStart)?;
        let url = format!("http://{}", reachable(address));
        let public_url = match &settings.public_url {
            Some(given) => checked_url(given).map_err(Ending::CannotStart)?,
            None => url.clone(),
        };
        let mailer: Option<Arc<dyn Mailer>> = match &settings.mail {
            Some(mail) => {
                Some(Arc::new(SmtpMailer::connect(mail, &public_url).await.map_err(Ending::CannotStart)?))
            }
            None => None,
        };
        let decided =
            Settings { public_url: public_url.clone(), local_imports: settings.local_imports, master_key };
        let (store, distribution) = (services.store.clone(), services.distribution.clone());
        let workflow =
            Workflow::new(services.store, services.repositories, services.distribution, mailer, decided);
        let stop = CancellationToken::new();
        let config = Config {
            trusted_proxies: settings.trusted_proxies,
            ..Config::new(&settings.places.repositories)
        };
        let state = AppState::new(workflow.clone(), config);
        let runner = Runner::new(workflow.clone(), RunnerConfig::named(runner_name()));
        let mut tasks = JoinSet::new();
        tasks.spawn(runner.run(stop.clone()));
        tasks.spawn(conman_server::run(listener, state, stop.clone()));
        Ok(Self { public_url, url, workflow, store, distribution, stop, tasks })
    }

    /// The whole address of the one-time link to the first account, while there is none.
    ///
    /// Asking makes a new link in place of an earlier one.
    pub(crate) async fn setup_link(&self) -> Result<Option<String>> {
        let path = self.workflow.ensure_setup_link().await.context("the set-up link cannot be made")?;
        Ok(path.map(|path| format!("{}{path}", self.public_url)))
    }

    /// Serves until told to stop, then stops in order.
    pub(crate) async fn serve_until(mut self, shutdown: &CancellationToken) -> Outcome {
        tokio::select! {
            () = shutdown.cancelled() => {}
            // Neither ends by itself: an end is a panic.
            ended = self.tasks.join_next() => {
                tracing::error!(?ended, "a task of the server ended; stopping");
                self.stop().await?;
                return Err(Ending::Failed(anyhow!("a part of the server died; its log says how")));
            }
        }
        Ok(self.stop().await?)
    }

    /// Takes no more requests and jobs, lets those under way end, and lets go of the three memories.
    pub(crate) async fn stop(mut self) -> Result<()> {
        self.stop.cancel();
        let mut outcome = Ok(());
        while let Some(ended) = self.tasks.join_next().await {
            outcome = outcome.and(ended.context("a part of the server died"));
        }
        drop(self.workflow);
        self.distribution.close().await;
        self.store.close().await;
        outcome
    }
}

/// An address that a program of this machine can connect to.
fn reachable(mut address: SocketAddr) -> SocketAddr {
    if address.ip().is_unspecified() {
        address.set_ip(if address.is_ipv4() {
            std::net::Ipv4Addr::LOCALHOST.into()
        } else {
            std::net::Ipv6Addr::LOCALHOST.into()
        });
    }
    address
}

/// Links are made by appending paths, so the address is a plain origin or a folder, without a slash at its end.
fn checked_url(given: &str) -> Result<String> {
    let url = reqwest::Url::parse(given)
        .with_context(|| format!("--public-url: `{given}` is not a web address"))?;
    let plain = matches!(url.scheme(), "http" | "https")
        && url.has_host()
        && url.query().is_none()
        && url.fragment().is_none()
        && url.username().is_empty()
        && url.password().is_none();
    anyhow::ensure!(plain, "--public-url: a web address such as https://conman.example is expected");
    Ok(url.as_str().trim_end_matches('/').to_owned())
}

/// A name that no other runner of the same store has.
fn runner_name() -> String {
    format!("{}-{}", std::process::id(), uuid::Uuid::now_v7().simple())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_to_connect_to() {
        let of = |text: &str| reachable(text.parse().unwrap()).to_string();
        assert_eq!(of("0.0.0.0:7070"), "127.0.0.1:7070");
        assert_eq!(of("[::]:7070"), "[::1]:7070");
        assert_eq!(of("192.0.2.1:7070"), "192.0.2.1:7070");
    }

    #[test]
    fn a_public_address_is_a_web_address() {
        assert_eq!(checked_url("https://conman.example/").unwrap(), "https://conman.example");
        assert_eq!(checked_url("http://h:7070").unwrap(), "http://h:7070");
        for wrong in ["conman.example", "ftp://h", "https://h/?x", "https://u:p@h", "javascript:alert(1)", ""]
        {
            assert!(checked_url(wrong).is_err(), "{wrong}");
        }
    }
}
