//! The last good configuration on disk, to start from when the source is away.
//!
//! One file: a line with a mark, the format's number and the SHA-256 of all that follows, then JSON. It is replaced
//! as a whole, and believed only if all of it holds together and is of the environment that is followed.

use crate::layered::Layered;
use crate::options::{FileSelection, Source};
use crate::view::{File, View};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use conman_domain::id::{AppId, EnvironmentId};
use conman_domain::snapshot::{ContentHash, Snapshot};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::sync::watch;
use tokio::task::JoinHandle;

const MARK: &str = "conman-worker-cache 1 ";

/// No cache is larger; what is, is not read.
const LARGEST: u64 = 512 * 1024 * 1024;

/// The app and environment of a view.
pub(crate) type Place = (AppId, EnvironmentId);

/// A cache file and whom it is for.
#[derive(Debug, Clone)]
pub(crate) struct Cache {
    path: PathBuf,
    scope: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Body {
    /// Whose configuration it is: another program's or environment's file is not taken for one's own.
    scope: String,
    snapshot: Snapshot,
    /// The contents of the selected files in base64, by hash.
    contents: BTreeMap<String, String>,
}

impl Cache {
    pub(crate) fn new(path: PathBuf, source: &Source) -> Self {
        let scope = match source {
            Source::Postgres { app_id, environment_id, .. } => format!("postgres {app_id} {environment_id}"),
            // The token decides on the environment; it is too long to be guessed from its hash.
            Source::Http { server_url, token } => {
                let hash = ContentHash::of(format!("conman-worker-cache\0{server_url}\0{token}").as_bytes());
                format!("http {}", hash.as_str())
            }
        };
        Self { path, scope }
    }

    /// Reads the file; `None` if there is none, an error that says why if it is not to be believed.
    pub(crate) fn load(&self, selection: &FileSelection) -> Result<Option<View>, String> {
        let found = match fs::symlink_metadata(&self.path) {
            Ok(found) => found,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(format!("it cannot be read: {}", error.kind())),
        };
        // Opening something else could wait for ever.
        if !found.is_file() {
            return Err("it is not a regular file".to_owned());
        }
        let mut bytes = Vec::new();
        let file =
            fs::File::open(&self.path).map_err(|error| format!("it cannot be read: {}", error.kind()))?;
        let read = file.take(LARGEST + 1).read_to_end(&mut bytes);
        read.map_err(|error| format!("it cannot be read: {}", error.kind()))?;
        if bytes.len() as u64 > LARGEST {
            return Err("it is too large".to_owned());
        }
        self.parse(&bytes, selection).map(Some)
    }

    fn parse(&self, bytes: &[u8], selection: &FileSelection) -> Result<View, String> {
        let strange = || "it is no cache of this library".to_owned();
        let end = bytes.iter().take(200).position(|byte| *byte == b'\n').ok_or_else(strange)?;
        let head = std::str::from_utf8(&bytes[..end]).map_err(|_| strange())?;
        let checksum = head.strip_prefix(MARK).ok_or_else(strange)?;
        let body = &bytes[end + 1..];
        if ContentHash::of(body).as_str() != checksum {
            return Err("it is torn, or somebody changed it".to_owned());
        }
        let body: Body = serde_json::from_slice(body).map_err(|_| strange())?;
        if body.scope != self.scope {
            return Err("it is of another environment".to_owned());
        }
        let Snapshot { provenance, activated_at, parameters, files, .. } = body.snapshot;
        let mut kept = BTreeMap::new();
        for (path, hash) in files {
            let content = match selection.holds(&path) {
                false => None,
                true => {
                    let encoded = body.contents.get(hash.as_str());
                    let content = encoded.and_then(|encoded| STANDARD.decode(encoded).ok());
                    let content = content.filter(|content| ContentHash::of(content) == hash);
                    Some(Bytes::from(content.ok_or_else(|| format!("it lacks the content of `{path}`"))?))
                }
            };
            kept.insert(path, File { hash, content });
        }
        Ok(View {
            provenance,
            activated_at,
            parameters: Layered::new(parameters),
            files: Layered::new(kept),
            older: BTreeMap::new(),
            stale: true,
        })
    }

