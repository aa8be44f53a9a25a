//! Objects: ids, encodings, and an overlay that holds new objects in memory until they are stored together.

use crate::repository::Handle;
use crate::tree::{self, Tree};
use crate::{GitError, Missing, NewCommit, Result, pack};
use conman_domain::git::{Signature, TagId};
use conman_domain::{BlobId, CommitId, Timestamp, TreeId};
use git2::{ObjectType, Oid};
use sha1::{Digest, Sha1};
use std::collections::HashMap;
use std::sync::Arc;
use tempfile::TempDir;

/// Converts between this crate's typed ids and the library's untyped one.
pub(crate) trait ObjectName: Copy {
    /// The library's id.
    fn oid(self) -> Oid;
    /// The typed id.
    fn of(oid: Oid) -> Self;
}

macro_rules! names {
    ($($name:ident),*) => {$(
        impl ObjectName for $name {
            fn oid(self) -> Oid {
                oid_of(*self.as_bytes())
            }

            fn of(oid: Oid) -> Self {
                Self::from_bytes(raw(oid))
            }
        }
    )*};
}

names!(CommitId, TreeId, BlobId, TagId);

/// The 20 bytes of an id.
pub(crate) fn raw(oid: Oid) -> [u8; 20] {
    oid.as_bytes().try_into().expect("repositories are made with SHA-1, whose ids have 20 bytes")
}

/// The id with these 20 bytes.
pub(crate) fn oid_of(bytes: [u8; 20]) -> Oid {
    Oid::from_bytes(&bytes).expect("an id is made of 20 bytes")
}

/// The id of an object with this content.
pub(crate) fn object_id(kind: ObjectType, bytes: &[u8]) -> Oid {
    let mut hasher = Sha1::new();
    hasher.update(format!("{} {}\0", kind.str(), bytes.len()));
    hasher.update(bytes);
    oid_of(hasher.finalize().into())
}

fn signature_line(signature: &Signature) -> String {
    // Signatures also arrive by deserialisation: clean them again, so that no name can forge a header.
    let clean = Signature::new(&signature.name, &signature.email, signature.at);
    format!("{} <{}> {} +0000", clean.name, clean.email, clean.at.seconds())
}

fn parse_signature(line: &str) -> Option<Signature> {
    let (name, rest) = line.split_once('<')?;
    let (email, rest) = rest.rsplit_once('>')?;
    let seconds: i64 = rest.split_whitespace().next()?.parse().ok()?;
    Some(Signature::new(name, email, Timestamp::from_millis(seconds.saturating_mul(1000))))
}

fn message_text(message: &str) -> String {
    let mut text: String = message.chars().filter(|c| *c != '\0').collect();
    if !text.ends_with('\n') {
        text.push('\n');
    }
    text
}

/// The bytes of a commit object.
pub(crate) fn commit_bytes(tree: Oid, parents: &[Oid], new: &NewCommit) -> Vec<u8> {
    let mut text = format!("tree {tree}\n");
    for parent in parents {
        text.push_str(&format!("parent {parent}\n"));
    }
    text.push_str(&format!("author {}\n", signature_line(&new.author)));
    text.push_str(&format!("committer {}\n\n", signature_line(&new.committer)));
    text.push_str(&message_text(&new.message));
    text.into_bytes()
}

/// The bytes of an annotated tag object.
pub(crate) fn tag_bytes(target: Oid, name: &str, tagger: &Signature, message: &str) -> Vec<u8> {
    let (tagger, message) = (signature_line(tagger), message_text(message));
    format!("object {target}\ntype commit\ntag {name}\ntagger {tagger}\n\n{message}").into_bytes()
}

/// The links of a commit.
#[derive(Debug, Clone)]
pub(crate) struct CommitLinks {
    pub(crate) tree: Oid,
    pub(crate) parents: Vec<Oid>,
}

fn parse_links(id: Oid, bytes: &[u8]) -> Result<CommitLinks> {
    let bad = || GitError::corrupt(format!("commit {id} cannot be read"));
    let mut lines = bytes.split(|b| *b == b'\n');
    let read = |line: &[u8], key: &[u8]| {
        line.strip_prefix(key)
            .map(|hex| std::str::from_utf8(hex).ok().and_then(|hex| Oid::from_str(hex).ok()))
    };
    let tree = lines.next().and_then(|line| read(line, b"tree ")).flatten().ok_or_else(bad)?;
    let mut parents = Vec::new();
    for line in lines {
        match read(line, b"parent ") {
            Some(parent) => parents.push(parent.ok_or_else(bad)?),
            None => break,
        }
    }
    Ok(CommitLinks { tree, parents })
}

