//! What files declare and refer to.

use semantic_diff::{SemanticConfigType, is_hidden};
use std::fmt;

/// What stands inside of a config and has a name that others use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum MemberKind {
    /// A field of an entity.
    Field,
    /// A relation of an entity to another.
    Relation,
    /// A state of a workflow.
    State,
    /// A transition of a workflow.
    Transition,
    /// An endpoint of a provider.
    Endpoint,
    /// A data source of a page.
    DataSource,
}

impl MemberKind {
    fn name(self) -> &'static str {
        match self {
            Self::Field => "field",
            Self::Relation => "relation",
            Self::State => "state",
            Self::Transition => "transition",
            Self::Endpoint => "endpoint",
            Self::DataSource => "data source",
        }
    }
}

/// Something with a name that files refer to.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Thing {
    /// An entity, a page and so on, by its type and name.
    Config(SemanticConfigType, String),
    /// A part of a config.
    Member {
        /// The type of the config that it belongs to.
        of: SemanticConfigType,
        /// That config's name.
        config: String,
        /// What it is.
        kind: MemberKind,
        /// Its name.
        name: String,
    },
    /// A parameter of the catalog.
    Parameter(String),
    /// A role of the app's own users.
    Role(String),
    /// A file, by its path.
    File(String),
}

impl Thing {
    /// Its own name, without what it belongs to.
    pub fn name(&self) -> &str {
        match self {
            Self::Config(_, name)
            | Self::Member { name, .. }
            | Self::Parameter(name)
            | Self::Role(name)
            | Self::File(name) => name,
        }
    }

    /// True where another name in its place could have been meant.
    pub(crate) fn is_like(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Config(kind, _), Self::Config(other, _)) => kind == other,
            (Self::Member { of, config, kind, .. }, Self::Member { of: o, config: c, kind: k, .. }) => {
                (of, config) == (o, c) && (kind == k || *of == SemanticConfigType::Entity)
            }
            (Self::Parameter(_), Self::Parameter(_))
            | (Self::Role(_), Self::Role(_))
            | (Self::File(_), Self::File(_)) => true,
            _ => false,
        }
    }
}

impl fmt::Display for Thing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Config(kind, name) => write!(f, "{} `{}`", kind.name(), shown(name)),
            Self::Member { of, config, kind, name } => {
                write!(f, "{} `{}` of {} `{}`", kind.name(), shown(name), of.name(), shown(config))
            }
            Self::Parameter(name) => write!(f, "parameter `{}`", shown(name)),
            Self::Role(name) => write!(f, "role `{}`", shown(name)),
            Self::File(path) => write!(f, "file `{}`", shown(path)),
        }
    }
}

/// A name as a sentence shows it: on one line, and not too long.
pub(crate) fn shown(name: &str) -> String {
    let mut shown: String =
        name.chars().take(120).map(|c| if c.is_control() || is_hidden(c) { ' ' } else { c }).collect();
    if name.chars().nth(120).is_some() {
        shown.push('…');
    }
    shown.replace('`', "'")
}