    /// Replaces the file: whoever reads it finds the old or the new one, also after a power cut.
    fn write(&self, view: &View, (app_id, environment_id): Place) -> io::Result<()> {
        let contents = view.files.iter().filter_map(|(_, file)| {
            Some((file.hash.as_str().to_owned(), STANDARD.encode(file.content.as_ref()?)))
        });
        let body = Body {
            scope: self.scope.clone(),
            contents: contents.collect(),
            snapshot: Snapshot {
                app_id,
                environment_id,
                provenance: view.provenance.clone(),
                activated_at: view.activated_at,
                parameters: view.parameters.iter().map(|(n, p)| (n.clone(), p.clone())).collect(),
                files: view.files.iter().map(|(path, file)| (path.clone(), file.hash.clone())).collect(),
            },
        };
        let body = serde_json::to_vec(&body)?;
        let folder = match self.path.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            _ => Path::new("."),
        };
        fs::create_dir_all(folder)?;
        let name = self.path.file_name().ok_or(io::ErrorKind::InvalidFilename)?.to_string_lossy();
        let beside = folder.join(format!(".{name}.{}.tmp", std::process::id()));
        match fs::remove_file(&beside) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            Ok(()) | Err(_) => {}
        }
        let written = (|| {
            let mut file = private().open(&beside)?;
            file.write_all(format!("{MARK}{}\n", ContentHash::of(&body).as_str()).as_bytes())?;
            file.write_all(&body)?;
            file.sync_all()?;
            fs::rename(&beside, &self.path)?;
            fs::File::open(folder)?.sync_all()
        })();
        if written.is_err() {
            // It may not have come to be.
            let _ = fs::remove_file(&beside);
        }
        written
    }
}

