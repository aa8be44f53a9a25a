//! The plain routes for programs, to the letter: status and body, by service token, over several servers.

use crate::harness::Harness;
use chrono::TimeDelta;
use conman_domain::Timestamp;
use conman_domain::access::{Token, TokenHash, TokenPurpose};
use conman_store::Batch;
use conman_workflow::{fresh_id, random_token};
use futures::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};

on_both! {
    values_are_set_read_and_deleted_by_programs,
    what_is_at_hand_is_answered_as_ever,
    programs_stay_in_their_environment,
    every_server_reads_what_was_answered_before,
    a_parameter_may_be_called_save,
    a_long_history_is_told_whole,
    a_database_that_is_away_is_told_as_that,
}

/// A program with a service token, at one of the servers.
#[derive(Clone)]
pub(crate) struct Program {
    server: String,
    token: String,
    client: reqwest::Client,
}

impl Program {
    pub(crate) async fn of(h: &Harness, environment: &str) -> Self {
        Self::until(h, environment, None).await
    }

    async fn until(h: &Harness, environment: &str, expires_at: Option<Timestamp>) -> Self {
        let (secret, at) = (random_token("csvc"), h.workflow.now().await.unwrap());
        let token = Token {
            id: fresh_id(),
            purpose: TokenPurpose::Service {
                app_id: h.app.parse().unwrap(),
                environment_id: h.environments[environment].parse().unwrap(),
                created_by: h.admin().id.parse().unwrap(),
            },
            name: "pump".parse().unwrap(),
            token_hash: TokenHash::of(&secret),
            created_at: at,
            expires_at,
            last_used_at: None,
        };
        h.workflow.store().commit(Batch::new().insert(&token)).await.unwrap();
        Self { server: h.url.clone(), token: secret, client: h.admin().client.clone() }
    }

    async fn asks(&self, method: Method, path: &str, body: Option<Value>) -> (u16, String) {
        let request =
            self.client.request(method, format!("{}/v1{path}", self.server)).bearer_auth(&self.token);
        let request = match body {
            Some(body) => request.json(&body),
            None => request,
        };
        let response = request.send().await.unwrap();
        (response.status().as_u16(), response.text().await.unwrap())
    }

    /// The same program at another server.
    pub(crate) fn at(&self, server: &str) -> Self {
        Self { server: server.to_owned(), ..self.clone() }
    }

    /// All values, as they are sent.
    pub(crate) async fn list(&self) -> String {
        let (status, text) = self.gets("/config").await;
        assert_eq!(status, 200, "{text}");
        text
    }

    async fn gets(&self, path: &str) -> (u16, String) {
        self.asks(Method::GET, path, None).await
    }

    pub(crate) async fn puts(&self, name: &str, value: Value) -> (u16, String) {
        self.asks(Method::PUT, &format!("/config/{name}"), Some(json!({"value": value}))).await
    }

    /// The status of an attempt to follow an app as people do.
    pub(crate) async fn follows(&self, app: &str) -> u16 {
        let request = self.client.get(format!("{}/api/apps/{app}/stream", self.server));
        request.bearer_auth(&self.token).send().await.unwrap().status().as_u16()
    }

    async fn deletes(&self, name: &str) -> (u16, String) {
        self.asks(Method::DELETE, &format!("/config/{name}"), None).await
    }
}

fn plain(status: u16, text: &str) -> (u16, String) {
    (status, text.to_owned())
}

#[track_caller]
fn refused((status, text): (u16, String), expected: u16, code: &str) -> Value {
    let problem: Value = serde_json::from_str(&text).unwrap_or_else(|_| panic!("{status} {text}"));
    assert_eq!((status, problem["code"].as_str()), (expected, Some(code)), "{text}");
    problem
}

