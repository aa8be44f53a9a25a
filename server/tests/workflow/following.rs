//! Following an app: everything that changes is told, to whoever may read it, and nothing is left out by a reconnect.

use crate::harness::{Answer, Harness, Person};
use crate::values::Program;
use conman_distribution::WorkerReport;
use conman_domain::access::{Token, TokenHash};
use conman_domain::audit::{AuditActor, AuditEvent};
use conman_store::collections::TOKEN_BY_HASH;
use conman_store::{Batch, Query};
use conman_workflow::{Feed, Looked, Workers, fresh_id};
use reqwest::Method;
use serde_json::{Value, json};
use std::time::Duration;
use uuid::Uuid;

on_both! {
    an_app_is_followed_across_reconnects_and_servers,
    streams_end_with_what_allowed_them,
    a_busy_app_is_told_change_by_change,
}

/// How long an event may take; far more than it ever should.
const PATIENCE: Duration = Duration::from_secs(30);

/// An open stream.
struct Stream {
    response: reqwest::Response,
    text: String,
    last: Option<String>,
    /// All that was read, to look for what must not be there.
    all: String,
}

impl Stream {
    fn request(person: &Person, last: Option<&str>) -> reqwest::RequestBuilder {
        let request =
            person.request(Method::GET, &person.at("/stream")).header("accept", "text/event-stream");
        match last {
            Some(last) => request.header("last-event-id", last),
            None => request,
        }
    }

    async fn of(person: &Person, last: Option<&str>) -> Self {
        let response = Self::request(person, last).send().await.unwrap();
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        assert_eq!(response.headers()["x-accel-buffering"], "no");
        Self { response, text: String::new(), last: None, all: String::new() }
    }

    /// The next event: its name and its data; none at the end of the stream.
    async fn next(&mut self) -> Option<(String, Value)> {
        loop {
            if let Some((block, rest)) = self.text.split_once("\n\n") {
                let field =
                    |name: &str| block.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
                let event = field("event:")
                    .map(|event| (event.to_owned(), serde_json::from_str(field("data:").unwrap()).unwrap()));
                self.last = field("id:").map(str::to_owned).or(self.last.take());
                self.text = rest.to_owned();
                match event {
                    Some(event) => return Some(event),
                    // A comment that keeps the connection alive.
                    None => continue,
                }
            }
            let chunk =
                tokio::time::timeout(PATIENCE, self.response.chunk()).await.expect("it goes on or ends");
            let chunk = chunk.unwrap()?;
            let chunk = std::str::from_utf8(&chunk).unwrap();
            self.text.push_str(chunk);
            self.all.push_str(chunk);
        }
    }

    /// Reads until a change is this one.
    async fn until(&mut self, what: &str, is: impl Fn(&Value) -> bool) -> Value {
        loop {
            let (event, data) = self.next().await.unwrap_or_else(|| panic!("the stream ended before {what}"));
            assert_eq!(event, "change", "before {what}: {data}");
            if is(&data) {
                return data;
            }
        }
    }

    async fn until_action(&mut self, action: &str, id: &str) -> Value {
        self.until(action, |change| change["action"] == action && change["id"] == id).await
    }

    /// Reads to the end.
    async fn ends(mut self) {
        while self.next().await.is_some() {}
    }
}

fn report(session: Uuid, problem: Option<&str>) -> WorkerReport {
    serde_json::from_value(json!({
        "session_id": session, "name": "pump-1", "library": "tests/1", "started_at": "2026-01-01T00:00:00.000Z",
        "applied": null, "last_notify_at": null, "heartbeat_at": "2026-01-01T00:00:01.000Z", "problem": problem,
        "stopped": false,
    }))
    .unwrap()
}

