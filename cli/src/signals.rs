//! Being told to stop: SIGTERM or Ctrl-C stops in order, a second one at once.

use anyhow::{Context as _, Result};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// Listens for signals from now on; the token is canceled by the first.
pub(crate) fn shutdown() -> Result<CancellationToken> {
    let listen = |kind| signal(kind).context("signals cannot be listened for");
    let signals = (listen(SignalKind::terminate())?, listen(SignalKind::interrupt())?);
    let token = CancellationToken::new();
    tokio::spawn(wait(signals, token.clone()));
    Ok(token)
}

async fn wait((mut terminate, mut interrupt): (Signal, Signal), token: CancellationToken) {
    let mut next = async || {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    };
    next().await;
    tracing::info!("stopping; once more stops at once");
    token.cancel();
    next().await;
    std::process::exit(1);
}