async fn values_are_set_read_and_deleted_by_programs(h: &Harness) {
    let program = Program::of(h, "dev").await;
    assert_eq!(program.gets("/config").await, plain(200, "[]"));
    assert_eq!(program.gets("/config/beds").await, plain(404, "Not Found"));
    assert_eq!(program.gets("/config/beds/history").await, plain(200, "[]"));
    refused(program.puts("beds", json!(11)).await, 409, "wrong_state");
    h.has_parameters().await;
    let all = r#"[{"name":"beds","value":10},{"name":"dose","value":1},{"name":"high","value":9},{"name":"low","value":1},{"name":"mode","value":"day"}]"#;
    assert_eq!(program.gets("/config").await, plain(200, all));
    let before = h.workflow.now().await.unwrap();
    assert_eq!(program.puts("mode", json!("night")).await, plain(200, "OK"));
    assert_eq!(program.gets("/config/mode").await, plain(200, "night"));
    assert_eq!(program.puts("note", json!({"b": 1.5, "a": [null, "x"]})).await, plain(200, "OK"));
    let note: Value = serde_json::from_str(&program.gets("/config/note").await.1).unwrap();
    assert_eq!(note, json!({"b": 1.5, "a": [null, "x"]}));
    let told = refused(program.puts("beds", json!(0)).await, 400, "invalid");
    assert_eq!(told["errors"][0]["pointer"], "/value");
    refused(program.puts("nothing", json!(0)).await, 400, "invalid");
    refused(
        program.asks(Method::PUT, "/config/beds", Some(json!({"value": 1, "state": "x"}))).await,
        400,
        "invalid",
    );
    refused(program.puts("dose", json!(2)).await, 403, "approval_required");
    assert_eq!(program.deletes("beds").await, plain(404, "Not Found"));
    assert_eq!(program.deletes("nothing").await, plain(404, "Not Found"));
    assert_eq!(program.deletes("mode").await, plain(200, "OK"));
    assert_eq!(program.gets("/config/mode").await, plain(200, "day"), "the catalog's default");
    assert_eq!(program.deletes("mode").await, plain(410, "Gone"));
    assert_eq!(program.deletes("note").await, plain(200, "OK"));
    assert_eq!(program.gets("/config/note").await, plain(404, "Not Found"));
    let (status, text) = program.gets("/config/note/history").await;
    let events: Vec<Value> = serde_json::from_str(&text).unwrap();
    let types: Vec<_> = events.iter().map(|event| event["event_type"].as_str().unwrap()).collect();
    assert_eq!((status, types), (200, vec!["ConfigValueSet", "ConfigValueDeleted"]));
    for field in ["event_type", "data", "metadata", "created_at", "stream_version"] {
        assert!(!events[0][field].is_null(), "{field}");
    }
    assert_eq!(events[1]["data"]["old_value"], note);
    assert_eq!(events[0]["metadata"]["changed_by"], "pump (service token)");
    let set_at = events[0]["data"]["timestamp"].as_str().unwrap();
    let then = program.gets(&format!("/config/note/at/{set_at}")).await;
    assert_eq!((then.0, serde_json::from_str::<Value>(&then.1).unwrap()), (200, note));
    assert_eq!(program.gets(&format!("/config/note/at/{before}")).await, plain(404, "Not Found"));
    refused(program.gets("/config/note/at/noon").await, 400, "invalid");
    for early in ["2000-01-01", "2000-01-01T12:00", "2000-01-01T12:00:00.5+02", "20000101T120000Z"] {
        assert_eq!(
            program.gets(&format!("/config/note/at/{early}")).await,
            plain(404, "Not Found"),
            "{early}"
        );
    }
    let audited: Vec<_> = h.all(&format!("/api/audit?app={}&action=parameters.saved", h.app)).await;
    assert_eq!(audited[0]["actor"], "pump");
    let (status, text) = program.gets("/health").await;
    let health: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(
        (status, &health["status"], &health["checks"]),
        (200, &json!("healthy"), &json!({"store": "ok", "distribution": "ok"}))
    );
    assert!(health["timestamp"].is_string());
}

