//! From what was fetched to a view, completely, before anyone sees it.

use crate::layered::Layered;
use crate::options::FileSelection;
use crate::transport::{Delta, Transport, TransportError};
use crate::view::{File, View};
use bytes::Bytes;
use conman_domain::path::RepoPath;
use conman_domain::snapshot::{ContentHash, Snapshot};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::time::Duration;

/// How many contents are asked for at once.
const CONTENTS_AT_ONCE: usize = 64;

/// Fetches contents that are needed and not at hand.
pub(crate) struct Contents<'a> {
    pub(crate) transport: &'a mut dyn Transport,
    pub(crate) selection: &'a FileSelection,
    pub(crate) answer_within: Duration,
}

impl Contents<'_> {
    /// Makes a view of a whole snapshot; contents that the view before has are not fetched again.
    pub(crate) async fn whole(
        mut self,
        snapshot: Snapshot,
        before: Option<&View>,
    ) -> Result<View, TransportError> {
        let at_hand: HashMap<&ContentHash, &Bytes> = before
            .into_iter()
            .flat_map(|view| view.files.iter())
            .filter_map(|(_, file)| Some((&file.hash, file.content.as_ref()?)))
            .collect();
        let files = self.files(snapshot.files, &at_hand).await?;
        Ok(View {
            provenance: snapshot.provenance,
            activated_at: snapshot.activated_at,
            parameters: Layered::new(snapshot.parameters),
            files: Layered::new(files),
            older: BTreeMap::new(),
            stale: false,
        })
    }

    /// Makes the view that follows on another one.
    pub(crate) async fn newer(mut self, delta: Delta, before: &View) -> Result<View, TransportError> {
        let (mut changed, mut gone) = (BTreeMap::new(), Vec::new());
        for (path, hash) in delta.files {
            match hash {
                Some(hash) => {
                    changed.insert(path, hash);
                }
                None => gone.push(path),
            }
        }
        let files = self.files(changed, &HashMap::new()).await?;
        let changes = files
            .into_iter()
            .map(|(path, file)| (path, Some(file)))
            .chain(gone.into_iter().map(|path| (path, None)))
            .collect();
        Ok(View {
            provenance: delta.provenance,
            activated_at: delta.activated_at,
            parameters: before.parameters.changed(delta.parameters),
            files: before.files.changed(changes),
            older: BTreeMap::new(),
            stale: false,
        })
    }

    async fn files(
        &mut self,
        hashes: BTreeMap<RepoPath, ContentHash>,
        at_hand: &HashMap<&ContentHash, &Bytes>,
    ) -> Result<BTreeMap<RepoPath, File>, TransportError> {
        let needed: HashSet<&ContentHash> = hashes
            .iter()
            .filter(|(path, hash)| self.selection.holds(path) && !at_hand.contains_key(hash))
            .map(|(_, hash)| hash)
            .collect();
        let needed: Vec<ContentHash> = needed.into_iter().cloned().collect();
        let fetched = self.fetch(&needed).await?;
        let mut files = BTreeMap::new();
        for (path, hash) in hashes {
            let content = match self.selection.holds(&path) {
                false => None,
                true => match at_hand.get(&hash) {
                    Some(content) => Some(Bytes::clone(content)),
                    None => Some(fetched.get(&hash).cloned().ok_or_else(|| {
                        TransportError::unusable(format!("the content of `{path}` cannot be had"))
                    })?),
                },
            };
            files.insert(path, File { hash, content });
        }
        Ok(files)
    }

    async fn fetch(&mut self, needed: &[ContentHash]) -> Result<HashMap<ContentHash, Bytes>, TransportError> {
        let mut contents = HashMap::with_capacity(needed.len());
        for some in needed.chunks(CONTENTS_AT_ONCE) {
            // Contents can be large: a chunk may take a few times as long as a short answer.
            let fetched = tokio::time::timeout(self.answer_within * 6, self.transport.contents(some))
                .await
                .map_err(|_| TransportError::lost("the contents of files did not arrive in time"))??;
            for (hash, content) in fetched {
                if ContentHash::of(&content) != hash {
                    return Err(TransportError::unusable("a file's content does not fit its hash"));
                }
                contents.insert(hash, content);
            }
        }
        Ok(contents)
    }
}
