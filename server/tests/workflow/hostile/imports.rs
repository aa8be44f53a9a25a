//! Rows 1 to 6 at the import: histories made with Git's own plumbing, which checks less than Conman does.

use crate::harness::{Harness, git};
use serde_json::json;
use std::path::Path;

embedded! {
    row_2_names_of_gits_own_folder_are_not_imported,
    row_3_files_that_steer_git_are_not_imported,
    row_4_links_are_not_imported,
    rows_1_and_5_names_that_not_every_system_holds_are_not_imported,
    row_6_trees_that_are_no_trees_are_not_imported,
    what_is_no_bundle_is_not_imported,
}

/// One entry of a tree, as it is.
struct Entry<'e> {
    mode: &'e str,
    name: &'e [u8],
    kind: Kind<'e>,
}

enum Kind<'e> {
    Blob(&'e [u8]),
    Tree(Vec<Entry<'e>>),
    /// A commit of another repository.
    Commit,
}

fn file<'e>(name: &'e [u8]) -> Entry<'e> {
    Entry { mode: "100644", name, kind: Kind::Blob(b"x: 1\n") }
}

fn folder<'e>(name: &'e [u8], entries: Vec<Entry<'e>>) -> Entry<'e> {
    Entry { mode: "40000", name, kind: Kind::Tree(entries) }
}

/// Writes an object with no check at all.
fn object(repository: &Path, kind: &str, bytes: &[u8]) -> String {
    let id = git(repository, &["hash-object", "-t", kind, "-w", "--stdin", "--literally"], bytes);
    String::from_utf8(id).unwrap().trim().to_owned()
}

