//! The configuration as a program reads it.

use crate::error::ParameterError;
use crate::layered::Layered;
use bytes::Bytes;
use conman_domain::Timestamp;
use conman_domain::name::ParameterName;
use conman_domain::path::RepoPath;
use conman_domain::snapshot::{ConfigVersion, ContentHash, Provenance, SnapshotParameter};
use conman_domain::value::{ParameterType, duration_millis};
use serde::de::DeserializeOwned;
use std::collections::BTreeMap;
use std::time::Duration;

/// One configuration of the environment, frozen: it never changes while it is held.
///
/// Files and provenance are of one version, and so are the parameters, but for those whose new value still waits for
/// its [`Boundary`](crate::Boundary): these are as they were in [`version_of`](Self::version_of).
#[derive(Debug, Clone)]
pub struct View {
    pub(crate) provenance: Provenance,
    pub(crate) activated_at: Timestamp,
    pub(crate) parameters: Layered<ParameterName, SnapshotParameter>,
    pub(crate) files: Layered<RepoPath, File>,
    /// Parameters that are as they were in an older version, with that version.
    pub(crate) older: BTreeMap<ParameterName, ConfigVersion>,
    /// Whether it comes from the disk, and nobody has said yet that it is still active.
    pub(crate) stale: bool,
}

/// A file of the configuration; its content only if the worker selected it.
#[derive(Debug, Clone)]
pub(crate) struct File {
    pub(crate) hash: ContentHash,
    pub(crate) content: Option<Bytes>,
}

impl View {
    /// The config version.
    pub fn version(&self) -> ConfigVersion {
        self.provenance.config_version
    }

    /// Release, tree, profile revision and config version.
    pub fn provenance(&self) -> &Provenance {
        &self.provenance
    }

    /// When this configuration became active, by the distribution database's clock.
    pub fn activated_at(&self) -> Timestamp {
        self.activated_at
    }

    /// The version that a parameter's value was taken over from: the view's own, or an older one while a newer value
    /// waits for its boundary.
    pub fn version_of(&self, name: &str) -> ConfigVersion {
        let older = ParameterName::parse(name).ok().and_then(|name| self.older.get(&name).copied());
        older.unwrap_or_else(|| self.version())
    }

    /// True if every parameter is as it is in the view's own version.
    pub fn is_whole(&self) -> bool {
        self.older.is_empty()
    }

    /// True if it was read from the disk cache, and no version of the source was accepted since.
    pub fn is_stale(&self) -> bool {
        self.stale
    }

    /// The value of a parameter, as any type that its JSON fits.
    pub fn parameter<T: DeserializeOwned>(&self, name: &str) -> Result<T, ParameterError> {
        let parameter = self.entry(name)?;
        T::deserialize(&parameter.value).map_err(|_| ParameterError::Shape {
            name: name.to_owned(),
            kind: parameter.kind.name(),
            wanted: std::any::type_name::<T>(),
        })
    }

    /// The value of a parameter of type `duration`.
    pub fn duration(&self, name: &str) -> Result<Duration, ParameterError> {
        let parameter = self.entry(name)?;
        match (parameter.kind, parameter.value.as_str().and_then(duration_millis)) {
            (ParameterType::Duration, Some(millis)) => Ok(Duration::from_millis(millis)),
            _ => Err(ParameterError::Shape {
                name: name.to_owned(),
                kind: parameter.kind.name(),
                wanted: "a duration",
            }),
        }
    }

    /// All parameters, by name.
    pub fn parameters(&self) -> impl Iterator<Item = (&ParameterName, &SnapshotParameter)> {
        self.parameters.iter()
    }

    /// The content of a file; `None` if there is no such file or it was not selected.
    pub fn file(&self, path: &str) -> Option<Bytes> {
        let path = RepoPath::parse(path).ok()?;
        self.files.get(&path)?.content.clone()
    }

    /// All files of the configuration, by path, as the hashes of their contents.
    pub fn files(&self) -> impl Iterator<Item = (&RepoPath, &ContentHash)> {
        self.files.iter().map(|(path, file)| (path, &file.hash))
    }

    pub(crate) fn raw(&self, name: &ParameterName) -> Option<&SnapshotParameter> {
        self.parameters.get(name)
    }

    /// Whether it was made of that view.
    pub(crate) fn is_of(&self, other: &View) -> bool {
        (&self.provenance, self.activated_at, self.stale)
            == (&other.provenance, other.activated_at, other.stale)
    }

    /// The same, with these parameters as they are in the view before.
    pub(crate) fn with_older<'a>(
        &self,
        before: &View,
        names: impl Iterator<Item = &'a ParameterName>,
    ) -> View {
        let (mut parameters, mut older) = (BTreeMap::new(), BTreeMap::new());
        for name in names {
            parameters.insert(name.clone(), before.raw(name).cloned());
            older.insert(name.clone(), before.version_of(name.as_str()));
        }
        View { parameters: self.parameters.changed(parameters), older, ..self.clone() }
    }

    fn entry(&self, name: &str) -> Result<&SnapshotParameter, ParameterError> {
        ParameterName::parse(name)
            .ok()
            .and_then(|name| self.parameters.get(&name))
            .ok_or_else(|| ParameterError::Unknown { name: name.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn view(parameters: &[(&str, ParameterType, Value)]) -> View {
        let parameters = parameters.iter().map(|(name, kind, value)| {
            let parameter =
                SnapshotParameter { value: value.clone(), kind: *kind, category: None, hot_reloadable: true };
            (name.parse().unwrap(), parameter)
        });
        View {
            provenance: Provenance {
                release_tag: "r2026.03.21.1".parse().unwrap(),
                release_commit: "a".repeat(40).parse().unwrap(),
                tree_id: "b".repeat(40).parse().unwrap(),
                profile_revision: 1,
                config_version: ConfigVersion(1),
            },
            activated_at: Timestamp::from_millis(0),
            parameters: Layered::new(parameters.collect()),
            files: Layered::new([].into()),
            older: BTreeMap::new(),
            stale: false,
        }
    }

    #[test]
    fn parameters_come_as_their_types() {
        let view = view(&[
            ("limit", ParameterType::Int, json!(5)),
            ("wait", ParameterType::Duration, json!("15m")),
            ("names", ParameterType::Json, json!(["a", "b"])),
        ]);
        assert_eq!(view.parameter::<u8>("limit"), Ok(5));
        assert_eq!(view.parameter::<f64>("limit"), Ok(5.0));
        assert_eq!(view.duration("wait"), Ok(Duration::from_secs(900)));
        assert_eq!(view.parameter::<Vec<String>>("names").unwrap(), ["a", "b"]);
        assert_eq!(view.parameters().count(), 3);
    }

    #[test]
    fn errors_do_not_show_values() {
        let view = view(&[("password", ParameterType::String, json!("hunter2"))]);
        let error = view.parameter::<u8>("password").unwrap_err();
        assert_eq!(error.to_string(), "the parameter `password` is string, which does not fit u8");
        assert!(view.duration("password").is_err());
        for unknown in ["other", "", "not a name"] {
            let error = view.parameter::<u8>(unknown).unwrap_err();
            assert!(matches!(error, ParameterError::Unknown { .. }), "{error}");
        }
    }
}
