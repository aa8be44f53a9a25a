//! Rows 12 and 13: lists and searches that want too much or something else.

use super::api::Api;
use crate::harness::{Answer, Harness};
use reqwest::Method;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

embedded! {
    row_12_lists_are_bounded,
    row_12_patterns_are_plain_text,
    row_12_globs_are_bounded,
    row_7_only_ids_and_numbers_name_things,
}

/// Pages are bounded, and no query takes what it does not know.
async fn row_12_lists_are_bounded(h: &Harness) {
    let release = h.released(&[("pages/a.yml", "name: a\n")]).await;
    h.deploys(&release, "dev").await;
    let api = Api::load();
    let ids = BTreeMap::from([
        ("appId".to_owned(), h.app.clone()),
        ("envId".to_owned(), h.environments["dev"].clone()),
    ]);
    let (mut lists, mut queries) = (0, 0);
    for operation in api.operations.iter().filter(|o| o.method == Method::GET && o.path.starts_with("/api/"))
    {
        let known = |name: &str| operation.in_query.iter().any(|(known, _)| known == name);
        let path = operation.filled(&ids);
        let mark = if path.contains('?') { '&' } else { '?' };
        if !operation.in_query.is_empty() {
            queries += 1;
            for wrong in ["s[$ne]=", "$where=1", "cursor=AAAA", "%24gt=", "limit[]=1", "__proto__=1"] {
                h.admin().get(&format!("{path}{mark}{wrong}")).await.refused(400, "invalid");
            }
            for (name, _) in &operation.in_query {
                for wrong in ["%ff", "a%00b"] {
                    h.admin().get(&format!("{path}{mark}{name}={wrong}")).await.refused(400, "invalid");
                }
            }
        }
        if known("limit") && known("page") {
            lists += 1;
            for wrong in [
                "limit=-1",
                "limit=0",
                "limit=201",
                "limit=1000000000",
                "limit=1e2",
                "limit=",
                "page=0",
                "page=-1",
                "page=4294967296",
                "limit=1&limit=2",
            ] {
                h.admin().get(&format!("{path}{mark}{wrong}")).await.refused(400, "invalid");
            }
            // Parts of a diff are no rows: `diffs.rs` asks for them. What changed a file has no total: `past.rs` asks
            // beyond its end.
            let is_past = operation.path.ends_with("/files/history");
            if path.ends_with("/diff") || path.ends_with("/preview") || is_past {
                continue;
            }
            let beyond = h.admin().get(&format!("{path}{mark}page=4294967295&limit=200")).await.ok();
            assert_eq!((&beyond["data"], &beyond["limit"]), (&json!([]), &json!(200)), "{path}");
            let one = h.admin().get(&format!("{path}{mark}limit=1")).await.ok();
            let rows = one["data"].as_array().unwrap().len() as u64;
            assert!(rows <= 1 && rows <= one["total"].as_u64().unwrap(), "{path}: {one}");
        }
    }
    assert!(lists >= 10 && queries > lists, "{lists} lists, {queries} queries");
}

/// What people search for is text, whatever it looks like.
async fn row_12_patterns_are_plain_text(h: &Harness) {
    let long = "a".repeat(20_000);
    for text in ["(a+)+$", ".*", "{\"$ne\":null}", "$where", "' OR 1=1 --", long.as_str()] {
        for filter in ["entity", "kind", "action"] {
            let path = format!("/api/audit?app={}&{filter}={}", h.app, crate::harness::enc(text));
            let began = Instant::now();
            assert_eq!(h.admin().get(&path).await.ok()["total"], 0, "{text:.40}");
            assert!(began.elapsed() < Duration::from_secs(2));
        }
        for list in
            ["changesets?state=", "releases?state=", "jobs?type=", "jobs?state=", "changesets?author="]
        {
            let path = h.admin().at(&format!("/{list}{}", crate::harness::enc(text)));
            h.admin().get(&path).await.refused(400, "invalid");
        }
    }
    // A megabyte does not even come in.
    let request = format!("GET /api/audit?entity={} HTTP/1.1\r\nHost: x\r\n\r\n", "a".repeat(1 << 20));
    let mut stream = TcpStream::connect(h.url.trim_start_matches("http://")).await.unwrap();
    // It may be cut off while it is still being sent.
    let sent = stream.write_all(request.as_bytes()).await;
    let mut answer = Vec::new();
    let read = stream.read_to_end(&mut answer).await;
    let answer = String::from_utf8_lossy(&answer).into_owned();
    let refused =
        ["HTTP/1.1 414", "HTTP/1.1 431", "HTTP/1.1 400"].iter().any(|status| answer.starts_with(status));
    assert!(refused || (answer.is_empty() && (sent.is_err() || read.is_err())), "{answer}");
}