/// A read whose token and values are at hand does not pass the router; a name that is written in another way does.
async fn what_is_at_hand_is_answered_as_ever(h: &Harness) {
    let program = Program::of(h, "dev").await;
    h.has_parameters().await;
    let asks = async |method: Method, path: &str, headers: &[(&str, &str)]| {
        let mut request = program.client.request(method, format!("{}{path}", h.url));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = request.send().await.unwrap();
        let status = response.status().as_u16();
        let mut headers: Vec<(String, String)> = response
            .headers()
            .iter()
            .map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()))
            .filter(|(name, _)| name != "date")
            .collect();
        headers.sort();
        (status, headers, response.text().await.unwrap())
    };
    let bearer = format!("Bearer {}", program.token);
    let request_id = "018f4f7c-6f2b-7000-8000-000000000001";
    let known = [("authorization", bearer.as_str()), ("x-request-id", request_id)];
    // The first read looks and writes the use down; what it wrote is looked at by the next.
    h.until("values are at hand", async || {
        assert_eq!(program.gets("/config/mode").await, plain(200, "day"));
        h.workflow.values_at_hand(&program.token)
    })
    .await;
    let (long, short) = ("/v1/config/%6Dode", "/v1/config/mode");
    let at_hand = asks(Method::GET, short, &known).await;
    assert_eq!((at_hand.0, at_hand.2.as_str()), (200, "day"));
    assert!(at_hand.1.contains(&("x-request-id".to_owned(), request_id.to_owned())), "{:?}", at_hand.1);
    assert_eq!(at_hand, asks(Method::GET, long, &known).await);
    assert_eq!(at_hand, asks(Method::GET, &format!("{short}?at=now"), &known).await);
    let (status, headers, body) = asks(Method::HEAD, short, &known).await;
    assert_eq!((status, headers, body.as_str()), (200, at_hand.1.clone(), ""));
    // Nothing that is refused is at hand.
    let two = [("authorization", bearer.as_str()), ("authorization", "Bearer x")];
    for headers in [&two[..], &[("authorization", "Bearer x")], &[("authorization", "Basic eDp4")], &[]] {
        for path in [short, long, "/v1/config"] {
            assert_eq!(asks(Method::GET, path, headers).await.0, 401, "{path} {headers:?}");
        }
    }
    for path in ["/v1/config/", "/v1/configs", "/v1/config/mode/", "/v1/config//mode"] {
        assert_eq!(asks(Method::GET, path, &known).await.0, 404, "{path}");
    }
    // Both ways are counted as one.
    let counted = async || {
        let metrics = asks(Method::GET, "/metrics", &[]).await.2;
        let of_values = r#"conman_http_requests_total{method="GET",route="/v1/config/{name}",status="200"} "#;
        metrics.lines().find_map(|line| line.strip_prefix(of_values)?.parse::<u64>().ok()).unwrap()
    };
    let before = counted().await;
    for path in [short, long, short] {
        asks(Method::GET, path, &known).await;
    }
    assert_eq!(counted().await, before + 3);
    // A token that ends does so at its time, whatever is remembered of it.
    let end = h.workflow.now().await.unwrap().plus(TimeDelta::milliseconds(2_500));
    let ending = Program::until(h, "dev", Some(end)).await;
    let mut read = 0;
    loop {
        let before = h.workflow.now().await.unwrap();
        let (status, text) = ending.gets("/config/mode").await;
        let after = h.workflow.now().await.unwrap();
        // The clock of a database is read to the millisecond, and a moment after it was asked.
        assert!(
            status == 401 || before < end.plus(TimeDelta::milliseconds(50)),
            "{status} {text} after its end"
        );
        // What is remembered of a token counts from before it was asked for, so that it may end earlier by that long.
        let early = after.plus(TimeDelta::milliseconds(500));
        assert!(status == 200 || early >= end, "{status} {text} long before its end");
        if status == 401 {
            break;
        }
        read += 1;
    }
    assert!(read > 10, "read {read} times");
}

async fn programs_stay_in_their_environment(h: &Harness) {
    h.has_parameters().await;
    h.promotes("staging").await;
    let (dev, staging) = (Program::of(h, "dev").await, Program::of(h, "staging").await);
    assert_eq!(dev.puts("beds", json!(11)).await, plain(200, "OK"));
    assert_eq!(staging.gets("/config/beds").await, plain(200, "10"));
    for token in ["", "csvc_wrong", &h.admin().token] {
        let other = Program { token: token.to_owned(), ..dev.clone() };
        for (method, path) in [
            (Method::GET, "/config"),
            (Method::GET, "/config/beds"),
            (Method::PUT, "/config/beds"),
            (Method::DELETE, "/config/beds"),
            (Method::GET, "/config/beds/history"),
            (Method::GET, "/config/beds/at/2026-03-21T00:00:00Z"),
        ] {
            let body = (method == Method::PUT).then(|| json!({"value": 12}));
            refused(other.asks(method, path, body).await, 401, "unauthenticated");
        }
    }
    for path in ["/config", "/config/beds"] {
        let path = h.config(path.strip_prefix("/config").unwrap());
        let request = dev.client.get(format!("{}{path}", dev.server)).bearer_auth(&dev.token);
        assert_eq!(
            request.send().await.unwrap().status().as_u16(),
            401,
            "a program reads nothing of what people read"
        );
    }
    assert_eq!(dev.gets("/config/beds").await, plain(200, "11"));
}

