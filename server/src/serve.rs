//! Connections: accepted, served, drained.

use crate::connection_timer::ConnectionTimer;
use crate::layers::Peer;
use crate::observing;
use crate::router::router;
use crate::routes::answer_at_hand;
use crate::state::AppState;
use crate::tidy_up;
use crate::write_deadline::WriteDeadline;
use axum::Router;
use futures::future::{self, Either};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::Service as _;

/// How long to wait when the system has no more sockets to give.
const OUT_OF_SOCKETS: Duration = Duration::from_millis(100);
/// The largest head of a request in bytes.
const LARGEST_HEAD: usize = 32 * 1024;
/// The most headers of a request.
const MOST_HEADERS: usize = 64;

/// Serves until told to stop; then takes no more connections, lets requests under way finish, and awaits every task.
///
/// Who is still busy when [`Limits::drain`](crate::Limits::drain) is over is cut off.
pub async fn run(listener: TcpListener, state: AppState, shutdown: CancellationToken) {
    let app = router(state.clone());
    let connections = TaskTracker::new();
    let cut_off = CancellationToken::new();
    let slots = Arc::new(Semaphore::new(state.config.limits.connections));
    let observing = tokio::spawn(observing::run(state.clone()));
    let tidying = tokio::spawn(tidy_up::remove_expired_sessions(state.clone()));
    loop {
        let slot = Arc::clone(&slots).acquire_owned();
        let accepted = tokio::select! {
            () = shutdown.cancelled() => break,
            accepted = async {
                let slot = slot.await.expect("the semaphore is never closed");
                listener.accept().await.map(|accepted| (slot, accepted))
            } => accepted,
        };
        match accepted {
            Ok((slot, (stream, peer))) => {
                let connection = Connection {
                    stream,
                    peer: Peer(peer.ip()),
                    slot,
                    stop: shutdown.clone(),
                    cut_off: cut_off.clone(),
                };
                connections.spawn(serve(connection, app.clone(), state.clone()));
            }
            Err(error) => {
                // One client's broken connection, or too many open files: the listener itself goes on.
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(OUT_OF_SOCKETS).await;
            }
        }
    }
    drop(listener);
    state.stopping.cancel();
    connections.close();
    if tokio::time::timeout(state.config.limits.drain, connections.wait()).await.is_err() {
        tracing::warn!(connections = connections.len(), "cutting off who is still busy");
        cut_off.cancel();
        connections.wait().await;
    }
    state.tasks.close();
    state.tasks.wait().await;
    if let Err(error) = observing.await {
        tracing::error!(%error, "observing ended badly");
    }
    if let Err(error) = tidying.await {
        tracing::error!(%error, "removing expired sessions ended badly");
    }
}

struct Connection {
    stream: TcpStream,
    peer: Peer,
    slot: OwnedSemaphorePermit,
    stop: CancellationToken,
    cut_off: CancellationToken,
}

async fn serve(connection: Connection, app: Router, state: AppState) {
    let Connection { stream, peer, slot, stop, cut_off } = connection;
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "a connection without TCP_NODELAY");
    }
    let limits = state.config.limits.clone();
    let service = hyper::service::service_fn(move |mut request: hyper::Request<Incoming>| {
        if let Some(answer) = answer_at_hand(&state, peer, &request) {
            return Either::Left(future::ready(Ok(answer)));
        }
        request.extensions_mut().insert(peer);
        Either::Right(app.clone().call(request))
    });
    let mut http = http1::Builder::new();
    http.timer(ConnectionTimer::default())
        .header_read_timeout(limits.header_timeout)
        .max_buf_size(LARGEST_HEAD)
        .max_headers(MOST_HEADERS)
        .half_close(false);
    let stream = WriteDeadline::new(stream, limits.write_timeout);
    let served = http.serve_connection(TokioIo::new(stream), service);
    tokio::pin!(served);
    let ended = tokio::select! {
        ended = served.as_mut() => ended,
        () = stop.cancelled() => {
            served.as_mut().graceful_shutdown();
            tokio::select! {
                ended = served.as_mut() => ended,
                () = cut_off.cancelled() => Ok(()),
            }
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection ended early");
    }
    drop(slot);
}
