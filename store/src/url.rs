//! Where a store is: a folder of this machine, or a MongoDB database.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use thiserror::Error;

/// Names a store: `sqlite:FOLDER` or `mongodb://HOSTS/DATABASE?OPTIONS` (also `mongodb+srv://`).
///
/// The folder of an embedded store is made where it is missing and belongs to the store alone. `Display` and `Debug`
/// leave a password out.
#[derive(Clone, PartialEq, Eq)]
pub struct StoreUrl(Place);

#[derive(Clone, PartialEq, Eq)]
pub(crate) enum Place {
    Sqlite { folder: PathBuf },
    Mongo { url: String, database: String },
}

/// Says why a text does not name a store.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum StoreUrlError {
    /// The text starts with no known scheme.
    #[error("a store is named sqlite:FOLDER or mongodb://HOSTS/DATABASE")]
    UnknownScheme,
    /// `sqlite:` is followed by nothing.
    #[error("sqlite: needs a folder after it, such as sqlite:./data/store")]
    NoFolder,
    /// The MongoDB address names no host.
    #[error("a mongodb:// address needs a host, such as mongodb://127.0.0.1:27017/conman")]
    NoHost,
    /// The MongoDB address names no database, or one that MongoDB does not allow.
    #[error(
        "a mongodb:// address needs a database after the hosts (letters, digits, _ and -, at most 63 of them)"
    )]
    NoDatabase,
}

impl StoreUrl {
    /// Names the embedded store of a folder.
    #[must_use]
    pub fn sqlite(folder: impl AsRef<Path>) -> Self {
        Self(Place::Sqlite { folder: folder.as_ref().to_owned() })
    }

    /// Tells whether the store is embedded: owned by one process, and served by no other.
    #[must_use]
    pub fn is_embedded(&self) -> bool {
        matches!(self.0, Place::Sqlite { .. })
    }

    pub(crate) fn place(&self) -> &Place {
        &self.0
    }
}

impl FromStr for StoreUrl {
    type Err = StoreUrlError;

    fn from_str(text: &str) -> Result<Self, StoreUrlError> {
        if let Some(path) = text.strip_prefix("sqlite:") {
            // `sqlite:///abs` and `sqlite://rel` are common spellings of the same thing.
            let path = path.strip_prefix("//").unwrap_or(path);
            if path.is_empty() || path.contains('\0') {
                return Err(StoreUrlError::NoFolder);
            }
            return Ok(Self(Place::Sqlite { folder: PathBuf::from(path) }));
        }
        let rest = text
            .strip_prefix("mongodb://")
            .or_else(|| text.strip_prefix("mongodb+srv://"))
            .ok_or(StoreUrlError::UnknownScheme)?;
        let before_options = rest.split('?').next().unwrap_or(rest);
        let (hosts, database) = before_options.split_once('/').ok_or(StoreUrlError::NoDatabase)?;
        if hosts.rsplit('@').next().is_none_or(str::is_empty) {
            return Err(StoreUrlError::NoHost);
        }
        let allowed = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
        if database.is_empty() || database.len() > 63 || !database.chars().all(allowed) {
            return Err(StoreUrlError::NoDatabase);
        }
        Ok(Self(Place::Mongo { url: text.to_owned(), database: database.to_owned() }))
    }
}

impl fmt::Display for StoreUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Place::Sqlite { folder } => write!(f, "sqlite:{}", folder.display()),
            Place::Mongo { url, database } => {
                // Options may carry credentials too, so only hosts and database are shown.
                let (scheme, rest) = url.split_once("://").unwrap_or(("mongodb", url));
                let hosts =
                    rest.split('/').next().and_then(|part| part.rsplit('@').next()).unwrap_or_default();
                write!(f, "{scheme}://{hosts}/{database}")
            }
        }
    }
}

impl fmt::Debug for StoreUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StoreUrl({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parses_both_kinds_and_names_what_is_missing() {
        let parse = |text: &str| text.parse::<StoreUrl>();
        assert!(parse("sqlite:./data").unwrap().is_embedded());
        assert_eq!(parse("sqlite:///var/data"), Ok(StoreUrl::sqlite("/var/data")));
        assert!(!parse("mongodb://a:1,b:2/conman?replicaSet=rs0").unwrap().is_embedded());
        assert_eq!(parse("sqlite:"), Err(StoreUrlError::NoFolder));
        assert_eq!(parse("postgres://x/y"), Err(StoreUrlError::UnknownScheme));
        assert_eq!(parse("mongodb://127.0.0.1"), Err(StoreUrlError::NoDatabase));
        assert_eq!(parse("mongodb://127.0.0.1/?replicaSet=rs0"), Err(StoreUrlError::NoDatabase));
        assert_eq!(parse("mongodb://127.0.0.1/a.b"), Err(StoreUrlError::NoDatabase));
        assert_eq!(parse("mongodb://user:pw@/conman"), Err(StoreUrlError::NoHost));
    }

    #[test]
    fn shows_no_password() {
        let url: StoreUrl = "mongodb://ada:s3cret@db.example:27017/conman?authSource=admin".parse().unwrap();
        assert_eq!(url.to_string(), "mongodb://db.example:27017/conman");
        assert_eq!(format!("{url:?}"), "StoreUrl(mongodb://db.example:27017/conman)");
    }
}