/// An object that is not stored yet.
pub(crate) struct NewObject {
    pub(crate) id: Oid,
    pub(crate) kind: ObjectType,
    pub(crate) bytes: Vec<u8>,
    /// An object of like content, against which this one is stored as a difference if both go into one pack.
    pub(crate) like: Option<Oid>,
}

/// Reads objects of a repository and holds new ones in memory.
pub(crate) struct Objects<'h> {
    handle: &'h Handle,
    odb: git2::Odb<'h>,
    /// Objects that a `git` command wrote beside the repository; the folders go away with this value.
    beside: Vec<(git2::Odb<'static>, Arc<TempDir>)>,
    new: Vec<NewObject>,
    index: HashMap<Oid, usize>,
    trees: HashMap<Oid, Arc<Tree>>,
}

impl<'h> Objects<'h> {
    pub(crate) fn new(handle: &'h Handle) -> Result<Self> {
        let odb = handle.git().odb()?;
        Ok(Self {
            handle,
            odb,
            beside: Vec::new(),
            new: Vec::new(),
            index: HashMap::new(),
            trees: HashMap::new(),
        })
    }

    /// Also reads from another folder of objects.
    pub(crate) fn add_beside(&mut self, folder: Arc<TempDir>) -> Result<()> {
        let odb = git2::Odb::new()?;
        let path = folder
            .path()
            .to_str()
            .ok_or_else(|| GitError::corrupt("the repositories' folder is not UTF-8"))?;
        odb.add_disk_alternate(path)?;
        self.beside.push((odb, folder));
        Ok(())
    }

