//! What all state machines share.

/// Says that an event does not apply in a state; the answer is no, nothing is broken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a {machine} that is {state} does not take `{event}`")]
pub struct IllegalTransition {
    /// The machine, e.g. `changeset`.
    pub machine: &'static str,
    /// The state's name as the API shows it.
    pub state: &'static str,
    /// The event's name.
    pub event: &'static str,
}
