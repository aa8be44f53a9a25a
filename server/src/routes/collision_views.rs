//! Collisions as they are shown.

use conman_domain::collision::{
    Collision, HeldValue, KeyClash, KeyCollision, KeyComparison, UnreadableVersion,
};
use serde::Serialize;
use utoipa::ToSchema;

/// A file in which two changes collide.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Collision)]
pub(super) struct CollisionBody {
    path: String,
    /// The key in the file, where there is one; the first of several.
    key: Option<String>,
    /// A changeset such as `#12`, or a commit.
    with: String,
    reason: String,
    /// What the sides hold at the keys that collide. The first of many only; of older records none.
    keys: Vec<KeyCollisionBody>,
    /// How many keys of the file collide in all.
    key_total: u32,
}

impl From<&Collision> for CollisionBody {
    fn from(collision: &Collision) -> Self {
        let Collision { path, key, with, reason, keys, key_total } = collision.clone();
        let keys = keys.into_iter().map(KeyCollisionBody::from).collect();
        Self { path, key, with, reason, keys, key_total }
    }
}

/// A key on which two sides collide, with what each holds; a side is null where it has no such key.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = KeyCollision)]
pub(super) struct KeyCollisionBody {
    /// A dotted path such as `fields[name=email].type`; empty for the file as a whole.
    key: String,
    clash: ClashName,
    /// Who set it on our side: a changeset such as `#12`, or a commit; null where that is not asked.
    with: Option<String>,
    /// What both sides started from.
    base: Option<HeldBody>,
    /// What the release so far holds, or the workspace.
    ours: Option<HeldBody>,
    /// What the changeset holds, or what is brought in.
    theirs: Option<HeldBody>,
}

/// In what way two sides collide.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = KeyClash)]
enum ClashName {
    /// Both changed it, to different values.
    BothChanged,
    /// One took away what the other changed.
    RemovedAndChanged,
    /// Both added it, with different values.
    BothAdded,
    /// Both put the same items into another order.
    Order,
    /// The merged file would hold it twice.
    Twice,
    /// The merged file would not hold what a side set.
    Lost,
    /// An alias would refer to something else than its side meant.
    Reference,
}

/// What a side holds at a key.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = HeldValue)]
struct HeldBody {
    /// The value as JSON, cut off where it is long.
    text: String,
    /// From 1, in that side's file.
    line_start: u32,
    /// The last line that it stands on.
    line_end: u32,
}

/// What two sides made of one file, key by key.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = KeyComparison)]
pub(super) struct KeyComparisonBody {
    /// The keys that collide; the first of many only.
    conflicts: Vec<KeyCollisionBody>,
    /// How many there are in all.
    total: u32,
    /// How many keys only our side changed.
    only_ours: u32,
    /// How many keys only their side changed.
    only_theirs: u32,
    /// Versions that cannot be read, so that nothing was compared.
    unreadable: Vec<UnreadableBody>,
}

/// A version that cannot be read.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = UnreadableVersion)]
struct UnreadableBody {
    /// `base`, `ours` or `theirs`.
    version: String,
    /// From 1.
    line: u32,
    message: String,
}

impl From<KeyCollision> for KeyCollisionBody {
    fn from(collision: KeyCollision) -> Self {
        let KeyCollision { key, clash, with, base, ours, theirs } = collision;
        let held = |held: Option<HeldValue>| {
            held.map(|HeldValue { text, line_start, line_end }| HeldBody { text, line_start, line_end })
        };
        let clash = match clash {
            KeyClash::BothChanged => ClashName::BothChanged,
            KeyClash::RemovedAndChanged => ClashName::RemovedAndChanged,
            KeyClash::BothAdded => ClashName::BothAdded,
            KeyClash::Order => ClashName::Order,
            KeyClash::Twice => ClashName::Twice,
            KeyClash::Lost => ClashName::Lost,
            KeyClash::Reference => ClashName::Reference,
        };
        Self { key, clash, with, base: held(base), ours: held(ours), theirs: held(theirs) }
    }
}

impl From<KeyComparison> for KeyComparisonBody {
    fn from(comparison: KeyComparison) -> Self {
        let KeyComparison { keys, total, only_ours, only_theirs, unreadable } = comparison;
        let unreadable = unreadable.into_iter().map(|UnreadableVersion { version, line, message }| {
            UnreadableBody { version: version.to_owned(), line, message }
        });
        Self {
            conflicts: keys.into_iter().map(KeyCollisionBody::from).collect(),
            total,
            only_ours,
            only_theirs,
            unreadable: unreadable.collect(),
        }
    }
}
