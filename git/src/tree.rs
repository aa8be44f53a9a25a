//! Trees: parsed, compared, changed.

use crate::objects::{Objects, oid_of, raw};
use crate::{GitError, Result, TreeRefused};
use conman_domain::RepoPath;
use git2::{ObjectType, Oid};
use parking_lot::Mutex;
use std::cmp::Ordering;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

/// The mode of a folder.
pub(crate) const FOLDER: u32 = 0o040000;
/// The mode of an ordinary file.
pub(crate) const FILE: u32 = 0o100644;
/// The mode of an executable file.
pub(crate) const EXECUTABLE: u32 = 0o100755;
/// The mode of a submodule.
const LINK: u32 = 0o160000;

/// One entry of a tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Entry<'t> {
    pub(crate) name: &'t [u8],
    pub(crate) mode: u32,
    pub(crate) id: Oid,
}

impl Entry<'_> {
    pub(crate) fn is_tree(&self) -> bool {
        self.mode == FOLDER
    }

    /// True for a submodule.
    pub(crate) fn is_link(&self) -> bool {
        self.mode == LINK
    }

    pub(crate) fn leaf(&self) -> Leaf {
        Leaf { mode: self.mode, id: self.id }
    }
}

/// What a tree says of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Leaf {
    pub(crate) mode: u32,
    pub(crate) id: Oid,
}

impl Leaf {
    /// True for files, executable or not; false for symlinks and submodules.
    pub(crate) fn is_file(&self) -> bool {
        matches!(self.mode, FILE | EXECUTABLE)
    }

    /// True for a submodule.
    pub(crate) fn is_link(&self) -> bool {
        self.mode == LINK
    }
}

#[derive(Clone, Copy)]
struct Slot {
    start: u32,
    len: u16,
    mode: u32,
}

/// A tree object, parsed in place.
pub(crate) struct Tree {
    bytes: Vec<u8>,
    slots: Vec<Slot>,
}

/// Compares names as Git sorts them: a folder as if a slash followed its name.
pub(crate) fn compare(a: &[u8], a_folder: bool, b: &[u8], b_folder: bool) -> Ordering {
    let common = a.len().min(b.len());
    a[..common].cmp(&b[..common]).then_with(|| {
        let next =
            |name: &[u8], folder: bool| name.get(common).copied().or(folder.then_some(b'/')).unwrap_or(0);
        next(a, a_folder).cmp(&next(b, b_folder))
    })
}

impl Tree {
    /// Parses a tree's bytes; `None` if they are cut off or have no form. Order and names are not judged here.
    pub(crate) fn parse(bytes: Vec<u8>) -> Option<Self> {
        let mut slots = Vec::with_capacity(bytes.len() / 36 + 1);
        let mut at = 0;
        while at < bytes.len() {
            let mut mode = 0u32;
            let mut digits = 0;
            loop {
                match *bytes.get(at)? {
                    digit @ b'0'..=b'7' if digits < 7 => {
                        mode = mode << 3 | u32::from(digit - b'0');
                        digits += 1;
                    }
                    b' ' if digits > 0 => break,
                    _ => return None,
                }
                at += 1;
            }
            let start = at + 1;
            let len = bytes[start..].iter().position(|b| *b == 0)?;
            at = start + len + 21;
            if at > bytes.len() {
                return None;
            }
            slots.push(Slot { start: u32::try_from(start).ok()?, len: u16::try_from(len).ok()?, mode });
        }
        Some(Self { bytes, slots })
    }

    pub(crate) fn len(&self) -> usize {
        self.slots.len()
    }

