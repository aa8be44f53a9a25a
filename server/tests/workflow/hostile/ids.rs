//! Row 15: what belongs to one app does not exist in another, nor for strangers.

use super::api::{Api, Session};
use crate::harness::{Answer, Harness, Person, sample_bundle};
use reqwest::Method;
use serde_json::{Value, json};
use std::collections::BTreeMap;

embedded! {
    row_15_ids_of_another_app_do_not_exist,
    row_15_strangers_see_no_app,
    row_15_ids_in_bodies_are_the_apps_own,
    row_15_workers_read_their_own_environment,
}

/// One of everything, in one app, made by its admin; ids by the names that they have in paths.
async fn one_of_everything(h: &Harness, admin: &Person, session: &Session) -> BTreeMap<String, String> {
    let id = |value: &Value| value["id"].as_str().unwrap_or_else(|| panic!("{value}")).to_owned();
    let stages = admin.get(&admin.at("/environments")).await.ok();
    let mut environments = stages["data"].as_array().unwrap().clone();
    if environments.is_empty() {
        let wish = json!({"environments": [{"name": "dev", "canonical": true}]});
        environments =
            admin.patch(&admin.at("/environments"), &wish).await.ok()["data"].as_array().unwrap().clone();
    }
    let (environment, profile) =
        (id(&environments[0]), environments[0]["profile_id"].as_str().unwrap().to_owned());
    let workspace = id(&admin.post(&admin.at("/workspaces"), &json!({"name": "Of the admin"})).await.ok());
    let edit = json!({"op": "put", "path": "pages/a.yml", "expected_blob": null, "text": "name: a\n"});
    admin.put(&admin.at(&format!("/workspaces/{workspace}/files")), &json!({"edits": [edit]})).await.ok();
    let wish = json!({"workspace_id": workspace, "title": "One"});
    let changeset = id(&admin.post(&admin.at("/changesets"), &wish).await.ok());
    admin.post(&admin.at(&format!("/changesets/{changeset}/submit")), &json!({})).await.ok();
    let comments = admin.at(&format!("/changesets/{changeset}/comments"));
    let comment = id(&admin.post(&comments, &json!({"body": "One"})).await.ok());
    let release = id(&admin.post(&admin.at("/releases"), &json!({"changeset_ids": []})).await.ok());
    h.is_quiet().await;
    let jobs = admin.get(&admin.at("/jobs?type=msuite_submit")).await.ok();
    let members = admin.get(&admin.at("/members")).await.ok();
    let member = members["data"]
        .as_array()
        .unwrap()
        .iter()
        .find(|m| m["user_id"] != admin.id.as_str())
        .unwrap_or(&members["data"][0]);
    let member = member["user_id"]
        .as_str()
        .or_else(|| member["user"]["id"].as_str())
        .or_else(|| member["id"].as_str())
        .unwrap()
        .to_owned();
    let invite = json!({"email": format!("new-{}@lab.example", &admin.app[..8]), "role": "user"});
    let invite = session.send(&Method::POST, &admin.at("/invites"), Some(&invite)).await.ok();
    let wish = json!({"name": "worker", "environment_id": environment, "expires_at": null});
    let token = session.send(&Method::POST, &admin.at("/service-tokens"), Some(&wish)).await.ok();
    let token = token["token"]["id"].as_str().or_else(|| token["id"].as_str()).unwrap().to_owned();
    let schedule =
        json!({"kind": "once", "starts_at": "2098-12-24T00:00:00Z", "ends_at": "2098-12-27T00:00:00Z"});
    let wish = json!({"name": "Christmas", "schedule": schedule});
    let windows = admin.at(&format!("/environments/{environment}/freeze-windows"));
    let window = id(&admin.post(&windows, &wish).await.ok());
    BTreeMap::from([
        ("windowId".to_owned(), window),
        ("appId".to_owned(), admin.app.clone()),
        ("workspaceId".to_owned(), workspace),
        ("changesetId".to_owned(), changeset),
        ("commentId".to_owned(), comment),
        ("releaseId".to_owned(), release),
        ("envId".to_owned(), environment),
        ("profileId".to_owned(), profile),
        ("jobId".to_owned(), id(&jobs["data"][0])),
        ("userId".to_owned(), member),
        ("inviteId".to_owned(), id(&invite)),
        ("tokenId".to_owned(), token),
    ])
}

