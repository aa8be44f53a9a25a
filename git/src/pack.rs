//! Packs: new objects written as one file with its index.

use crate::objects::{NewObject, raw};
use crate::{GitError, Result};
use flate2::{Compress, Compression, Crc, FlushCompress, Status};
use git2::{ObjectType, Oid};
use sha1::{Digest, Sha1};
use std::collections::HashMap;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

/// Whether a pack has to survive a power cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Durability {
    /// Synced to disk before this returns.
    Synced,
    /// For another process to read now, and thrown away after.
    Fleeting,
}

/// The longest chain of differences: what Git itself allows.
const MAX_CHAIN: u16 = 48;
const OFFSET_DELTA: u8 = 6;

struct Placed {
    at: u64,
    crc: u32,
    chain: u16,
}

/// Writes objects as a pack with its index into a folder, the index last, so that no reader sees half of it.
pub(crate) fn install(folder: &Path, objects: &[NewObject], durability: Durability) -> Result<PathBuf> {
    let (pack, placed) = encode(objects)?;
    let checksum: [u8; 20] = pack[pack.len() - 20..].try_into().expect("the pack ends with its checksum");
    let index = encode_index(objects, &placed, &checksum);
    fs::create_dir_all(folder).map_err(GitError::io(folder))?;
    let stem = folder.join(format!("pack-{}", hex::encode(checksum)));
    let target = stem.with_extension("pack");
    store(folder, &target, &pack, durability)?;
    store(folder, &stem.with_extension("idx"), &index, durability)?;
    if durability == Durability::Synced {
        sync_folder(folder)?;
    }
    Ok(target)
}

/// Syncs a folder's entries to disk.
pub(crate) fn sync_folder(folder: &Path) -> Result<()> {
    fs::File::open(folder).and_then(|folder| folder.sync_all()).map_err(GitError::io(folder))
}

fn store(folder: &Path, target: &Path, bytes: &[u8], durability: Durability) -> Result<()> {
    // Git's own sweep (`git prune`) knows this prefix as a left-over of a killed process.
    let mut file =
        tempfile::Builder::new().prefix("tmp_pack_").tempfile_in(folder).map_err(GitError::io(folder))?;
    file.write_all(bytes).map_err(GitError::io(target))?;
    if durability == Durability::Synced {
        file.as_file().sync_data().map_err(GitError::io(target))?;
    }
    set_read_only(file.path())?;
    file.persist(target).map_err(|error| GitError::Io { path: target.to_owned(), source: error.error })?;
    Ok(())
}

#[cfg(unix)]
fn set_read_only(path: &Path) -> Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    fs::set_permissions(path, fs::Permissions::from_mode(0o444)).map_err(GitError::io(path))
}

#[cfg(not(unix))]
fn set_read_only(_: &Path) -> Result<()> {
    Ok(())
}

fn encode(objects: &[NewObject]) -> Result<(Vec<u8>, Vec<Placed>)> {
    let count =
        u32::try_from(objects.len()).map_err(|_| GitError::corrupt("too many objects for one pack"))?;
    let mut out = Vec::with_capacity(objects.iter().map(|object| object.bytes.len() / 3 + 64).sum());
    out.extend_from_slice(b"PACK");
    out.extend_from_slice(&2u32.to_be_bytes());
    out.extend_from_slice(&count.to_be_bytes());
    let mut deflater = Compress::new(Compression::fast(), true);
    let mut placed: Vec<Placed> = Vec::with_capacity(objects.len());
    let mut index: HashMap<Oid, usize> = HashMap::with_capacity(objects.len());
    for (number, object) in objects.iter().enumerate() {
        let at = out.len() as u64;
        let like = object.like.and_then(|id| index.get(&id)).map(|at| (&objects[*at], &placed[*at]));
        let like = like.filter(|(base, place)| base.kind == object.kind && place.chain < MAX_CHAIN);
        let delta = like.and_then(|(base, place)| {
            let delta = delta(&base.bytes, &object.bytes);
            (delta.len() < object.bytes.len() / 2).then_some((delta, place.at, place.chain + 1))
        });
        let chain = match &delta {
            Some((delta, base_at, chain)) => {
                header(&mut out, OFFSET_DELTA, delta.len());
                offset(&mut out, at - base_at);
                deflate(&mut deflater, delta, &mut out)?;
                *chain
            }
            None => {
                header(&mut out, kind_code(object.kind), object.bytes.len());
                deflate(&mut deflater, &object.bytes, &mut out)?;
                0
            }
        };
        let mut crc = Crc::new();
        crc.update(&out[usize::try_from(at).expect("the pack is in memory")..]);
        placed.push(Placed { at, crc: crc.sum(), chain });
        index.insert(object.id, number);
    }
    let checksum = Sha1::digest(&out);
    out.extend_from_slice(&checksum);
    Ok((out, placed))
}

fn kind_code(kind: ObjectType) -> u8 {
    match kind {
        ObjectType::Commit => 1,
        ObjectType::Tree => 2,
        ObjectType::Tag => 4,
        ObjectType::Blob | ObjectType::Any => 3,
    }
}

/// Type and size, seven bits a byte after the first four.
fn header(out: &mut Vec<u8>, kind: u8, size: usize) {
    let mut byte = kind << 4 | (size & 0x0f) as u8;
    let mut rest = size >> 4;
    while rest > 0 {
        out.push(byte | 0x80);
        byte = (rest & 0x7f) as u8;
        rest >>= 7;
    }
    out.push(byte);
}