    fn entry(&self, slot: Slot) -> Entry<'_> {
        let (start, end) = (slot.start as usize, slot.start as usize + usize::from(slot.len));
        let id: [u8; 20] =
            self.bytes[end + 1..end + 21].try_into().expect("parsing checked that 20 bytes follow");
        Entry { name: &self.bytes[start..end], mode: slot.mode, id: oid_of(id) }
    }

    fn name(&self, slot: Slot) -> &[u8] {
        &self.bytes[slot.start as usize..slot.start as usize + usize::from(slot.len)]
    }

    pub(crate) fn at(&self, index: usize) -> Option<Entry<'_>> {
        self.slots.get(index).map(|slot| self.entry(*slot))
    }

    pub(crate) fn entries(&self) -> impl Iterator<Item = Entry<'_>> {
        self.slots.iter().map(|slot| self.entry(*slot))
    }

    /// True when the entry's mode is spelt as Git spells it.
    pub(crate) fn has_plain_mode(&self, index: usize) -> bool {
        let slot = self.slots[index];
        let before = &self.bytes[..slot.start as usize - 1];
        let text = format!("{:o}", slot.mode);
        let from = if index == 0 {
            0
        } else {
            self.slots[index - 1].start as usize + usize::from(self.slots[index - 1].len) + 21
        };
        before[from..] == *text.as_bytes()
    }

    /// The entry of a name, be it a file or a folder.
    pub(crate) fn find(&self, name: &[u8]) -> Option<Entry<'_>> {
        let search = |folder: bool| {
            self.slots
                .binary_search_by(|slot| compare(self.name(*slot), slot.mode == FOLDER, name, folder))
                .ok()
                .map(|at| self.entry(self.slots[at]))
        };
        search(false).or_else(|| search(true)).filter(|entry| entry.name == name)
    }
}

/// Parsed trees of one repository, up to a number of bytes.
#[derive(Default)]
pub(crate) struct TreeCache {
    inner: Mutex<(HashMap<Oid, Arc<Tree>>, usize)>,
}

impl TreeCache {
    const LIMIT: usize = 48 << 20;

    pub(crate) fn get(&self, id: Oid) -> Option<Arc<Tree>> {
        self.inner.lock().0.get(&id).cloned()
    }

    pub(crate) fn put(&self, id: Oid, tree: &Arc<Tree>) {
        let size = tree.bytes.len() + tree.slots.len() * size_of::<Slot>() + 128;
        let mut inner = self.inner.lock();
        if inner.1 + size > Self::LIMIT {
            inner.0.clear();
            inner.1 = 0;
        }
        if inner.0.insert(id, tree.clone()).is_none() {
            inner.1 += size;
        }
    }
}

/// What lies at a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Found {
    /// Nothing.
    Nothing,
    /// A file, symlink or submodule.
    Leaf(Leaf),
    /// A folder.
    Folder(Oid),
    /// Nothing, because a component before the last is no folder; the number of components up to and with it.
    Behind(usize),
}

/// Looks a path up.
pub(crate) fn lookup(objects: &mut Objects<'_>, root: Oid, path: &[u8]) -> Result<Found> {
    let mut at = root;
    let mut components = path.split(|b| *b == b'/').enumerate().peekable();
    while let Some((index, name)) = components.next() {
        let tree = objects.tree(at)?;
        let Some(entry) = tree.find(name) else {
            return Ok(Found::Nothing);
        };
        match (entry.is_tree(), components.peek().is_some()) {
            (true, true) => at = entry.id,
            (true, false) => return Ok(Found::Folder(entry.id)),
            (false, true) => return Ok(Found::Behind(index + 1)),
            (false, false) => return Ok(Found::Leaf(entry.leaf())),
        }
    }
    Ok(Found::Folder(at))
}

/// Changes to the files of a tree.
#[derive(Default)]
pub(crate) struct Changes(BTreeMap<Vec<u8>, Change>);

enum Change {
    Set(Leaf),
    Remove,
    Inside(Changes),
}