/// Globs of blocked paths are the one place where people give patterns: they match in linear time or are refused.
async fn row_12_globs_are_bounded(h: &Harness) {
    let before = h.admin().get(&h.admin().at("")).await.ok()["settings"].clone();
    let many: Vec<String> = (0..201).map(|n| format!("a{n}/**")).collect();
    let long = format!("a{}", "?".repeat(900_000));
    let deep = format!("{}a{}", "{".repeat(5_000), "}".repeat(5_000));
    for (globs, may_pass) in [
        (json!(many), false),
        (json!(["[a"]), false),
        (json!(["{a"]), false),
        (json!([long]), false),
        (json!([deep]), false),
        (json!(["(a+)+$"]), true),
        (json!([format!("{}b", "*a".repeat(200))]), true),
        (json!([format!("{}b", "**/".repeat(200))]), true),
        (json!([format!("{}x", "{a,b}".repeat(100))]), true),
    ] {
        let began = Instant::now();
        let answer = h.changes_settings(json!({"blocked_paths": globs})).await;
        assert!(
            answer.status == 400 || (may_pass && answer.is_ok()),
            "{:.200} answers {}",
            globs.to_string(),
            answer.text
        );
        if answer.is_ok() {
            let path = format!("{}/x.yml", "a".repeat(200));
            h.author().edits(&path, "x: 1\n").saves().await;
            h.changes_settings(json!({"blocked_paths": before["blocked_paths"]})).await.ok();
        }
        assert!(
            began.elapsed() < Duration::from_secs(5),
            "{:.200} took {:?}",
            globs.to_string(),
            began.elapsed()
        );
    }
    assert_eq!(h.admin().get(&h.admin().at("")).await.ok()["settings"], before);
    for (wrong, pointer) in [
        (json!({"required_approval_count": 0}), "/required_approval_count"),
        (json!({"required_approval_count": 11}), "/required_approval_count"),
        (json!({"file_size_limit_bytes": 0}), "/file_size_limit_bytes"),
        (json!({"file_size_limit_bytes": 4_294_967_295_u32}), "/file_size_limit_bytes"),
        (json!({"file_size_limit_bytes": -1}), "/file_size_limit_bytes"),
        (json!({"integration_branch": "ws/ana/ward"}), "/integration_branch"),
        (json!({"integration_branch": "other"}), "/integration_branch"),
        (json!({"integration_branch": "../main"}), "/integration_branch"),
        (json!({"integration_branch": "a.lock"}), "/integration_branch"),
        (json!({"baseline_mode": "newest"}), "/baseline_mode"),
    ] {
        let refused = h.changes_settings(wrong.clone()).await.refused(400, "invalid");
        assert_eq!(refused["errors"][0]["pointer"], pointer, "{wrong}");
    }
}

/// Where ids and numbers of revisions are wanted, expressions and giants are none.
async fn row_7_only_ids_and_numbers_name_things(h: &Harness) {
    let change = h.author().edits("pages/a.yml", "name: a\n").submits().await;
    let path = h.author().at(&format!("/changesets/{}/diff", change.id));
    for wrong in [
        "from=HEAD",
        "to=main",
        "from=-1",
        "to=4294967296",
        "from=1.0",
        "from=0x1",
        "to=%5E%7B/x%7D",
        "mode=semantic2",
    ] {
        h.author().get(&format!("{path}?{wrong}")).await.refused(400, "invalid");
    }
    for unknown in ["from=2", "to=0", "from=4294967295"] {
        h.author().get(&format!("{path}?{unknown}")).await.refused(404, "not_found");
    }
    for wrong in [
        "HEAD",
        "main",
        "r2026.01.01.1",
        "1",
        &change.id.to_uppercase().replace('-', ""),
        "%00",
        "..%2f..",
        "{x}",
    ] {
        let answer = h.author().get(&h.author().at(&format!("/changesets/{wrong}"))).await;
        assert!(
            matches!(answer.status, 400 | 404) || answer.is_ok() && answer.body["id"] == json!(change.id),
            "{wrong}: {}",
            answer.text
        );
    }
    let request =
        h.author().request(Method::GET, &h.author().at(&format!("/changesets/{}", "a".repeat(30_000))));
    assert!(matches!(Answer::to(request, "a long id".to_owned()).await.status, 404 | 414), "a long id");
    let nothing: Value = json!({"changeset_ids": ["HEAD"]});
    h.manager().post(&h.manager().at("/releases"), &nothing).await.refused(400, "invalid");
}