async fn another_app(h: &Harness) -> Person {
    let app = h.uploads(&h.admin(), "other", sample_bundle(&h.scratch("other"))).await.ok();
    h.admin().in_app(app["id"].as_str().unwrap())
}

/// All that can be read of an app by its ids.
async fn all_of(api: &Api, session: &Session, ids: &BTreeMap<String, String>) -> Vec<(String, u16, Value)> {
    let mut seen = Vec::new();
    for operation in api.in_apps().filter(|o| o.method == Method::GET) {
        let answer = session.send(&Method::GET, &operation.filled(ids), None).await;
        let body = if answer.is_ok() { answer.body } else { json!(answer.code()) };
        seen.push((operation.path.clone(), answer.status, body));
    }
    seen
}

async fn answers(session: &Session, method: &Method, path: &str, bodies: &[Option<Value>]) -> Vec<Answer> {
    let mut answers = Vec::new();
    for body in bodies {
        answers.push(session.send(method, path, body.as_ref()).await);
    }
    answers
}

fn bodies(api: &Api, schema: Option<&Value>) -> Vec<Option<Value>> {
    schema.map_or_else(|| vec![None], |schema| api.bodies(schema).into_iter().map(Some).collect())
}

/// Every route with ids, with every id of one app under another one, streams included.
async fn row_15_ids_of_another_app_do_not_exist(h: &Harness) {
    let (api, session) = (Api::load(), Session::of_admin(h).await);
    let release = h.released(&[("pages/r.yml", "name: r\n")]).await;
    let deployment = h.deploys(&release, "dev").await;
    let mut own = one_of_everything(h, &h.admin(), &session).await;
    let draft = h.draft_of_beds(&h.admin(), &own["envId"]).await;
    own.insert("draftId".to_owned(), draft);
    own.insert("deploymentId".to_owned(), deployment["id"].as_str().unwrap().to_owned());
    let wish = json!({"environment_id": own["envId"], "code_version": "v1"});
    let set = h.admin().post(&h.admin().at("/parameter-sets"), &wish).await.ok()["hash"].clone();
    let wish = json!({"parameter_set_hash": set, "kind": "backtest"});
    let run = h.admin().post(&h.admin().at("/runs"), &wish).await.ok();
    own.insert("hash".to_owned(), set.as_str().unwrap().to_owned());
    own.insert("runId".to_owned(), run["id"].as_str().unwrap().to_owned());
    let other = another_app(h).await;
    let others = one_of_everything(h, &other, &session).await;
    let before = all_of(&api, &session, &own).await;
    for (path, status, body) in &before {
        // That the ids are right: where they belong, all of them are found.
        let none = path.ends_with("/stream")
            || path.ends_with("/files")
            || path.ends_with("/files/blame")
            || path.ends_with("/diff")
            || path.ends_with("/preview");
        assert!(*status == 200 || none, "{path}: {body}");
    }
    let (mut routes, mut names) = (0, BTreeMap::new());
    for operation in api.in_apps().filter(|o| o.in_path.len() > 1) {
        routes += 1;
        let is_id = |name: &&String| name.ends_with("Id") && *name != "appId" || *name == "hash";
        let inner: Vec<&String> = operation.in_path.iter().filter(is_id).collect();
        if inner.is_empty() {
            // A parameter's name is no id: each app has its own of that name.
            continue;
        }
        for name in &inner {
            assert!(own.contains_key(*name), "the test has no {name} for {}", operation.name());
            *names.entry((*name).clone()).or_insert(0) += 1;
        }
        // All ids of the one app under the other, and the innermost alone.
        let mut crossed = vec![own.clone(), others.clone()];
        crossed[0].insert("appId".to_owned(), other.app.clone());
        let innermost = *inner.last().unwrap();
        crossed[1].insert(innermost.clone(), own[innermost].clone());
        for ids in crossed {
            let path = operation.filled(&ids);
            let tried = match &operation.body {
                None => vec![None],
                Some(schema) => api.bodies_and_parts(schema).into_iter().map(Some).collect(),
            };
            let answers = answers(&session, &operation.method, &path, &tried).await;
            // A body may lack what it needs; one that is whole gets to where the ids are looked for.
            assert!(answers.iter().all(|answer| matches!(answer.status, 400 | 404)), "{answers:?}");
            assert!(answers.iter().any(|answer| answer.status == 404), "{answers:?}");
            let stream = session.request(&operation.method, &path).header("accept", "text/event-stream");
            if operation.method == Method::GET {
                Answer::to(stream, format!("stream of {path}")).await.refused(404, "not_found");
            }
        }
    }
    assert!(routes > 40 && names.len() >= 11, "{routes} routes with {names:?}");
    assert_eq!(all_of(&api, &session, &own).await, before, "nothing happened to any of it");
}