async fn an_app_is_followed_across_reconnects_and_servers(h: &Harness) {
    h.has_parameters().await;
    let mut stream = Stream::of(&h.reviewer(), None).await;
    assert_eq!(stream.next().await.unwrap().0, "ready");
    let change = h.author().edits("pages/a.yml", "name: secret-word\n").submits().await;
    let told = stream.until_action("changeset.submitted", &change.id).await;
    assert_eq!((&told["kind"], &told["actor_id"]), (&json!("changeset"), &json!(h.author().id)), "{told}");
    stream.until_action("changeset.in_review", &change.id).await;
    stream.until("its job ends", |c| c["action"] == "job.msuite_submit" && c["state"] == "succeeded").await;
    assert!(h.saves(&h.manager(), 1, json!({"beds": 4711})).await.is_ok());
    let dev = h.environments["dev"].as_str();
    let told = stream.until_action("environment.version_changed", dev).await;
    assert_eq!((&told["environment_id"], &told["version"]), (&json!(dev), &json!(2)), "{told}");

    // What a worker says, but not that it lives.
    let (app, environment) = (h.app.parse().unwrap(), dev.parse().unwrap());
    let session = Uuid::now_v7();
    h.workflow.report(app, environment, report(session, None)).await.unwrap();
    let told = stream.until_action("worker.reported", &session.to_string()).await;
    assert_eq!((&told["kind"], &told["environment_id"]), (&json!("worker"), &json!(dev)), "{told}");
    h.workflow.report(app, environment, report(session, None)).await.unwrap();
    h.workflow.report(app, environment, report(session, Some("a reason"))).await.unwrap();
    stream.until_action("worker.reported", &session.to_string()).await;
    for word in ["secret-word", "4711", "a reason"] {
        assert!(!stream.all.contains(word), "{}", stream.all);
    }

    // Away, and back at another server: nothing that happened meanwhile is left out.
    let last = stream.last.clone().unwrap();
    drop(stream);
    h.reviewer().approves(&change).await;
    assert!(h.saves(&h.manager(), 2, json!({"beds": 4712})).await.is_ok());
    let server = h.starts_another_server().await;
    let elsewhere = Person { server, ..h.reviewer().person.clone() };
    let mut resumed = Stream::of(&elsewhere, Some(&last)).await;
    resumed.until_action("changeset.approved", &change.id).await;
    resumed.until("the version", |c| c["kind"] == "environment" && c["version"] == 3).await;
    assert!(h.saves(&h.manager(), 3, json!({"beds": 4713})).await.is_ok());
    resumed.until("a change made at the first server", |c| c["version"] == 4).await;

    // What nobody remembers, or never was told.
    for unknown in ["1", "99999999999999999", "soon", "-1", ""] {
        let mut stream = Stream::of(&h.reviewer(), Some(unknown)).await;
        assert_eq!(stream.next().await.unwrap().0, "reset", "{unknown}");
    }
    let mut lost = Stream::of(&h.reviewer(), Some("1")).await;
    assert_eq!(lost.next().await.unwrap().0, "reset");
    assert!(h.saves(&h.manager(), 4, json!({"beds": 4714})).await.is_ok());
    lost.until("what comes after", |c| c["version"] == 5).await;
}

async fn streams_end_with_what_allowed_them(h: &Harness) {
    // A number per person.
    let ana = h.author();
    let mut open = Vec::new();
    for _ in 0..20 {
        open.push(Stream::of(&ana, None).await);
    }
    let refused = Answer::to(Stream::request(&ana, None), "one too many".to_owned()).await;
    assert!(refused.headers.contains_key("retry-after"));
    refused.refused(429, "too_many_streams");
    let of_another = Stream::of(&h.second_author(), None).await;
    open.truncate(1);
    h.until("there is room again", || async {
        Stream::request(&ana, None).send().await.unwrap().status().is_success().then_some(())
    })
    .await;

    // A member who is thrown out, a token that is revoked.
    let admin = h.admin();
    admin.delete(&admin.at(&format!("/members/{}", h.second_author().id))).await.ok();
    of_another.ends().await;
    Answer::to(Stream::request(&h.second_author(), None), "thrown out".to_owned())
        .await
        .refused(404, "not_found");
    let store = h.workflow.store();
    let query = Query::<Token>::on(&TOKEN_BY_HASH).eq(TokenHash::of(&ana.token).as_str());
    let token = store.find(query).await.unwrap().items.remove(0);
    // As revoking it does.
    store.commit(Batch::new().delete::<Token>(&token.doc.id.to_string(), token.version)).await.unwrap();
    open.remove(0).ends().await;

    // A stream is asked for as one.
    h.reviewer().get(&h.reviewer().at("/stream")).await.refused(406, "not_acceptable");
    // Programs have a stream of their own.
    let program = Program::of(h, "dev").await;
    assert_eq!(program.follows(&h.app).await, 401);
}

/// What was told does not count when it is read again, and a queue that is long is no change: only what is new is told.
async fn a_busy_app_is_told_change_by_change(h: &Harness) {
    let (app_id, now) = (h.app.parse().unwrap(), h.workflow.now().await.unwrap());
    let member = crate::saving::member(h, &h.workflow).await;
    let mut feed = h.workflow.feed(&member, now).unwrap();
    feed.look(Workers::NotNow).await.unwrap();
    let happen = async |count: usize| {
        for part in (0..count).collect::<Vec<_>>().chunks(200) {
            let at = h.workflow.now().await.unwrap();
            let event = |_: &usize| AuditEvent {
                id: fresh_id(),
                happened_at: at,
                app_id: Some(app_id),
                actor: AuditActor::System,
                entity: "thing".to_owned(),
                entity_id: "x".to_owned(),
                action: "thing.happened".to_owned(),
                before: None,
                after: None,
                commit: None,
                context: Default::default(),
            };
            let batch = part.iter().fold(Batch::new(), |batch, n| batch.insert(&event(n)));
            h.workflow.store().commit(batch).await.unwrap();
        }
    };
    let things = async |feed: &mut Feed| match feed.look(Workers::NotNow).await.unwrap() {
        Looked::New(events) => Some(events.iter().filter(|event| event.kind == "thing").count()),
        Looked::TooMuch => None,
    };
    for _ in 0..4 {
        happen(800).await;
        assert_eq!(things(&mut feed).await, Some(800));
        assert_eq!(things(&mut feed).await, Some(0));
    }
    happen(1_200).await;
    assert_eq!(things(&mut feed).await, None, "that much is cheaper to read anew");
}
