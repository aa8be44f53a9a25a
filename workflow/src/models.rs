//! The reference graphs of trees, made from what is known of older ones.

use crate::error::{Error, Result};
use crate::services::Workflow;
use conman_domain::changeset::Finding;
use conman_domain::id::AppId;
use conman_domain::{BlobId, RepoPath, TreeId};
use conman_git::{FileContent, FileEntry};
use conman_validation::{FileFacts, Model, Schemas};
use parking_lot::Mutex;
use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;

/// How many trees are remembered at most.
const MAX_TREES: usize = 16;
/// How much memory they take at most, about, in bytes.
const MAX_WEIGHT: usize = 256 << 20;
/// Larger files are not read; no app may have them.
const MAX_FILE: u64 = 16 << 20;

/// A tree's graph, and what it was made from.
#[derive(Debug)]
pub(crate) struct TreeModel {
    pub(crate) model: Model,
    findings: Vec<Finding>,
    facts: HashMap<RepoPath, (BlobId, Arc<FileFacts>)>,
    schemas: Schemas,
    weight: usize,
}

impl TreeModel {
    /// What is wrong with the tree, whoever brought it there.
    pub(crate) fn findings(&self) -> &[Finding] {
        &self.findings
    }

    /// What the tree's files are checked by.
    pub(crate) fn schemas(&self) -> &Schemas {
        &self.schemas
    }
}

/// The graphs of the trees that were asked for last.
#[derive(Debug, Default)]
pub(crate) struct Models(Mutex<VecDeque<Kept>>);

type Kept = ((AppId, TreeId), Arc<TreeModel>);

impl Models {
    fn get(&self, app: AppId, tree: TreeId) -> Option<Arc<TreeModel>> {
        let mut kept = self.0.lock();
        let at = kept.iter().position(|(key, _)| *key == (app, tree))?;
        let found = kept.remove(at)?;
        let model = Arc::clone(&found.1);
        kept.push_back(found);
        Some(model)
    }

    /// The tree of an app that was asked for last: most of a new one is the same.
    fn newest(&self, app: AppId) -> Option<Arc<TreeModel>> {
        let kept = self.0.lock();
        kept.iter().rev().find(|((of, _), _)| *of == app).map(|(_, model)| Arc::clone(model))
    }

    fn keep(&self, app: AppId, tree: TreeId, model: &Arc<TreeModel>) {
        let mut kept = self.0.lock();
        kept.retain(|(key, _)| *key != (app, tree));
        kept.push_back(((app, tree), Arc::clone(model)));
        let weight = |kept: &VecDeque<Kept>| kept.iter().map(|(_, m)| m.weight).sum::<usize>();
        while kept.len() > MAX_TREES || (kept.len() > 2 && weight(&kept) > MAX_WEIGHT) {
            kept.pop_front();
        }
    }
}

impl Workflow {
    /// The reference graph of a tree. Files that a remembered tree of the app has too are not read again.
    pub(crate) async fn model(&self, app: AppId, tree: TreeId) -> Result<Arc<TreeModel>> {
        if let Some(model) = self.models().get(app, tree) {
            return Ok(model);
        }
        let repository = self.repository(app);
        let entries = repository.list(tree).await?;
        let schema_files = repository.files(tree, |path| Schemas::replaced_by(path).is_some()).await?;
        let schemas = Schemas::of_app(schema_files.iter().map(|(path, c)| (path, c.bytes.as_slice())));
        let before =
            self.models().newest(app).filter(|before| before.schemas.fingerprint() == schemas.fingerprint());
        let known = |entry: &FileEntry| {
            let (blob, facts) = before.as_ref()?.facts.get(&entry.path)?;
            (*blob == entry.blob).then(|| Arc::clone(facts))
        };
        let unread: HashSet<RepoPath> = entries
            .iter()
            .filter(|entry| entry.size <= MAX_FILE && FileFacts::needs_content(&entry.path))
            .filter(|entry| known(entry).is_none())
            .map(|entry| entry.path.clone())
            .collect();
        let read = repository.files(tree, move |path| unread.contains(path)).await?;
        let old = entries.into_iter().map(|entry| (known(&entry), entry)).collect();
        let made = tokio::task::spawn_blocking(move || TreeModel::of(old, read, schemas)).await;
        let model = Arc::new(made.map_err(|error| Error::errored("reading a tree's files", error))?);
        self.models().keep(app, tree, &model);
        Ok(model)
    }
}

impl TreeModel {
    fn of(
        entries: Vec<(Option<Arc<FileFacts>>, FileEntry)>,
        read: Vec<(RepoPath, FileContent)>,
        schemas: Schemas,
    ) -> Self {
        let mut new: HashMap<RepoPath, Arc<FileFacts>> = read
            .iter()
            .map(|(path, content)| (path.clone(), Arc::new(FileFacts::read(path, &content.bytes, &schemas))))
            .collect();
        let facts: HashMap<RepoPath, (BlobId, Arc<FileFacts>)> = entries
            .into_iter()
            .map(|(known, entry)| {
                let facts = known.or_else(|| new.remove(&entry.path));
                let facts = facts.unwrap_or_else(|| Arc::new(FileFacts::empty(entry.path.clone())));
                (entry.path, (entry.blob, facts))
            })
            .collect();
        let model = Model::link(facts.values().map(|(_, facts)| Arc::clone(facts)));
        let mut findings = model.findings();
        findings.extend(schemas.own_findings().iter().cloned());
        let weight = facts.values().map(|(_, facts)| facts.weight()).sum();
        Self { model, findings, facts, schemas, weight }
    }
}