/// A new file that nobody else may read: a configuration may hold what is not for everybody.
fn private() -> fs::OpenOptions {
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

/// Writes the newest good view, off the task that follows.
#[derive(Debug)]
pub(crate) struct Writer {
    newest: watch::Sender<Option<(Arc<View>, Place)>>,
    task: JoinHandle<()>,
}

impl Writer {
    /// `told` hears how each attempt went.
    pub(crate) fn start(cache: Cache, told: impl Fn(Option<String>) + Send + 'static) -> Self {
        let (newest, mut views) = watch::channel(None);
        let task = tokio::spawn(async move {
            while views.changed().await.is_ok() {
                let Some((view, place)): Option<(Arc<View>, Place)> = views.borrow_and_update().clone()
                else {
                    continue;
                };
                let cache = cache.clone();
                let written = tokio::task::spawn_blocking(move || cache.write(&view, place)).await;
                told(match written {
                    Ok(Ok(())) => None,
                    Ok(Err(error)) => Some(format!("it cannot be written: {error}")),
                    Err(_) => Some("it cannot be written".to_owned()),
                });
            }
        });
        Self { newest, task }
    }

    pub(crate) fn save(&self, view: Arc<View>, place: Place) {
        self.newest.send_replace(Some((view, place)));
    }

    /// Waits until the newest view is on disk.
    pub(crate) async fn finish(self) {
        drop(self.newest);
        // A task that panicked wrote nothing more.
        let _ = self.task.await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use conman_domain::snapshot::ConfigVersion;
    use uuid::Uuid;

    fn source(environment: u128) -> Source {
        Source::Postgres {
            url: "postgres://x".to_owned(),
            app_id: Uuid::from_u128(1).into(),
            environment_id: Uuid::from_u128(environment).into(),
        }
    }

    fn view() -> View {
        let parameters = serde_json::from_value(serde_json::json!({
            "a": {"value": 0.1, "type": "number", "category": "risk_limit", "hot_reloadable": true},
            "b": {"value": {"x": [1, null]}, "type": "json", "category": null, "hot_reloadable": false},
        }));
        let mut view = crate::conformance::view_of(7, parameters.unwrap());
        let content = Bytes::from_static(b"\0binary\xff");
        let files = [("q/1", Some(content.clone())), ("r", None)].map(|(path, content)| {
            let hash = ContentHash::of(content.as_deref().unwrap_or_default());
            (path.parse().unwrap(), File { hash, content })
        });
        view.files = Layered::new(files.into());
        view
    }

    fn place() -> Place {
        (Uuid::from_u128(1).into(), Uuid::from_u128(2).into())
    }

    fn selection() -> FileSelection {
        FileSelection::Under(vec!["q".to_owned()])
    }

    #[test]
    fn what_was_written_comes_back_and_is_stale() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::new(folder.path().join("deep/er/cache"), &source(2));
        assert!(cache.load(&selection()).unwrap().is_none());
        for _ in 0..2 {
            cache.write(&view(), place()).unwrap();
            let back = cache.load(&selection()).unwrap().unwrap();
            assert_eq!(back.version(), ConfigVersion(7));
            assert!(back.is_stale());
            assert!(back.parameters().eq(view().parameters()));
            assert!(back.files().eq(view().files()));
            assert_eq!(back.file("q/1"), view().file("q/1"));
            assert_eq!(back.file("r"), None);
        }
        let left: Vec<_> = fs::read_dir(folder.path().join("deep/er")).unwrap().collect();
        assert_eq!(left.len(), 1, "nothing is left beside it");
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(fs::metadata(&cache.path).unwrap().permissions().mode() & 0o777, 0o600);
        // Other files were wanted when it was written.
        let reason = cache.load(&FileSelection::All).unwrap_err();
        assert_eq!(reason, "it lacks the content of `r`");
    }

    #[test]
    fn what_does_not_hold_together_is_not_believed() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::new(folder.path().join("cache"), &source(2));
        cache.write(&view(), place()).unwrap();
        let good = fs::read(&cache.path).unwrap();
        for end in (0..good.len()).step_by(3) {
            fs::write(&cache.path, &good[..end]).unwrap();
            assert!(cache.load(&selection()).is_err(), "torn at {end}");
        }
        for at in (0..good.len()).step_by(3) {
            let mut flipped = good.clone();
            flipped[at] ^= 1;
            fs::write(&cache.path, flipped).unwrap();
            assert!(cache.load(&selection()).is_err(), "flipped at {at}");
        }
        let sealed = |body: &str| format!("{MARK}{}\n{body}", ContentHash::of(body.as_bytes()).as_str());
        let deep = "[".repeat(100_000);
        for body in ["", "null", "{}", deep.as_str(), r#"{"scope": "x", "snapshot": 1, "contents": {}}"#] {
            fs::write(&cache.path, sealed(body)).unwrap();
            assert!(cache.load(&selection()).is_err(), "{}", &body[..body.len().min(50)]);
        }
        // A content that is not what its hash says.
        let body = std::str::from_utf8(&good).unwrap().split_once('\n').unwrap().1;
        fs::write(&cache.path, sealed(&body.replace("AGJpbmFye", "AGJpbmFyf"))).unwrap();
        assert!(cache.load(&selection()).unwrap_err().contains("content of `q/1`"));
    }

    #[test]
    fn what_is_somebody_elses_is_not_believed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("cache");
        Cache::new(path.clone(), &source(2)).write(&view(), place()).unwrap();
        let http = |token: &str| Source::Http { server_url: "http://x".to_owned(), token: token.to_owned() };
        for foreign in [source(3), http("t")] {
            let reason = Cache::new(path.clone(), &foreign).load(&selection()).unwrap_err();
            assert_eq!(reason, "it is of another environment");
        }
        Cache::new(path.clone(), &http("t0ken")).write(&view(), place()).unwrap();
        assert!(Cache::new(path.clone(), &http("t0ken")).load(&selection()).unwrap().is_some());
        assert!(Cache::new(path.clone(), &http("other")).load(&selection()).is_err());
        assert!(!String::from_utf8_lossy(&fs::read(&path).unwrap()).contains("t0ken"));
        // A link is not followed, and what never ends is not opened.
        let link = folder.path().join("link");
        std::os::unix::fs::symlink(&path, &link).unwrap();
        for odd in [link, folder.path().to_owned(), PathBuf::from("/dev/zero")] {
            let reason = Cache::new(odd, &source(2)).load(&selection()).unwrap_err();
            assert_eq!(reason, "it is not a regular file");
        }
        // A file that stands where a folder should be.
        assert!(Cache::new(path.join("x"), &source(2)).write(&view(), place()).is_err());
    }
}
