//! Rows 1, 2, 3 and 5: paths that some file system, shell or Git would read as something else.

use crate::harness::{Answer, Harness, LIST_PAGE, enc};
use reqwest::Method;
use serde_json::{Value, json};

embedded! {
    row_1_paths_out_of_the_repository_are_refused,
    row_2_names_of_gits_own_folder_are_refused,
    row_3_files_that_steer_git_are_refused,
    row_5_names_that_not_every_system_holds_are_refused,
    row_5_names_that_clash_are_refused,
    row_5_names_that_clash_in_a_sync_are_found,
    blocked_paths_are_kept,
}

const ROW_1: &[&str] = &[
    "../x",
    "a/../../x",
    "/etc/x",
    "%2e%2e%2fx",
    "%2E%2E/x",
    "a%2fb",
    "a%5cb",
    "a\\..\\b",
    "\\\\host\\x",
    "a\0b",
    ".",
    "..",
    "a/./b",
    "a//b",
    "a/",
    "",
    "C:\\x",
];
const ROW_2: &[&str] = &[
    ".git",
    ".GIT",
    ".git/config",
    "a/.Git/hooks/x",
    ".git.",
    ".git ",
    ".git. . ",
    "git~1",
    "GIT~2",
    "gi7eba~1",
    "a/git~1/x",
    ".git::$INDEX_ALLOCATION",
    ".git:x",
    ".g\u{200c}it",
    "\u{202e}.git",
    ".gi\u{fe00}t",
    ".ｇｉｔ",
    ".git\u{200b}/x",
    "a/.GIT\u{feff}",
];
const ROW_3: &[&str] = &[
    ".gitmodules",
    "a/.gitmodules",
    ".GitModules",
    "gitmod~1",
    ".gitattributes",
    "GITATT~1",
    ".lfsconfig",
    "lfscon~1",
    ".mailmap",
];
const ROW_5: &[&str] = &[
    "e\u{301}.yml",
    "CON",
    "con.yml",
    "a/NUL",
    "LPT1.txt",
    "COM\u{b9}",
    "a:b",
    "-rf",
    "a/--upload-pack=x",
    "a\nb",
    "a\rb",
    "a\tb",
    "a\u{1b}[0m",
    "a\u{7f}",
    "a\u{202e}b",
    "a\u{2066}b",
    "a\u{ad}b",
    "a*b",
    "a?b",
    "a|b",
    "a<b",
    "a\"b",
    " a",
    "a ",
    "a.",
    "a/b./c",
];

/// What the workspace holds, and where the integration branch and every other ref are.
async fn state(h: &Harness, workspace: &str) -> (Value, String) {
    let path = h.author().at(&format!("/workspaces/{workspace}/tree"));
    (h.author().get(&path).await.ok(), h.git(&["for-each-ref"]))
}

/// Tries a path at every entrance that takes one; each refuses it, and nothing is written.
async fn is_refused_everywhere(h: &Harness, workspace: &str, change: &str, bad: &str) {
    let before = state(h, workspace).await;
    let files = h.author().at(&format!("/workspaces/{workspace}/files"));
    let blob = h.author().get(&format!("{files}?path=pages/list.yml")).await.ok()["blob"].clone();
    let refuse = |answer: Answer| {
        let refused = answer.refused(400, "invalid");
        let problem = &refused["errors"][0];
        assert!(problem["pointer"].as_str().unwrap().starts_with('/'), "{bad:?}: {refused}");
        assert!(!problem["message"].as_str().unwrap().is_empty(), "{bad:?}: {refused}");
    };
    let put = json!({"op": "put", "path": bad, "expected_blob": null, "text": "x: 1\n"});
    let good = json!({"op": "put", "path": "pages/good.yml", "expected_blob": null, "text": "x: 1\n"});
    refuse(h.author().put(&files, &json!({"edits": [put]})).await);
    refuse(h.author().put(&files, &json!({"edits": [good, put]})).await);
    let delete = json!({"op": "delete", "path": bad, "expected_blob": blob});
    refuse(h.author().put(&files, &json!({"edits": [delete]})).await);
    for (from, to) in [("pages/list.yml", bad), (bad, "pages/good.yml")] {
        let moved = json!({"op": "move", "from": from, "to": to, "expected_blob": blob});
        refuse(h.author().put(&files, &json!({"edits": [moved]})).await);
        let moved = json!({"from": from, "to": to, "expected_blob": blob});
        refuse(h.author().post(&format!("{files}/move"), &moved).await);
    }
    refuse(h.author().get(&format!("{files}?path={}", enc(bad))).await);
    refuse(
        h.author()
            .delete(&format!("{files}?path={}&expected_blob={}", enc(bad), blob.as_str().unwrap()))
            .await,
    );
    let resolve = h.author().at(&format!("/workspaces/{workspace}/sync/resolve"));
    refuse(h.author().post(&resolve, &json!({"path": bad, "resolution": {"kind": "ours"}})).await);
    let comments = h.author().at(&format!("/changesets/{change}/comments"));
    refuse(h.author().post(&comments, &json!({"body": "x", "place": {"revision": 1, "path": bad}})).await);
    assert_eq!(state(h, workspace).await, before, "{bad:?}");
}

async fn are_refused(h: &Harness, paths: &[&str]) {
    let change = h.author().edits("pages/mine.yml", "text: kept\n").submits().await;
    for path in paths {
        is_refused_everywhere(h, &change.workspace, &change.id, path).await;
    }
    assert_eq!(h.author().reads(&change.workspace, "pages/mine.yml").await, "text: kept\n");
}