/// The distance back to the base, most significant first, each continuation counting one more.
fn offset(out: &mut Vec<u8>, distance: u64) {
    let mut bytes = [0u8; 10];
    let mut at = bytes.len() - 1;
    let mut rest = distance;
    bytes[at] = (rest & 0x7f) as u8;
    rest >>= 7;
    while rest > 0 {
        rest -= 1;
        at -= 1;
        bytes[at] = 0x80 | (rest & 0x7f) as u8;
        rest >>= 7;
    }
    out.extend_from_slice(&bytes[at..]);
}

/// Below this, setting up a compression costs more than it saves: the bytes go in as they are.
const STORED: usize = 1024;

fn deflate(deflater: &mut Compress, bytes: &[u8], out: &mut Vec<u8>) -> Result<()> {
    if let Some(length) = u16::try_from(bytes.len()).ok().filter(|length| usize::from(*length) < STORED) {
        // A zlib stream of one last, stored block.
        out.extend_from_slice(&[0x78, 0x01, 0x01]);
        out.extend_from_slice(&length.to_le_bytes());
        out.extend_from_slice(&(!length).to_le_bytes());
        out.extend_from_slice(bytes);
        let (a, b) = bytes.iter().fold((1u32, 0u32), |(a, b), byte| {
            let a = (a + u32::from(*byte)) % 65_521;
            (a, (b + a) % 65_521)
        });
        out.extend_from_slice(&(b << 16 | a).to_be_bytes());
        return Ok(());
    }
    deflater.reset();
    out.reserve(bytes.len() + bytes.len() / 1000 + 64);
    loop {
        let done = usize::try_from(deflater.total_in()).expect("what is read lies in memory");
        match deflater.compress_vec(&bytes[done..], out, FlushCompress::Finish) {
            Ok(Status::StreamEnd) => return Ok(()),
            Ok(Status::Ok | Status::BufError) => out.reserve(bytes.len() / 2 + 64),
            Err(error) => return Err(GitError::corrupt(format!("compressing failed: {error}"))),
        }
    }
}

/// How `new` is made from `old`: copies and insertions. Finds edits of same-sized parts and one region of other size,
/// which is what trees and combined files differ by.
fn delta(old: &[u8], new: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(64);
    size(&mut out, old.len());
    size(&mut out, new.len());
    let prefix = old.iter().zip(new).take_while(|(a, b)| a == b).count();
    let room = old.len().min(new.len()) - prefix;
    let suffix = old.iter().rev().zip(new.iter().rev()).take(room).take_while(|(a, b)| a == b).count();
    copy(&mut out, 0, prefix);
    let (from, to) = (prefix, new.len() - suffix);
    if old.len() == new.len() {
        let mut at = from;
        while at < to {
            let equal = (at..to).take_while(|i| old[*i] == new[*i]).count();
            // Below this a copy takes more room than the bytes.
            if equal >= 8 || at + equal == to {
                copy(&mut out, at, equal);
                at += equal;
                continue;
            }
            let mut end = at + equal;
            while end < to && !(end + 8 <= to && old[end..end + 8] == new[end..end + 8]) {
                end += 1;
            }
            insert(&mut out, &new[at..end]);
            at = end;
        }
    } else {
        insert(&mut out, &new[from..to]);
    }
    copy(&mut out, old.len() - suffix, suffix);
    out
}

fn size(out: &mut Vec<u8>, mut size: usize) {
    while size >= 0x80 {
        out.push(0x80 | (size & 0x7f) as u8);
        size >>= 7;
    }
    out.push(size as u8);
}

fn copy(out: &mut Vec<u8>, mut at: usize, mut length: usize) {
    while length > 0 {
        let part = length.min(0xffff);
        let code = out.len();
        out.push(0x80);
        for (bit, byte) in (at as u32).to_le_bytes().into_iter().enumerate() {
            if byte != 0 {
                out.push(byte);
                out[code] |= 1 << bit;
            }
        }
        for (bit, byte) in (part as u16).to_le_bytes().into_iter().enumerate() {
            if byte != 0 {
                out.push(byte);
                out[code] |= 0x10 << bit;
            }
        }
        at += part;
        length -= part;
    }
}

fn insert(out: &mut Vec<u8>, bytes: &[u8]) {
    for part in bytes.chunks(0x7f) {
        out.push(part.len() as u8);
        out.extend_from_slice(part);
    }
}

/// The pack's index, version 2.
fn encode_index(objects: &[NewObject], placed: &[Placed], pack_checksum: &[u8; 20]) -> Vec<u8> {
    let mut sorted: Vec<([u8; 20], &Placed)> =
        objects.iter().zip(placed).map(|(o, p)| (raw(o.id), p)).collect();
    sorted.sort_unstable_by_key(|(id, _)| *id);
    let mut out = Vec::with_capacity(1100 + sorted.len() * 32);
    out.extend_from_slice(b"\xfftOc");
    out.extend_from_slice(&2u32.to_be_bytes());
    let mut count = 0;
    for first in 0..=255u8 {
        while sorted.get(count).is_some_and(|(id, _)| id[0] <= first) {
            count += 1;
        }
        out.extend_from_slice(&(count as u32).to_be_bytes());
    }
    for (id, _) in &sorted {
        out.extend_from_slice(id);
    }
    for (_, place) in &sorted {
        out.extend_from_slice(&place.crc.to_be_bytes());
    }
    let mut far = Vec::new();
    for (_, place) in &sorted {
        match u32::try_from(place.at) {
            Ok(near) if near < 0x8000_0000 => out.extend_from_slice(&near.to_be_bytes()),
            Ok(_) | Err(_) => {
                out.extend_from_slice(&(0x8000_0000 | (far.len() / 8) as u32).to_be_bytes());
                far.extend_from_slice(&place.at.to_be_bytes());
            }
        }
    }
    out.extend_from_slice(&far);
    out.extend_from_slice(pack_checksum);
    let checksum = Sha1::digest(&out);
    out.extend_from_slice(&checksum);
    out
}
