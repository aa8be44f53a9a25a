//! Where two changes collide: files, and the keys in them.

use serde::{Deserialize, Serialize};

/// A file in which two changes collide.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Collision {
    /// The file, as Git has it.
    pub path: String,
    /// The key in the file, where there is one; the first of several.
    pub key: Option<String>,
    /// What it collides with: a changeset such as `#12`, or a commit.
    pub with: String,
    /// What is wrong, in a sentence.
    pub reason: String,
    /// What the sides hold at the keys that collide, as far as that is kept.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub keys: Vec<KeyCollision>,
    /// How many keys of the file collide in all.
    #[serde(default)]
    pub key_total: u32,
}

impl Collision {
    /// The same without what the sides hold, for records that outlive the files.
    #[must_use]
    pub fn without_values(&self) -> Self {
        Self { keys: Vec::new(), ..self.clone() }
    }
}

/// A key on which two sides of a merge collide.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyCollision {
    /// The key, as a dotted path; empty for the file as a whole.
    pub key: String,
    /// In what way they collide.
    pub clash: KeyClash,
    /// Who set it on our side: a changeset such as `#12`, or a commit; none where that is not asked.
    pub with: Option<String>,
    /// What both sides started from; none if it was not there.
    pub base: Option<HeldValue>,
    /// What our side holds: the release so far, or the workspace; none if it took it away.
    pub ours: Option<HeldValue>,
    /// What their side holds: the changeset, or what is brought in; none if it took it away.
    pub theirs: Option<HeldValue>,
}

/// In what way two sides collide on a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KeyClash {
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
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeldValue {
    /// The value as JSON, cut off where it is long.
    pub text: String,
    /// The first line that it stands on, from 1.
    pub line_start: u32,
    /// The last one.
    pub line_end: u32,
}

/// What two sides made of one file, key by key.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KeyComparison {
    /// The keys that collide, as far as they are told.
    pub keys: Vec<KeyCollision>,
    /// How many there are in all.
    pub total: u32,
    /// How many keys only our side changed.
    pub only_ours: u32,
    /// How many keys only their side changed.
    pub only_theirs: u32,
    /// The versions that cannot be read, so that nothing was compared.
    pub unreadable: Vec<UnreadableVersion>,
}

/// A version of a file whose structure cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnreadableVersion {
    /// Which: `base`, `ours` or `theirs`.
    pub version: &'static str,
    /// The line, from 1.
    pub line: u32,
    /// What is wrong there.
    pub message: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn older_records_without_keys_are_read() {
        let older = r##"{"path": "a.yml", "key": "a", "with": "#1", "reason": "Both."}"##;
        let read: Collision = serde_json::from_str(older).unwrap();
        assert_eq!((read.key.as_deref(), read.keys.len(), read.key_total), (Some("a"), 0, 0));
    }
}