/// For who is no member there is no app at all: the same answer as for one that does not exist.
async fn row_15_strangers_see_no_app(h: &Harness) {
    let (api, session) = (Api::load(), Session::of_admin(h).await);
    let other = another_app(h).await;
    let ids = one_of_everything(h, &other, &session).await;
    let nowhere = {
        let mut ids = ids.clone();
        ids.insert("appId".to_owned(), uuid::Uuid::now_v7().to_string());
        ids
    };
    let stranger = h.manager();
    for operation in api.in_apps() {
        for body in bodies(&api, operation.body.as_ref()) {
            let mut told = Vec::new();
            for ids in [&ids, &nowhere] {
                let request = stranger
                    .request(operation.method.clone(), &operation.filled(ids))
                    .header("if-match", "\"v1\"");
                let request = match &body {
                    Some(body) => request.json(body),
                    None => request,
                };
                let answer = Answer::to(request, operation.name()).await;
                told.push((answer.status, answer.code().to_owned(), answer.body["detail"].clone()));
            }
            assert_eq!(told[0], told[1], "{}", operation.name());
            // What only a session does says so first, of either.
            assert!(told[0].0 == 404 || told[0].1 == "session_required", "{}: {told:?}", operation.name());
            let nobody = h
                .admin()
                .client
                .request(operation.method.clone(), format!("{}{}", h.url, operation.filled(&ids)));
            let nobody = Answer::to(nobody.json(&body.clone().unwrap_or_default()), operation.name()).await;
            assert_eq!(nobody.status, 401, "{} without credentials: {}", operation.name(), nobody.text);
        }
    }
    let apps = stranger.get("/api/apps").await.ok();
    assert_eq!(apps["total"], 1, "the other app is not listed");
    stranger.get(&format!("/api/audit?app={}", other.app)).await.refused(404, "not_found");
}