async fn row_1_paths_out_of_the_repository_are_refused(h: &Harness) {
    are_refused(h, ROW_1).await;
    are_refused(h, &[&"a".repeat(2_000), &"a".repeat(256), &["a"; 40].join("/")]).await;
}

async fn row_2_names_of_gits_own_folder_are_refused(h: &Harness) {
    are_refused(h, ROW_2).await;
}

async fn row_3_files_that_steer_git_are_refused(h: &Harness) {
    are_refused(h, ROW_3).await;
}

async fn row_5_names_that_not_every_system_holds_are_refused(h: &Harness) {
    are_refused(h, ROW_5).await;
    // Not even UTF-8: in a body, in a query, and as base64 it is content, not a name.
    let workspace = h.author().edits("pages/mine.yml", "text: kept\n").saves().await;
    let files = h.author().at(&format!("/workspaces/{workspace}/files"));
    let before = state(h, &workspace).await;
    let body =
        b"{\"edits\":[{\"op\":\"put\",\"path\":\"a\xff\",\"expected_blob\":null,\"text\":\"x\"}]}".to_vec();
    let request =
        h.author().request(Method::PUT, &files).header("content-type", "application/json").body(body);
    Answer::to(request, "a name that is no UTF-8".to_owned()).await.refused(400, "malformed");
    h.author().get(&format!("{files}?path=a%ff")).await.refused(400, "invalid");
    assert_eq!(state(h, &workspace).await, before);
}

/// Two names that some system takes for one, and a file where a folder is needed.
async fn row_5_names_that_clash_are_refused(h: &Harness) {
    let workspace = h.author().edits("pages/é.yml", "e: 1\n").puts("Notes/a.yml", "a: 1\n").saves().await;
    let files = h.author().at(&format!("/workspaces/{workspace}/files"));
    let before = state(h, &workspace).await;
    let put = |path: &str| json!({"op": "put", "path": path, "expected_blob": null, "text": "x: 1\n"});
    for edits in [
        vec![put("A.yaml"), put("a.yaml")],
        vec![put("pages/LIST.yml")],
        vec![put("PAGES/new.yml")],
        vec![put("notes/b.yml")],
        vec![put("pages/É.yml")],
        vec![put("a"), put("a/b")],
        vec![put("pages/list.yml/x.yml")],
        vec![put("pages")],
        vec![put("x/y"), put("X/z")],
    ] {
        h.author().put(&files, &json!({"edits": edits})).await.refused(400, "invalid");
    }
    for (edits, code) in [(vec![put("a.yml"), put("a.yml")], 400), (vec![put("pages/list.yml")], 409)] {
        assert_eq!(h.author().put(&files, &json!({"edits": edits})).await.status, code);
    }
    assert_eq!(state(h, &workspace).await, before);
    assert_eq!(h.author().reads(&workspace, "pages/list.yml").await, LIST_PAGE);
    // A change of case alone is a move that works.
    let blob = h.author().get(&format!("{files}?path=pages/list.yml")).await.ok()["blob"].clone();
    let moved = json!({"from": "pages/list.yml", "to": "pages/List.yml", "expected_blob": blob});
    h.author().post(&format!("{files}/move"), &moved).await.ok();
    assert_eq!(h.author().reads(&workspace, "pages/List.yml").await, LIST_PAGE);
}

/// Clashes that come about only when two people's files meet are found where they meet.
async fn row_5_names_that_clash_in_a_sync_are_found(h: &Harness) {
    for mode in ["merge", "rebase"] {
        let (lower, upper) = (format!("pages/{mode}.yml"), format!("pages/{}.yml", mode.to_uppercase()));
        let workspace = h.author().edits(&lower, "mine: 1\n").saves().await;
        h.released(&[(&upper, "theirs: 1\n")]).await;
        let sync = h.author().at(&format!("/workspaces/{workspace}/sync-integration"));
        let answer = h.author().post(&sync, &json!({"mode": mode})).await;
        assert!(!answer.is_ok() || answer.body["pending"].is_object(), "{}", answer.text);
        assert_eq!(h.author().reads(&workspace, &lower).await, "mine: 1\n", "the author's text is there");
        assert_eq!(h.author().reads(&workspace, &upper).await, json!(null));
        // The way out: another name.
        let abort = h.author().at(&format!("/workspaces/{workspace}/sync/abort"));
        h.author().post(&abort, &json!({})).await;
        h.author().opens().at(&workspace).moves(&lower, &format!("pages/{mode}-mine.yml")).saves().await;
        assert_eq!(h.author().post(&sync, &json!({"mode": mode})).await.ok()["pending"], json!(null));
    }
}

/// Blocked paths are written, moved and deleted by nobody.
async fn blocked_paths_are_kept(h: &Harness) {
    h.released(&[("secret/key.yml", "key: 1\n")]).await;
    h.changes_settings(json!({"blocked_paths": ["secret/**", "*.pem"]})).await.ok();
    let workspace = h.author().edits("pages/a.yml", "a: 1\n").saves().await;
    let before = state(h, &workspace).await;
    for editing in [
        h.author().opens().puts("secret/key.yml", "key: 2\n"),
        h.author().opens().puts("secret/deep/er.yml", "key: 2\n"),
        h.author().opens().deletes("secret/key.yml"),
        h.author().opens().moves("secret/key.yml", "pages/key.yml"),
        h.author().opens().moves("pages/a.yml", "secret/a.yml"),
        h.author().opens().puts("server.pem", "x"),
    ] {
        let (_, answer) = editing.at(&workspace).tries_to_save().await;
        answer.refused(400, "invalid");
    }
    assert_eq!(state(h, &workspace).await, before);
}