/// Writes a tree with its entries in just this order.
fn tree(repository: &Path, entries: &[Entry<'_>]) -> String {
    let mut bytes = Vec::new();
    for entry in entries {
        let id = match &entry.kind {
            Kind::Blob(content) => object(repository, "blob", content),
            Kind::Tree(entries) => tree(repository, entries),
            Kind::Commit => "1234567890123456789012345678901234567890".to_owned(),
        };
        bytes.extend_from_slice(entry.mode.as_bytes());
        bytes.push(b' ');
        bytes.extend_from_slice(entry.name);
        bytes.push(0);
        bytes.extend((0..40).step_by(2).map(|at| u8::from_str_radix(&id[at..at + 2], 16).unwrap()));
    }
    object(repository, "tree", &bytes)
}

/// A bundle of two commits whose `main` has this tree.
fn bundle(folder: &Path, root: &[Entry<'_>]) -> Vec<u8> {
    std::fs::create_dir_all(folder).unwrap();
    git(folder, &["init", "-q", "--bare", "-b", "main", "."], b"");
    let commit = |tree: &str, parent: &str| {
        let who = "Eve <eve@lab.example> 1700000000 +0000";
        object(
            folder,
            "commit",
            format!("tree {tree}\n{parent}author {who}\ncommitter {who}\n\nx\n").as_bytes(),
        )
    };
    let first = commit(&tree(folder, &[file(b"clean.yml")]), "");
    let head = commit(&tree(folder, root), &format!("parent {first}\n"));
    std::fs::write(folder.join("refs/heads/main"), format!("{head}\n")).unwrap();
    // Object by object: Git would not walk through some of these trees.
    let all = git(folder, &["cat-file", "--batch-all-objects", "--batch-check=%(objectname)"], b"");
    let pack = git(folder, &["pack-objects", "--stdout", "-q"], &all);
    [format!("# v2 git bundle\n{head} refs/heads/main\n\n").into_bytes(), pack].concat()
}

/// How many apps, and what lies in the folder of the repositories.
async fn state(h: &Harness) -> (serde_json::Value, Vec<String>) {
    let apps = h.admin().get("/api/apps").await.ok();
    let folder = h.git_dir().parent().unwrap().to_owned();
    let mut names: Vec<String> = std::fs::read_dir(folder)
        .unwrap()
        .map(|e| e.unwrap().file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    (apps, names)
}

async fn is_refused(h: &Harness, name: &str, root: &[Entry<'_>]) {
    let before = state(h).await;
    let bytes = bundle(&h.scratch(&format!("evil-{name}")), root);
    let refused = h.uploads(&h.admin(), "evil", bytes).await;
    assert_eq!((refused.status, refused.code()), (400, "invalid"), "{name}: {}", refused.text);
    assert!(!refused.body["errors"][0]["message"].as_str().unwrap().is_empty(), "{name}: {}", refused.text);
    assert_eq!(state(h).await, before, "{name}: something stayed");
}

async fn row_2_names_of_gits_own_folder_are_not_imported(h: &Harness) {
    for (at, name) in [
        ".GIT",
        ".git.",
        ".git ",
        "git~1",
        "GIT~2",
        ".g\u{200c}it",
        "\u{202e}.git",
        ".git::$INDEX_ALLOCATION",
    ]
    .iter()
    .enumerate()
    {
        is_refused(h, &format!("top-{at}"), &[file(name.as_bytes())]).await;
        is_refused(
            h,
            &format!("deep-{at}"),
            &[folder(b"a", vec![folder(name.as_bytes(), vec![file(b"config")])])],
        )
        .await;
    }
}

async fn row_3_files_that_steer_git_are_not_imported(h: &Harness) {
    for (at, name) in [".gitmodules", "gitmod~1", ".gitattributes", ".lfsconfig"].iter().enumerate() {
        is_refused(h, &at.to_string(), &[folder(b"a", vec![file(name.as_bytes())])]).await;
    }
}

async fn row_4_links_are_not_imported(h: &Harness) {
    let link = || Entry { mode: "120000", name: b"link", kind: Kind::Blob(b"/etc/passwd") };
    is_refused(h, "symlink", &[link()]).await;
    is_refused(h, "symlink-deep", &[folder(b"a", vec![link()])]).await;
    is_refused(h, "submodule", &[Entry { mode: "160000", name: b"sub", kind: Kind::Commit }]).await;
    is_refused(h, "mode", &[Entry { mode: "100600", name: b"odd", kind: Kind::Blob(b"x") }]).await;
    // Executable files come in; what is written goes out as an ordinary file.
    let root = [Entry { mode: "100755", name: b"run.sh", kind: Kind::Blob(b"#!/bin/sh\n") }];
    let bytes = bundle(&h.scratch("executable"), &root);
    let app = h.uploads(&h.admin(), "executable", bytes).await.ok();
    let admin = h.admin().in_app(app["id"].as_str().unwrap());
    let workspace =
        admin.get(&admin.at("/workspaces")).await.ok()["data"][0]["id"].as_str().unwrap().to_owned();
    let files = admin.at(&format!("/workspaces/{workspace}/files"));
    let blob = admin.get(&format!("{files}?path=run.sh")).await.ok()["blob"].clone();
    let edit = json!({"op": "put", "path": "run.sh", "expected_blob": blob, "text": "#!/bin/sh\necho\n"});
    admin.put(&files, &json!({"edits": [edit]})).await.ok();
    let kept = admin.post(&admin.at(&format!("/workspaces/{workspace}/checkpoints")), &json!({})).await.ok();
    let repository = h.git_dir().parent().unwrap().join(format!("{}.git", app["id"].as_str().unwrap()));
    let listed = git(&repository, &["ls-tree", kept["head"].as_str().unwrap()], b"");
    assert!(listed.starts_with(b"100644 blob"), "{}", String::from_utf8_lossy(&listed));
}

async fn rows_1_and_5_names_that_not_every_system_holds_are_not_imported(h: &Harness) {
    let names: [&[u8]; 16] = [
        b"..",
        b".",
        b"a\\b",
        b"CON",
        b"nul.txt",
        b"a:b",
        b"-rf",
        b"--upload-pack=x",
        b"a\nb",
        b"a\x1b[0m",
        "a\u{202e}b".as_bytes(),
        b"a\xff",
        "e\u{301}".as_bytes(),
        b"a ",
        b"a.",
        b"a/b",
    ];
    for (at, name) in names.iter().enumerate() {
        is_refused(h, &at.to_string(), &[folder(b"sub", vec![file(name)])]).await;
    }
    is_refused(h, "case", &[file(b"A.yaml"), file(b"a.yaml")]).await;
    is_refused(h, "folders", &[folder(b"A", vec![file(b"x")]), folder(b"a", vec![file(b"y")])]).await;
    is_refused(h, "both", &[file(b"a"), folder(b"a", vec![file(b"b")])]).await;
    is_refused(h, "forms", &[file("e\u{301}".as_bytes()), file("é".as_bytes())]).await;
}

async fn row_6_trees_that_are_no_trees_are_not_imported(h: &Harness) {
    is_refused(h, "unsorted", &[file(b"b"), file(b"a")]).await;
    is_refused(h, "twice", &[file(b"a"), file(b"a")]).await;
    is_refused(h, "empty", &[file(b"")]).await;
    is_refused(h, "deep-unsorted", &[folder(b"x", vec![file(b"b"), file(b"a")])]).await;
    is_refused(h, "zero-mode", &[Entry { mode: "0100644", name: b"a", kind: Kind::Blob(b"x") }]).await;
}

/// What is no bundle, only a part of one, or one of something else.
async fn what_is_no_bundle_is_not_imported(h: &Harness) {
    let before = state(h).await;
    let whole = bundle(&h.scratch("whole"), &[file(b"a.yml")]);
    let part = {
        let folder = h.scratch("part");
        bundle(&folder, &[file(b"a.yml")]);
        git(&folder, &["bundle", "create", "-q", "-", "main~1..main"], b"")
    };
    let text = String::from_utf8_lossy(&whole).into_owned();
    let other_branch = [
        text.lines()
            .take(2)
            .collect::<Vec<_>>()
            .join("\n")
            .replace("refs/heads/main", "refs/heads/evil")
            .into_bytes(),
        b"\n\n".to_vec(),
    ]
    .concat();
    let lie = [
        b"# v2 git bundle\n".to_vec(),
        b"1".repeat(40),
        b" refs/heads/main\n\n".to_vec(),
        whole[whole.windows(4).position(|w| w == b"PACK").unwrap()..].to_vec(),
    ]
    .concat();
    for (name, bytes) in [
        ("empty", Vec::new()),
        ("text", b"# v2 git bundle\n".to_vec()),
        ("junk", vec![0xff; 10_000]),
        ("cut", whole[..whole.len() - 30].to_vec()),
        ("changed", {
            let mut bytes = whole.clone();
            let at = bytes.len() - 40;
            bytes[at] ^= 0x55;
            bytes
        }),
        ("part", part),
        ("other branch", other_branch),
        ("a head that is not in it", lie),
        ("endless line", vec![b'#'; 1 << 20]),
    ] {
        let refused = h.uploads(&h.admin(), "evil", bytes).await;
        assert_eq!((refused.status, refused.code()), (400, "invalid"), "{name}: {}", refused.text);
        assert_eq!(state(h).await, before, "{name}: something stayed");
    }
    // Only who makes apps imports, and a short name is given once.
    h.uploads(&h.manager(), "evil", whole.clone()).await.refused(403, "forbidden");
    h.uploads(&h.admin(), "ward", whole.clone()).await.refused(400, "invalid");
    for slug in ["..", "-x", "a.lock", "A", "%2e%2e", "a/b", ""] {
        h.uploads(&h.admin(), slug, whole.clone()).await.refused(400, "invalid");
    }
    // Folders of the server itself only where the operator allowed it.
    let local = json!({"name": "x", "slug": "x", "source": {"kind": "local", "path": h.git_dir()}});
    h.admin().post("/api/apps", &local).await.refused(403, "forbidden");
    for kind in ["remote", "url", "bundle", "file"] {
        let other =
            json!({"name": "x", "slug": "x", "source": {"kind": kind, "url": "file:///etc", "path": "/etc"}});
        h.admin().post("/api/apps", &other).await.refused(400, "invalid");
    }
    assert_eq!(state(h).await, before);
    h.uploads(&h.admin(), "fine", whole).await.ok();
}