    /// An object's content; `None` if there is no such object.
    pub(crate) fn find(&self, id: Oid) -> Result<Option<(ObjectType, Vec<u8>)>> {
        if let Some(at) = self.index.get(&id) {
            let object = &self.new[*at];
            return Ok(Some((object.kind, object.bytes.clone())));
        }
        match self.odb.read(id) {
            Ok(object) => return Ok(Some((object.kind(), object.data().to_vec()))),
            Err(error) if error.code() == git2::ErrorCode::NotFound => {}
            Err(error) => return Err(error.into()),
        }
        for (odb, _) in &self.beside {
            match odb.read(id) {
                Ok(object) => return Ok(Some((object.kind(), object.data().to_vec()))),
                Err(error) if error.code() == git2::ErrorCode::NotFound => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(None)
    }

    fn typed(&self, id: Oid, kind: ObjectType, missing: impl FnOnce() -> Missing) -> Result<Vec<u8>> {
        match self.find(id)? {
            Some((found, bytes)) if found == kind => Ok(bytes),
            Some(_) | None => Err(GitError::NotFound(missing())),
        }
    }

    /// The bytes of a blob.
    pub(crate) fn blob(&self, id: Oid) -> Result<Vec<u8>> {
        self.typed(id, ObjectType::Blob, || Missing::Blob(BlobId::of(id)))
    }

    /// The links of a commit.
    pub(crate) fn commit(&self, id: Oid) -> Result<CommitLinks> {
        parse_links(id, &self.typed(id, ObjectType::Commit, || Missing::Commit(CommitId::of(id)))?)
    }

    /// A parsed tree.
    pub(crate) fn tree(&mut self, id: Oid) -> Result<Arc<Tree>> {
        if let Some(tree) = self.trees.get(&id) {
            return Ok(tree.clone());
        }
        if let Some(tree) = self.handle.trees().get(id) {
            self.trees.insert(id, tree.clone());
            return Ok(tree);
        }
        // The empty tree need not be stored to exist.
        let bytes = if id == object_id(ObjectType::Tree, b"") {
            Vec::new()
        } else {
            self.typed(id, ObjectType::Tree, || Missing::Tree(TreeId::of(id)))?
        };
        let stored = !self.index.contains_key(&id);
        let tree = Arc::new(
            Tree::parse(bytes).ok_or_else(|| GitError::corrupt(format!("tree {id} cannot be read")))?,
        );
        if stored && self.beside.is_empty() {
            self.handle.trees().put(id, &tree);
        }
        self.trees.insert(id, tree.clone());
        Ok(tree)
    }

    /// Adds an object; `like` names one of like content.
    pub(crate) fn put(&mut self, kind: ObjectType, bytes: Vec<u8>, like: Option<Oid>) -> Oid {
        let id = object_id(kind, &bytes);
        if let std::collections::hash_map::Entry::Vacant(slot) = self.index.entry(id) {
            slot.insert(self.new.len());
            self.new.push(NewObject { id, kind, bytes, like });
        }
        id
    }

    /// Marks the state to which [`Objects::rewind`] goes back.
    pub(crate) fn mark(&self) -> usize {
        self.new.len()
    }

    /// Forgets the objects added since a mark.
    pub(crate) fn rewind(&mut self, mark: usize) {
        for object in self.new.drain(mark..) {
            self.index.remove(&object.id);
            self.trees.remove(&object.id);
        }
    }

    /// The objects added since a mark.
    pub(crate) fn added(&self, mark: usize) -> &[NewObject] {
        &self.new[mark..]
    }

    /// Copies into the overlay what is reachable from a tree and lies only beside the repository.
    ///
    /// Answers the tree's id, which is another one only if entries had to be left out: those of the null id, which Git's
    /// attempt at a conflict may hold. `None` when nothing is left.
    pub(crate) fn adopt(&mut self, tree: Oid, like: Option<Oid>) -> Result<Option<Oid>> {
        if self.index.contains_key(&tree) || self.stored(tree) {
            return Ok(Some(tree));
        }
        let parsed = self.tree(tree)?;
        let old = like.map(|id| self.tree(id)).transpose()?;
        let mut kept = Vec::with_capacity(parsed.len());
        for mut entry in parsed.entries().filter(|entry| !entry.id.is_zero()) {
            let was = old.as_ref().and_then(|old| old.find(entry.name));
            if entry.is_tree() {
                let like = was.filter(|was| was.is_tree()).map(|was| was.id);
                let Some(id) = self.adopt(entry.id, like)? else {
                    continue;
                };
                entry.id = id;
            } else if !entry.is_link() {
                self.adopt_blob(entry.id, was.filter(|was| !was.is_tree()).map(|was| was.id))?;
            }
            kept.push(entry);
        }
        Ok((!kept.is_empty()).then(|| self.put(ObjectType::Tree, tree::encode(&kept), like)))
    }

    /// Copies a blob into the overlay if it lies only beside the repository.
    pub(crate) fn adopt_blob(&mut self, id: Oid, like: Option<Oid>) -> Result<()> {
        if !self.index.contains_key(&id) && !self.stored(id) {
            let bytes = self.blob(id)?;
            self.put(ObjectType::Blob, bytes, like);
        }
        Ok(())
    }

    /// Who wrote a commit, and its message.
    pub(crate) fn author_and_message(&self, id: Oid) -> Result<(Signature, String)> {
        let bytes = self.typed(id, ObjectType::Commit, || Missing::Commit(CommitId::of(id)))?;
        let text = String::from_utf8_lossy(&bytes);
        let (head, message) = text.split_once("\n\n").unwrap_or((&text, ""));
        let author = head.lines().find_map(|line| line.strip_prefix("author ")).and_then(parse_signature);
        let author = author.ok_or_else(|| GitError::corrupt(format!("commit {id} has no author")))?;
        Ok((author, message.to_owned()))
    }

    fn stored(&self, id: Oid) -> bool {
        self.odb.exists_ext(id, git2::OdbLookupFlags::NO_REFRESH)
    }

    /// Stores the new objects one by one, each synced: right for a handful.
    pub(crate) fn store_loose(&mut self) -> Result<()> {
        for object in &self.new {
            let id = self.odb.write(object.kind, &object.bytes)?;
            debug_assert_eq!(id, object.id);
        }
        self.forget_new();
        Ok(())
    }

    /// Stores the new objects as one pack with its index, synced.
    pub(crate) fn store_pack(&mut self) -> Result<()> {
        if !self.new.is_empty() {
            pack::install(
                &self.handle.path().join("objects").join("pack"),
                &self.new,
                pack::Durability::Synced,
            )?;
            self.odb.refresh()?;
            self.forget_new();
        }
        Ok(())
    }

    fn forget_new(&mut self) {
        self.new.clear();
        self.index.clear();
    }
}