impl Changes {
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Sets or removes one file. No path set may lie beneath another.
    pub(crate) fn set(&mut self, path: &[u8], leaf: Option<Leaf>) {
        match path.iter().position(|b| *b == b'/') {
            None => {
                self.0.insert(path.to_vec(), leaf.map_or(Change::Remove, Change::Set));
            }
            Some(slash) => {
                let slot = self
                    .0
                    .entry(path[..slash].to_vec())
                    .or_insert_with(|| Change::Inside(Changes::default()));
                if !matches!(slot, Change::Inside(_)) {
                    *slot = Change::Inside(Changes::default());
                }
                if let Change::Inside(inside) = slot {
                    inside.set(&path[slash + 1..], leaf);
                }
            }
        }
    }

    /// Applies the changes to a tree; folders that become empty vanish. `None` stands for the empty tree.
    pub(crate) fn apply(&self, objects: &mut Objects<'_>, tree: Option<Oid>) -> Result<Option<Oid>> {
        let old = tree.map(|id| objects.tree(id)).transpose()?;
        let mut set: Vec<(&[u8], Leaf)> = Vec::with_capacity(self.0.len());
        for (name, change) in &self.0 {
            match change {
                Change::Set(leaf) => set.push((name, *leaf)),
                Change::Remove => {}
                Change::Inside(inside) => {
                    let was = old
                        .as_ref()
                        .and_then(|old| old.find(name))
                        .filter(Entry::is_tree)
                        .map(|entry| entry.id);
                    if let Some(id) = inside.apply(objects, was)? {
                        set.push((name, Leaf { mode: FOLDER, id }));
                    }
                }
            }
        }
        let kept = old.iter().flat_map(|old| old.entries()).filter(|entry| !self.0.contains_key(entry.name));
        let mut entries: Vec<Entry<'_>> = kept.collect();
        entries.extend(set.iter().map(|(name, leaf)| Entry { name, mode: leaf.mode, id: leaf.id }));
        if entries.is_empty() {
            return Ok(None);
        }
        entries.sort_by(|a, b| compare(a.name, a.is_tree(), b.name, b.is_tree()));
        let bytes = encode(&entries);
        Ok(Some(objects.put(ObjectType::Tree, bytes, tree)))
    }
}

/// The bytes of a tree with these entries, which are in order.
pub(crate) fn encode(entries: &[Entry<'_>]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(entries.iter().map(|entry| entry.name.len() + 28).sum());
    for entry in entries {
        match entry.mode {
            FILE => bytes.extend_from_slice(b"100644 "),
            FOLDER => bytes.extend_from_slice(b"40000 "),
            mode => bytes.extend_from_slice(format!("{mode:o} ").as_bytes()),
        }
        bytes.extend_from_slice(entry.name);
        bytes.push(0);
        bytes.extend_from_slice(&raw(entry.id));
    }
    bytes
}

/// Stores the empty tree or names the given one.
pub(crate) fn or_empty(objects: &mut Objects<'_>, tree: Option<Oid>) -> Oid {
    tree.unwrap_or_else(|| objects.put(ObjectType::Tree, Vec::new(), None))
}

/// One file that differs between two trees.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Delta {
    pub(crate) path: Vec<u8>,
    pub(crate) old: Option<Leaf>,
    pub(crate) new: Option<Leaf>,
}

/// How two trees differ.
#[derive(Debug, Default)]
pub(crate) struct TreeDiff {
    /// The files, in Git's order.
    pub(crate) files: Vec<Delta>,
    /// Folders of the old tree that are no folders in the new one.
    pub(crate) lost_folders: Vec<Vec<u8>>,
    /// True when a path is a folder in one tree and something else in the other.
    pub(crate) retyped: bool,
}

/// Compares two trees, descending only where they differ.
pub(crate) fn diff(objects: &mut Objects<'_>, old: Option<Oid>, new: Option<Oid>) -> Result<TreeDiff> {
    let mut out = TreeDiff::default();
    diff_into(objects, old, new, &mut Vec::new(), &mut out)?;
    Ok(out)
}

