//! A worker's first configuration: from the source, from the disk cache, or none.

use super::Engine;
use crate::error::ConnectError;
use crate::transport::TransportError;
use std::sync::Arc;
use tokio::time::Instant;

impl Engine {
    /// Starts from the last good configuration on disk, if it is there, can be believed and is accepted.
    pub(super) fn start_from_cache(&mut self) -> bool {
        let Some(cache) = &self.cache else {
            return false;
        };
        let loaded = cache.load(&self.options.files).and_then(|found| match found {
            Some(view) => {
                self.options.check.as_ref().map_or(Ok(()), |check| check.of(&view))?;
                Ok(Some(view))
            }
            None => Ok(None),
        });
        match loaded {
            Ok(Some(view)) => {
                tracing::warn!(version = view.version().0, "started from the disk cache: it may be stale");
                self.shared.gate.offer(Arc::new(view), None, std::time::Instant::now());
                self.become_ready();
                true
            }
            Ok(None) => false,
            Err(reason) => {
                self.shared.note_cache(Some(reason));
                false
            }
        }
    }

    pub(super) fn become_ready(&mut self) {
        if let Some(ready) = self.ready.take() {
            // Whoever waited may have given up; then the task is about to be aborted.
            let _ = ready.send(Ok(()));
        }
    }

    /// Tells the program that it will have no configuration, if that is so by now.
    pub(super) fn give_up(&mut self, lost: &TransportError) -> bool {
        let refused = matches!(lost, TransportError::Refused { .. });
        let late = Instant::now() >= self.deadline;
        if !refused && late && self.start_from_cache() {
            self.set_problem(Some(format!("the source is not reached: {lost}")));
            return false;
        }
        if self.answered {
            return false;
        }
        let error = match lost {
            TransportError::Refused { reason } => ConnectError::Refused { reason: reason.clone() },
            TransportError::Lost { .. } | TransportError::Unusable { .. } if late => {
                ConnectError::Unreachable {
                    within: self.options.connect_within,
                    reason: self.with_cache_problem(&lost.to_string()),
                }
            }
            TransportError::Lost { .. } | TransportError::Unusable { .. } => return false,
        };
        self.fail(error);
        true
    }

    /// When waiting for something that can be used ends; never while there is no reason to end it.
    pub(super) fn overdue_at(&self) -> Option<Instant> {
        let (since, _) = self.unusable.as_ref().filter(|_| self.ready.is_some())?;
        // Whoever waits for a first activation gets the usual time from there.
        Some(if self.answered { *since + self.options.connect_within } else { self.deadline })
    }

    /// Starts from the cache in place of what cannot be used; true if there is none, and the program was told so.
    pub(super) fn give_up_the_unusable(&mut self) -> bool {
        let Some((_, reason)) = self.unusable.clone().filter(|_| !self.start_from_cache()) else {
            return false;
        };
        let reason = self.with_cache_problem(&reason);
        self.fail(ConnectError::Unusable { within: self.options.connect_within, reason });
        true
    }

    fn with_cache_problem(&self, reason: &str) -> String {
        match self.shared.cache_problem() {
            Some(problem) => format!("{reason}; the disk cache: {problem}"),
            None => reason.to_owned(),
        }
    }

    fn fail(&mut self, error: ConnectError) {
        if let Some(ready) = self.ready.take() {
            // Whoever waited may have given up; then the task is about to be aborted.
            let _ = ready.send(Err(error));
        }
    }
}
