//! What tests hold on to: ids with what people call the thing.

/// A changeset.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Changeset {
    pub(crate) id: String,
    pub(crate) number: u64,
    pub(crate) workspace: String,
}

impl Changeset {
    /// What people call it, e.g. `#12`.
    pub(crate) fn name(&self) -> String {
        format!("#{}", self.number)
    }
}

/// A release.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Release {
    pub(crate) id: String,
}
