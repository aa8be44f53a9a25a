//! The changes of apps, read by one task per app that somebody follows, and handed to all who do.

use crate::problem::{Answer, Problem};
use crate::state::AppState;
use axum::http::StatusCode;
use conman_domain::id::{AppId, UserId};
use conman_workflow::{Feed, FeedEvent, Looked, Member, Workers};
use parking_lot::Mutex;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::broadcast::{Receiver, Sender, WeakSender, channel};

/// How often an app's changes are looked for.
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// Every how many looks what workers say is looked at.
const WORKERS_EVERY: u32 = 4;
/// How long nothing is looked for after everybody was told to read everything again.
const REST: Duration = Duration::from_secs(5);
/// How many changes a slow reader may be behind before it is cut off, to resume where it was.
const BACKLOG: usize = 1_024;
/// How soon somebody who follows too much may try again, in seconds.
const TRY_AGAIN: u32 = 30;

/// What those who follow an app are told.
#[derive(Debug, Clone)]
pub(crate) enum Told {
    /// Something changed.
    Change(Arc<FeedEvent>),
    /// More changed than is told one by one: everything is to be read again.
    Everything,
}

/// The apps that somebody follows, and who follows how much. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub(crate) struct Feeds {
    /// Weak, so that an app whose task has ended, however it did, is followed by a new one.
    apps: Arc<tokio::sync::Mutex<HashMap<AppId, WeakSender<Told>>>>,
    followers: Arc<Mutex<HashMap<UserId, usize>>>,
}

/// One of the streams that an account may have open.
#[derive(Debug)]
pub(crate) struct Place {
    followers: Arc<Mutex<HashMap<UserId, usize>>>,
    user: UserId,
}

impl Feeds {
    /// Takes one of the streams that an account may have open; it is given back when the place is dropped.
    pub(crate) fn place(&self, user: UserId, most: usize) -> Answer<Place> {
        let mut followers = self.followers.lock();
        let open = followers.entry(user).or_default();
        if *open >= most {
            let detail = format!("{most} streams are open already; close one first");
            let problem = Problem::new(StatusCode::TOO_MANY_REQUESTS, "too_many_streams", detail);
            return Err(problem.retry_after(TRY_AGAIN));
        }
        *open += 1;
        drop(followers);
        Ok(Place { followers: Arc::clone(&self.followers), user })
    }

    /// Follows an app from now on: whatever is committed after this call is told.
    pub(crate) async fn follow(&self, state: &AppState, member: &Member) -> Answer<Receiver<Told>> {
        let mut apps = self.apps.lock().await;
        if let Some(sender) = apps.get(&member.app_id()).and_then(WeakSender::upgrade) {
            return Ok(sender.subscribe());
        }
        let mut feed = state.workflow.feed(member, state.workflow.now().await?)?;
        // What is there already, or happened just now, is known to who begins to follow.
        feed.look(Workers::Too).await?;
        let (sender, receiver) = channel(BACKLOG);
        apps.insert(member.app_id(), sender.downgrade());
        state.tasks.spawn(tell(state.clone(), member.app_id(), feed, sender));
        Ok(receiver)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut followers = self.followers.lock();
        if let Some(open) = followers.get_mut(&self.user) {
            *open -= 1;
            if *open == 0 {
                followers.remove(&self.user);
            }
        }
    }
}

/// Looks and tells until nobody follows any more, or the server stops.
async fn tell(state: AppState, app: AppId, mut feed: Feed, sender: Sender<Told>) {
    let mut broken = false;
    for turn in 1_u32.. {
        tokio::select! {
            () = state.stopping.cancelled() => return,
            () = tokio::time::sleep(LOOK_EVERY) => {}
        }
        if sender.receiver_count() == 0 {
            // Whoever begins to follow at this moment waits for the lock, and finds either a task that goes on or none.
            let mut apps = state.feeds.apps.lock().await;
            if sender.receiver_count() == 0 {
                apps.remove(&app);
                return;
            }
        }
        let workers = if turn % WORKERS_EVERY == 0 { Workers::Too } else { Workers::NotNow };
        // Nobody may follow any more, by now; that is seen at the next turn.
        match feed.look(workers).await {
            Ok(Looked::New(events)) => {
                broken = false;
                for event in events {
                    let _ = sender.send(Told::Change(Arc::new(event)));
                }
            }
            Ok(Looked::TooMuch) => {
                let _ = sender.send(Told::Everything);
                // While that much goes on, all who follow would read everything at every look.
                tokio::select! {
                    () = state.stopping.cancelled() => return,
                    () = tokio::time::sleep(REST) => {}
                }
            }
            Err(error) => {
                if !broken {
                    tracing::warn!(error = &error as &dyn std::error::Error, %app, "an app's changes could not be read");
                }
                broken = true;
            }
        }
    }
}
