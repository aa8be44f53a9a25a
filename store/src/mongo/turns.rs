//! Lets the commits of this process that write the same document take turns.
//!
//! MongoDB lets one of them win and makes the others try again, which costs all of them dearly where many want one
//! document. Whoever waited while another wrote the document learns it from that one, without asking the database. Other
//! processes' commits still meet in the database.

use std::collections::{BTreeMap, HashMap};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::{Mutex, MutexGuard};

use crate::batch::{Action, Write};
use crate::error::CommitError;

/// How many queues there are; documents share them, so now and then a turn is waited for in vain.
const STRIPES: usize = 1024;

/// Holds the queues.
pub(super) struct Turns {
    stripes: Vec<Stripe>,
}

#[derive(Default)]
struct Stripe {
    /// Counts who ever came here.
    arrivals: AtomicU64,
    /// Is held by whose turn it is.
    written: Mutex<HashMap<(&'static str, String), Written>>,
}

/// Is what a commit left of a document.
struct Written {
    /// The version, or `None` where the document was deleted.
    version: Option<i64>,
    /// Whoever came before this arrival was waiting as the commit began, and so may be judged by it.
    began: u64,
}

/// Is a commit's turn on all documents of which it expects a version; it ends when this is dropped.
pub(super) struct Turn<'a> {
    held: BTreeMap<usize, Held<'a>>,
}

struct Held<'a> {
    stripe: &'a Stripe,
    arrival: u64,
    began: u64,
    written: MutexGuard<'a, HashMap<(&'static str, String), Written>>,
}

impl Turns {
    pub(super) fn new() -> Self {
        Self { stripes: (0..STRIPES).map(|_| Stripe::default()).collect() }
    }

    /// Waits for the turn.
    ///
    /// # Errors
    /// The expectation that another commit broke during the wait.
    pub(super) async fn take(&self, writes: &[Write]) -> Result<Turn<'_>, CommitError> {
        // Sorted, so that no two commits wait for each other.
        let wanted: BTreeMap<usize, u64> = writes
            .iter()
            .filter(|write| write.expects().is_some())
            .map(stripe_of)
            .map(|at| (at, self.stripes[at].arrivals.fetch_add(1, Ordering::SeqCst)))
            .collect();
        let mut held = BTreeMap::new();
        for (at, arrival) in wanted {
            let stripe = &self.stripes[at];
            held.insert(at, Held { stripe, arrival, began: 0, written: stripe.written.lock().await });
        }
        for write in writes {
            let Some(expected) = write.expects() else { continue };
            let Some(held) = held.get(&stripe_of(write)) else {
                continue;
            };
            let collection = write.collection.name;
            match held.written.get(&(collection, write.id.clone())) {
                // It was so at a moment after this commit was asked for: a true answer, whatever came since.
                Some(written) if held.arrival < written.began && written.version != Some(expected) => {
                    let id = write.id.clone();
                    return Err(match written.version {
                        None => CommitError::Missing { collection, id },
                        Some(_) => CommitError::Changed { collection, id },
                    });
                }
                _ => {}
            }
        }
        for held in held.values_mut() {
            let arrival = held.arrival;
            held.written.retain(|_, written| arrival < written.began);
        }
        Ok(Turn { held })
    }
}

impl Turn<'_> {
    /// Notes who is waiting at this moment, just before the commit is sent.
    pub(super) fn begin(&mut self) {
        for held in self.held.values_mut() {
            held.began = held.stripe.arrivals.load(Ordering::SeqCst);
        }
    }

    /// Leaves word of what the commit wrote.
    pub(super) fn end(mut self, writes: &[Write]) {
        for write in writes {
            let version = match &write.action {
                Action::Replace(_, expected) => Some(expected.saturating_add(1)),
                Action::Delete(_) => None,
                Action::Insert(_) | Action::Check(_) => continue,
            };
            if let Some(held) = self.held.get_mut(&stripe_of(write)) {
                let began = held.began;
                held.written.insert((write.collection.name, write.id.clone()), Written { version, began });
            }
        }
    }
}

fn stripe_of(write: &Write) -> usize {
    let mut hasher = DefaultHasher::new();
    (write.collection.name, &write.id).hash(&mut hasher);
    usize::try_from(hasher.finish() % STRIPES as u64).expect("the remainder is below the number of stripes")
}
