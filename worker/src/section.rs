//! Stretches of work that read one frozen view.

use crate::boundary::SectionKind;
use crate::gate::Gate;
use crate::view::View;
use std::ops::Deref;
use std::sync::Arc;

/// A section that is open until this is dropped, and the one view that it reads: `section.parameter("limit")`.
///
/// Whatever arrives meanwhile, the section's view stays what it was. What waits for the section's end is applied by the
/// drop itself, before it returns. Sections nest and may be open on several threads at once; sections that overlap
/// without any gap between them hold changes back for as long as they do, which [`Status::pending`](crate::Status)
/// shows. A guard that is leaked (`mem::forget`) never ends its section.
#[derive(Debug)]
#[must_use = "the section ends when this is dropped"]
pub struct Section {
    kind: SectionKind,
    view: Arc<View>,
    gate: Arc<Gate>,
}

impl Section {
    /// Made by the gate alone, which has counted it.
    pub(crate) fn opened(kind: SectionKind, view: Arc<View>, gate: Arc<Gate>) -> Self {
        Self { kind, view, gate }
    }

    /// What kind of section it is.
    pub fn kind(&self) -> SectionKind {
        self.kind
    }

    /// The view that the section reads from its beginning to its end; it may be kept for longer.
    pub fn view(&self) -> &Arc<View> {
        &self.view
    }
}

impl Deref for Section {
    type Target = View;

    fn deref(&self) -> &View {
        &self.view
    }
}

impl Drop for Section {
    fn drop(&mut self) {
        self.gate.leave(self.kind);
    }
}