fn diff_into(
    objects: &mut Objects<'_>,
    old: Option<Oid>,
    new: Option<Oid>,
    prefix: &mut Vec<u8>,
    out: &mut TreeDiff,
) -> Result<()> {
    if old == new {
        return Ok(());
    }
    if prefix.len() > 64 * conman_domain::path::MAX_PATH_BYTES {
        return Err(GitError::Refused(TreeRefused { path: escape(&prefix[..64]), rule: "too_deep" }));
    }
    let a = old.map(|id| objects.tree(id)).transpose()?;
    let b = new.map(|id| objects.tree(id)).transpose()?;
    let (mut i, mut j) = (0, 0);
    loop {
        let x = a.as_ref().and_then(|tree| tree.at(i));
        let y = b.as_ref().and_then(|tree| tree.at(j));
        let order = match (&x, &y) {
            (None, None) => break,
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (Some(x), Some(y)) => compare(x.name, x.is_tree(), y.name, y.is_tree()),
        };
        let (x, y) = match order {
            Ordering::Less => (x, None),
            Ordering::Greater => (None, y),
            Ordering::Equal => (x, y),
        };
        i += usize::from(x.is_some());
        j += usize::from(y.is_some());
        if x == y {
            continue;
        }
        let entry = x.or(y).expect("one side has an entry, or the loop had ended");
        let other = match (&x, &y) {
            (Some(_), None) => b.as_ref().and_then(|tree| tree.find(entry.name)),
            (None, Some(_)) => a.as_ref().and_then(|tree| tree.find(entry.name)),
            _ => None,
        };
        out.retyped |= other.is_some();
        let length = prefix.len();
        prefix.extend_from_slice(entry.name);
        if entry.is_tree() {
            if y.is_none() {
                out.lost_folders.push(prefix.clone());
            }
            prefix.push(b'/');
            diff_into(objects, x.map(|x| x.id), y.map(|y| y.id), prefix, out)?;
        } else {
            out.files.push(Delta {
                path: prefix.clone(),
                old: x.map(|x| x.leaf()),
                new: y.map(|y| y.leaf()),
            });
        }
        prefix.truncate(length);
    }
    Ok(())
}

/// Sees one file of a tree: the overlay to read more from, its path, and what the tree says of it.
pub(crate) type Visit<'v> = dyn FnMut(&mut Objects<'_>, &[u8], Leaf) -> Result<()> + 'v;

/// Visits every file of a tree in Git's order, until `visit` fails.
pub(crate) fn walk(
    objects: &mut Objects<'_>,
    tree: Oid,
    prefix: &mut Vec<u8>,
    visit: &mut Visit<'_>,
) -> Result<()> {
    let parsed = objects.tree(tree)?;
    for entry in parsed.entries() {
        let length = prefix.len();
        prefix.extend_from_slice(entry.name);
        if entry.is_tree() {
            prefix.push(b'/');
            if prefix.len() > 64 * conman_domain::path::MAX_PATH_BYTES {
                return Err(GitError::Refused(TreeRefused { path: escape(&prefix[..64]), rule: "too_deep" }));
            }
            walk(objects, entry.id, prefix, visit)?;
        } else {
            visit(objects, prefix, entry.leaf())?;
        }
        prefix.truncate(length);
    }
    Ok(())
}

/// Makes the bytes of a path printable, without loss.
pub(crate) fn escape(path: &[u8]) -> String {
    let mut out = String::with_capacity(path.len());
    for chunk in path.utf8_chunks() {
        for c in chunk.valid().chars() {
            let plain = !c.is_control() && c != '\\' && (c == ' ' || !c.is_whitespace());
            if plain && (c.is_ascii() || c.is_alphanumeric()) {
                out.push(c);
            } else {
                out.extend(c.escape_default());
            }
        }
        for byte in chunk.invalid() {
            out.push_str(&format!("\\x{byte:02x}"));
        }
    }
    out
}

/// The typed path of a tree's entry.
pub(crate) fn repo_path(path: &[u8]) -> Result<RepoPath> {
    RepoPath::parse_bytes(path)
        .map_err(|error| GitError::Refused(TreeRefused { path: escape(path), rule: error.rule }))
}
