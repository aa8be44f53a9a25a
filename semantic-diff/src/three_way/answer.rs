//! What a three-way comparison answers.

use crate::document::{Aliases, Budget, Document, Lines, NodeId};
use crate::{KeyPath, Problem};

/// The most conflicts that are told of one file, one by one.
pub const MAX_CONFLICTS: usize = 100;
/// The longest text of a value, in characters.
const MAX_TEXT: usize = 300;

/// What two sides made of one file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ThreeWay {
    /// The keys on which they do not fit, in the order of the file, at most [`MAX_CONFLICTS`].
    pub conflicts: Vec<KeyConflict>,
    /// How many there are in all.
    pub total: usize,
    /// How many keys only our side changed.
    pub only_ours: usize,
    /// How many keys only their side changed.
    pub only_theirs: usize,
    /// The versions that cannot be read; where there is one, nothing was compared.
    pub unreadable: Vec<Unreadable>,
}

/// A key on which two sides do not fit, with what each of them holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyConflict {
    /// Where; the root for the whole file.
    pub path: KeyPath,
    /// In what way they do not fit.
    pub clash: Clash,
    /// What both sides found; none if it was not there.
    pub base: Option<Held>,
    /// What our side left; none if it took it away.
    pub ours: Option<Held>,
    /// What their side left; none if it took it away.
    pub theirs: Option<Held>,
    /// Where the merged file holds it, if one was judged and it does: the second place of what stands there twice.
    pub merged: Option<Lines>,
}

/// In what way two sides do not fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Clash {
    /// Both changed the value, to different ones.
    BothChanged,
    /// One took away what the other changed.
    RemovedAndChanged,
    /// Both added it, with different values.
    BothAdded,
    /// Both put the same items into another order, and not the same one.
    Order,
    /// The merged file holds it twice.
    Twice,
    /// The merged file does not hold what the only side that changed it set.
    Lost,
    /// An alias refers to something else in the merged file than its side meant.
    Reference,
}

/// What a side holds at a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    /// The value as JSON, cut off where it is long.
    pub text: String,
    /// The lines that it stands on.
    pub lines: Lines,
}

/// One of the versions of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Side {
    /// As both sides found it.
    Base,
    /// As our side left it.
    Ours,
    /// As their side left it.
    Theirs,
    /// As a merge made it.
    Merged,
}

/// A version whose structure cannot be read, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unreadable {
    /// Which.
    pub side: Side,
    /// What is wrong, and where.
    pub problem: Problem,
}

impl Held {
    pub(super) fn of(document: &Document<'_>, value: NodeId, lines: Lines) -> Self {
        let budget = Budget { nodes: 40, depth: 6, bytes: MAX_TEXT };
        let mut text = document.value(value, Aliases::Shown, budget).0.to_string();
        if let Some((end, _)) = text.char_indices().nth(MAX_TEXT) {
            text.truncate(end);
            text.push('…');
        }
        Self { text, lines }
    }
}