/// Whoever reads after an answer, at whichever server, reads what was answered or something newer.
async fn every_server_reads_what_was_answered_before(h: &Harness) {
    h.has_parameters().await;
    let here = Program::of(h, "dev").await;
    let there = Program { server: h.starts_another_server().await, ..here.clone() };
    for round in 0..20 {
        let (writer, reader) = if round % 2 == 0 { (&here, &there) } else { (&there, &here) };
        assert_eq!(writer.puts("beds", json!(100 + round)).await, plain(200, "OK"));
        assert_eq!(reader.gets("/config/beds").await, plain(200, &(100 + round).to_string()));
        assert_eq!(writer.gets("/config/beds").await, plain(200, &(100 + round).to_string()));
    }
    // Readers at both see a value that only grows, while writers at both make it grow.
    let writing = async {
        for round in 0..20 {
            let writer = if round % 2 == 0 { &here } else { &there };
            assert_eq!(writer.puts("beds", json!(200 + round)).await, plain(200, "OK"));
        }
    };
    let reading = join_all([&here, &there, &here, &there].map(|reader| async move {
        let mut least = 0;
        while least < 219 {
            let (status, text) = reader.gets("/config/beds").await;
            let seen: u64 = text.parse().unwrap();
            assert!(status == 200 && seen >= least, "{seen} after {least}");
            least = seen;
        }
    }));
    tokio::join!(writing, reading);
}

/// A parameter may have the name of the route that saves several.
async fn a_parameter_may_be_called_save(h: &Harness) {
    let catalog = "parameters:\n  - {name: save, type: int, default: 5}\n";
    let release = h.released(&[("catalog/save.yml", catalog)]).await;
    h.deploys(&release, "dev").await;
    let (save, program) = (h.config("/save"), Program::of(h, "dev").await);
    let read = async || {
        let of_member = h.author().get(&save).await;
        assert_eq!(program.gets("/config/save").await, (of_member.status, of_member.text.clone()));
        of_member.text
    };
    assert_eq!(read().await, "5");
    h.manager().put(&save, &json!({"value": 6})).await.ok();
    assert_eq!(read().await, "6");
    let several = json!({"base_version": 2, "values": {"save": 7}});
    h.manager().post(&save, &several).await.ok();
    assert_eq!(read().await, "7");
    h.manager().delete(&save).await.ok();
    assert_eq!(read().await, "5");
}

/// More changes than are read at once, as one list, oldest first.
async fn a_long_history_is_told_whole(h: &Harness) {
    h.has_parameters().await;
    let program = Program::of(h, "dev").await;
    for value in 1..=401 {
        assert_eq!(program.puts("beds", json!(1_000 + value)).await, plain(200, "OK"));
    }
    let (status, text) = program.gets("/config/beds/history").await;
    let events: Vec<Value> = serde_json::from_str(&text).unwrap();
    let values: Vec<u64> = events.iter().map(|event| event["data"]["value"].as_u64().unwrap()).collect();
    let expected: Vec<u64> = std::iter::once(10).chain(1_001..=1_401).collect();
    assert_eq!((status, values), (200, expected));
}

/// Whoever asks while PostgreSQL is away is told to ask again, and finds everything as it was.
async fn a_database_that_is_away_is_told_as_that(h: &Harness) {
    h.has_parameters().await;
    let program = Program::of(h, "dev").await;
    assert_eq!(program.puts("beds", json!(11)).await, plain(200, "OK"));
    if !h.postgres_is_away(true).await {
        return;
    }
    let away = async |method: Method, path: &str, body: Option<Value>| {
        let problem = refused(program.asks(method, path, body).await, 503, "unavailable");
        assert!(!problem.to_string().contains("postgres"), "{problem}");
    };
    // For a moment the value is known, since nobody can have changed it.
    while program.gets("/config/beds").await.0 == 200 {}
    away(Method::GET, "/config/beds", None).await;
    away(Method::GET, "/config", None).await;
    away(Method::GET, "/config/beds/history", None).await;
    away(Method::GET, "/config/beds/at/2026-03-21T00:00:00Z", None).await;
    away(Method::PUT, "/config/beds", Some(json!({"value": 12}))).await;
    let of_member = program.client.get(format!("{}{}", h.url, h.config(""))).bearer_auth(&h.manager().token);
    let answer = of_member.send().await.unwrap();
    assert_eq!((answer.status().as_u16(), answer.headers()["retry-after"].to_str().unwrap()), (503, "2"));
    assert_eq!(program.gets("/health").await.0, 503);
    h.postgres_is_away(false).await;
    // The save was decided before it met the database, and is finished by whoever comes next.
    assert_eq!(program.puts("low", json!(2)).await, plain(200, "OK"));
    let (status, text) = program.gets("/config/beds").await;
    assert!(status == 200 && (text == "11" || text == "12"), "{text}");
}
