//! A line to a database server that can be cut.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::{Context as _, Result};
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// Passes connections on to a server, until it is cut; ends with the value.
#[derive(Debug)]
pub(crate) struct Line {
    address: SocketAddr,
    whole: watch::Sender<bool>,
    cut: Arc<AtomicUsize>,
    task: JoinHandle<()>,
}

impl Line {
    /// Lays a line to the server of a URL such as `postgres://USER@HOST:PORT/DATABASE`.
    pub(crate) async fn to(url: &str) -> Result<Self> {
        let target = authority(url)?.to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").await.context("no port for a line")?;
        let address = listener.local_addr()?;
        let (whole, cut) = (watch::Sender::new(true), Arc::new(AtomicUsize::new(0)));
        let task = tokio::spawn(pass_on(listener, target, whole.clone(), Arc::clone(&cut)));
        Ok(Self { address, whole, cut, task })
    }

    /// The URL by which the server is reached over this line.
    pub(crate) fn through(&self, url: &str) -> Result<String> {
        Ok(url.replacen(authority(url)?, &self.address.to_string(), 1))
    }

    /// Breaks every connection, and every new one at once.
    pub(crate) fn cut(&self) {
        self.whole.send_replace(false);
    }

    /// Lets connections pass again.
    pub(crate) fn mend(&self) {
        self.whole.send_replace(true);
    }

    /// How many connections were broken so far.
    pub(crate) fn broken(&self) -> usize {
        self.cut.load(Ordering::Relaxed)
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        self.task.abort();
        // The connections' own tasks end by this.
        self.whole.send_replace(false);
    }
}

async fn pass_on(listener: TcpListener, target: String, whole: watch::Sender<bool>, cut: Arc<AtomicUsize>) {
    while let Ok((mut near, _)) = listener.accept().await {
        let (mut whole, cut, target) = (whole.subscribe(), Arc::clone(&cut), target.clone());
        tokio::spawn(async move {
            let passed = async {
                let mut far = TcpStream::connect(target).await?;
                copy_bidirectional(&mut near, &mut far).await
            };
            tokio::select! {
                biased;
                // An error would mean that the line is gone altogether.
                _ = whole.wait_for(|whole| !whole) => { cut.fetch_add(1, Ordering::Relaxed); }
                _ = passed => {}
            }
        });
    }
}

/// The host and port in a URL.
fn authority(url: &str) -> Result<&str> {
    let (_, rest) = url.split_once("://").with_context(|| format!("not a URL: {url}"))?;
    let authority = rest.split(['/', '?']).next().unwrap_or(rest);
    Ok(authority.rsplit_once('@').map_or(authority, |(_, host)| host))
}
