//! Names of Git objects.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use std::str::FromStr;

/// Says that a text is not a full lower-case SHA-1 in hex.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a Git object id: 40 lower-case hexadecimal digits are expected")]
pub struct InvalidObjectId;

macro_rules! object_ids {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name([u8; 20]);

        impl $name {
            /// Wraps the 20 raw bytes.
            pub const fn from_bytes(bytes: [u8; 20]) -> Self {
                Self(bytes)
            }

            /// The 20 raw bytes.
            pub const fn as_bytes(&self) -> &[u8; 20] {
                &self.0
            }

            /// The first ten hex digits, for people.
            pub fn short(&self) -> String {
                hex::encode(&self.0[..5])
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&hex::encode(self.0))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self.short())
            }
        }

        impl FromStr for $name {
            type Err = InvalidObjectId;

            /// Takes full ids only: no abbreviations, no revision expressions.
            fn from_str(text: &str) -> Result<Self, InvalidObjectId> {
                if text.len() != 40 || text.bytes().any(|b| b.is_ascii_uppercase()) {
                    return Err(InvalidObjectId);
                }
                let mut bytes = [0; 20];
                hex::decode_to_slice(text, &mut bytes).map_err(|_| InvalidObjectId)?;
                Ok(Self(bytes))
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
            }
        }
    )*};
}

object_ids! {
    /// Names a commit.
    CommitId;
    /// Names a tree: the exact content that an approval is for.
    TreeId;
    /// Names a blob: the exact content of one file.
    BlobId;
    /// Names an annotated tag object.
    TagId;
}

/// Who made a commit, as Git records it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Signature {
    /// Name, without line breaks or angle brackets.
    pub name: String,
    /// E-mail address, without line breaks or angle brackets.
    pub email: String,
    /// When; Git keeps whole seconds, always written as UTC.
    pub at: crate::Timestamp,
}

impl Signature {
    /// Makes a signature, dropping the characters that Git's format cannot hold.
    pub fn new(name: &str, email: &str, at: crate::Timestamp) -> Self {
        let clean = |text: &str, empty: &str| {
            let kept: String = text.chars().filter(|c| !c.is_control() && !matches!(c, '<' | '>')).collect();
            let kept = kept.trim();
            if kept.is_empty() { empty.to_owned() } else { kept.to_owned() }
        };
        Self { name: clean(name, "unknown"), email: clean(email, "unknown@invalid"), at }
    }
}