/// Ids in bodies and queries are looked for in the app alone, too.
async fn row_15_ids_in_bodies_are_the_apps_own(h: &Harness) {
    let session = Session::of_admin(h).await;
    let release = h.released(&[("pages/r.yml", "name: r\n")]).await;
    let queued = h.queued(h.author(), "pages/q.yml", "name: q\n").await;
    let own = one_of_everything(h, &h.admin(), &session).await;
    let other = another_app(h).await;
    let others = one_of_everything(h, &other, &session).await;
    let at = |below: &str| other.at(below);
    for (path, body) in [
        (at("/changesets"), json!({"workspace_id": own["workspaceId"], "title": "x"})),
        (at("/releases"), json!({"changeset_ids": [queued.id]})),
        (at("/queue/reorder"), json!({"changeset_ids": [queued.id]})),
        (at(&format!("/releases/{}/changesets", others["releaseId"])), json!({"changeset_ids": [queued.id]})),
        (at(&format!("/releases/{}/reorder", others["releaseId"])), json!({"changeset_ids": [queued.id]})),
        (at(&format!("/environments/{}/deploy", others["envId"])), json!({"release_id": release.id})),
        (
            at(&format!("/environments/{}/rollback", others["envId"])),
            json!({"mode": "redeploy", "release_id": release.id}),
        ),
        (
            at(&format!("/changesets/{}/comments", others["changesetId"])),
            json!({"body": "x", "thread_id": own["commentId"]}),
        ),
        (at("/service-tokens"), json!({"name": "x", "environment_id": own["envId"], "expires_at": null})),
    ] {
        let answer = session.send(&Method::POST, &path, Some(&body)).await;
        assert!(
            matches!(answer.status, 400 | 404 | 409),
            "{path} {body} answers {} {}",
            answer.status,
            answer.text
        );
        assert!(!answer.text.contains("pages/"), "{}", answer.text);
    }
    let stages = json!({"environments": [{"id": own["envId"], "name": "dev", "canonical": true}]});
    session.send(&Method::PATCH, &at("/environments"), Some(&stages)).await.refused(400, "invalid");
    let preview = at(&format!("/releases/{}/preview?environment={}", others["releaseId"], own["envId"]));
    assert!(matches!(session.send(&Method::GET, &preview, None).await.status, 404 | 409));
    let author = at(&format!("/changesets?author={}", h.author().id));
    assert_eq!(session.send(&Method::GET, &author, None).await.ok()["total"], 0);
    for entity in [&own["changesetId"], &own["releaseId"], &queued.id] {
        let path = format!("/api/audit?app={}&entity={entity}", other.app);
        assert_eq!(session.send(&Method::GET, &path, None).await.ok()["total"], 0);
    }
    assert_eq!(h.author().sees(&queued).await["state"], "queued");
}

/// A program that follows an environment of one app reads nothing of another.
async fn row_15_workers_read_their_own_environment(h: &Harness) {
    let session = Session::of_admin(h).await;
    let release = h.released(&[("pages/only-here.yml", "name: here\n")]).await;
    h.deploys(&release, "dev").await;
    let snapshot = h
        .workflow
        .snapshot(h.app.parse().unwrap(), h.environments["dev"].parse().unwrap())
        .await
        .unwrap()
        .unwrap();
    let hash = snapshot
        .files
        .iter()
        .find(|(path, _)| path.as_str() == "pages/only-here.yml")
        .unwrap()
        .1
        .as_str()
        .to_owned();
    let other = another_app(h).await;
    let others = one_of_everything(h, &other, &session).await;
    let token = async |person: &Person, environment: &str| {
        let wish = json!({"name": "reader", "environment_id": environment, "expires_at": null});
        let made = session.send(&Method::POST, &person.at("/service-tokens"), Some(&wish)).await.ok();
        made["secret"].as_str().unwrap_or_else(|| panic!("{made}")).to_owned()
    };
    let own = token(&h.admin(), &h.environments["dev"]).await;
    let staging = token(&h.admin(), &h.environments["staging"]).await;
    let foreign = token(&other, &others["envId"]).await;
    let ask = async |token: &str, path: &str| {
        let request = h.admin().client.get(format!("{}{path}", h.url)).bearer_auth(token);
        Answer::to(request, path.to_owned()).await
    };
    assert_eq!(ask(&own, &format!("/v1/worker/files/{hash}")).await.status, 200);
    for token in [&staging, &foreign] {
        ask(token, &format!("/v1/worker/files/{hash}")).await.refused(404, "not_found");
        let snapshot = ask(token, "/v1/worker/snapshot").await;
        assert!(!snapshot.text.contains(&hash), "{}", snapshot.text);
    }
    // And nothing at all of what people read.
    for path in
        [h.admin().at(""), h.admin().at("/environments"), "/api/apps".to_owned(), "/api/me".to_owned()]
    {
        ask(&own, &path).await.refused(401, "unauthenticated");
    }
    ask(&h.admin().token, "/v1/worker/snapshot").await.refused(401, "unauthenticated");
}
