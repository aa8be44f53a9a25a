//! What operators see: metrics, traced events, alerts and dashboards that speak of metrics which exist.

use crate::harness::{Answer, Harness};
use parking_lot::Mutex;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, OnceLock};
use tracing_subscriber::fmt::MakeWriter;
use uuid::Uuid;

on_both! {
    what_happens_is_measured_and_traced,
}

/// What was traced, a line of JSON per event.
#[derive(Clone, Default)]
struct Traced(Arc<Mutex<Vec<u8>>>);

impl Write for Traced {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Traced {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

impl Traced {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().clone()).unwrap()
    }

    /// Listens to the whole process, once: the server works on threads of its own.
    fn begins() -> Self {
        static TRACED: OnceLock<Traced> = OnceLock::new();
        let begin = || {
            let traced = Self::default();
            let subscriber = tracing_subscriber::fmt().json().with_writer(traced.clone());
            let subscriber = subscriber.with_max_level(tracing::Level::INFO).finish();
            tracing::subscriber::set_global_default(subscriber).expect("nobody else listens");
            traced
        };
        TRACED.get_or_init(begin).clone()
    }

    /// The fields of the events of one name.
    fn events(&self, name: &str) -> Vec<Value> {
        let lines: Vec<Value> = self.text().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        lines
            .into_iter()
            .map(|line| line["fields"].clone())
            .filter(|fields| fields["event"] == name)
            .collect()
    }
}

/// The metrics as Prometheus reads them.
async fn metrics(h: &Harness) -> String {
    let asked = h.admin().client.get(format!("{}/metrics", h.url));
    let answer = Answer::to(asked, "the metrics".to_owned()).await;
    assert_eq!(answer.status, 200);
    answer.text
}

async fn what_happens_is_measured_and_traced(h: &Harness) {
    let traced = Traced::begins();
    h.has_parameters().await;
    let (quick, late) = (Uuid::now_v7(), Uuid::now_v7());
    h.worker_says(quick, "quick", 1, json!({})).await;
    h.worker_says(late, "late", 1, json!({"forbidden_applications": 2})).await;
    assert!(h.saves(&h.manager(), 1, json!({"beds": 4711})).await.is_ok());
    h.worker_says(quick, "quick", 2, json!({})).await;
    let wish = json!({"base_version": 2, "values": {"dose": 7.25}, "reason": "The pump is new."});
    let drafts = h.admin().at(&format!("/environments/{}/drafts", h.environments["dev"]));
    let draft = h.reviewer().post(&drafts, &wish).await.ok();
    let approve = format!("{drafts}/{}/approve", draft["id"].as_str().unwrap());
    h.manager().post(&approve, &json!({"base_version": 2})).await.ok();
    for (base, beds) in [(3, 4712), (4, 4713)] {
        assert!(h.saves(&h.manager(), base, json!({"beds": beds})).await.is_ok());
    }
    h.worker_says(quick, "quick", 5, json!({})).await;
    // Somebody who does not get in is counted as well.
    let login = h.admin().client.post(format!("{}/api/auth/login", h.url)).header("origin", &h.url);
    let wrong = json!({"email": "nobody@lab.example", "password": "not-a-password"});
    Answer::to(login.json(&wrong), "a wrong password".to_owned()).await.refused(401, "unauthenticated");
    let wish = json!({"environment_id": h.environments["dev"], "code_version": "v1"});
    h.author().post(&h.admin().at("/parameter-sets"), &wish).await.ok();
    h.is_quiet().await;

    let dev = r#"{app="ward",environment="dev"}"#;
    let lines = [
        format!("conman_active_version{dev} 5"),
        format!("conman_worker_lag_versions_max{dev} 4"),
        format!("conman_worker_forbidden_applications{dev} 2"),
        format!("conman_rollbacks_total{dev} 0"),
        r#"conman_workers{app="ward",environment="dev",state="current"} 1"#.to_owned(),
        r#"conman_workers{app="ward",environment="dev",state="lagging"} 1"#.to_owned(),
        r#"conman_active_version{app="ward",environment="prod"} 0"#.to_owned(),
        r#"conman_changesets_queued{app="ward"} 0"#.to_owned(),
        r#"conman_jobs_finished_total{state="succeeded",type="deploy_release"} 1"#.to_owned(),
        // Version 1 at both, 2 and 5 at one.
        format!("conman_distribution_seconds_count{dev} 4"),
    ];
    // A look may be a second old.
    let text = h.until("the metrics are up to date", || async {
        let text = metrics(h).await;
        lines.iter().all(|line| text.lines().any(|found| found == line)).then_some(text)
    });
    let text = text.await;
    metrics_that_are_spoken_of_exist(&text);

    for (name, version) in [
        ("config_change_saved", 2),
        ("config_change_approved", 3),
        ("config_change_applied", 5),
        ("worker_lag_behind", 5),
        ("parameter_set_frozen", 5),
    ] {
        let events = traced.events(name);
        let event = events.iter().find(|event| event["version"] == version);
        let event = event.unwrap_or_else(|| panic!("no {name} of {version} in {}", traced.text()));
        assert_eq!((&event["app"], &event["environment"]), (&json!("ward"), &json!("dev")), "{event}");
    }
    let approved = traced.events("config_change_approved").remove(0);
    assert_eq!(
        (&approved["parameters"], &approved["changed_by"], &approved["approved_by"]),
        (&json!("dose"), &json!("Rita"), &json!("Mona"))
    );
    let applied = traced.events("config_change_applied");
    assert!(applied.iter().any(|e| e["parameters"] == "beds" && e["changed_by"] == "Mona"), "{applied:?}");
    let text = traced.text();
    for value in ["4711", "4712", "7.25"] {
        assert!(!text.contains(value), "a value is in the log: {text}");
    }
    assert_eq!(metrics(h).await.matches("4711").count(), 0);

    if h.cuts_connections().await {
        let reconnects = || async { traced.events("listen_reconnect").pop() };
        h.until("the lost connection is told", reconnects).await;
        // What changed is heard of again: the metrics follow a write that came after.
        assert!(h.saves(&h.manager(), 5, json!({"beds": 4714})).await.is_ok());
        let sixth = format!("conman_active_version{dev} 6");
        h.until("the metrics follow", || async { metrics(h).await.contains(&sixth).then_some(()) }).await;
    }
}

fn deploy(below: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy").join(below)
}

/// Every expression of the alerts and of the dashboards, with what their legends name.
fn spoken_of() -> Vec<(String, String)> {
    fn walk(value: &Value, found: &mut Vec<(String, String)>) {
        if let Some(expression) = value["expr"].as_str() {
            found
                .push((expression.to_owned(), value["legendFormat"].as_str().unwrap_or_default().to_owned()));
        }
        match value {
            Value::Object(fields) => fields.values().for_each(|field| walk(field, found)),
            Value::Array(items) => items.iter().for_each(|item| walk(item, found)),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }
    let mut found = Vec::new();
    for name in ["overview", "workers", "audit"] {
        let text = std::fs::read_to_string(deploy(&format!("grafana/{name}.json"))).unwrap();
        walk(&serde_json::from_str(&text).unwrap(), &mut found);
    }
    let rules = std::fs::read_to_string(deploy("prometheus/rules.yml")).unwrap();
    let expressions = rules.lines().filter_map(|line| line.trim().strip_prefix("expr: "));
    found.extend(expressions.map(|expression| (expression.to_owned(), String::new())));
    found
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').filter(|word| !word.is_empty())
}

/// The labels that an expression speaks of: in `by (…)`, in `{…}`, and in its legend.
fn labels(expression: &str, legend: &str) -> BTreeSet<String> {
    let mut found: BTreeSet<String> = BTreeSet::new();
    for part in expression.split("by (").skip(1) {
        found.extend(words(part.split(')').next().unwrap()).map(str::to_owned));
    }
    for part in expression.split('{').skip(1) {
        let name = |matcher: &str| words(matcher.split(['=', '!']).next().unwrap()).next().map(str::to_owned);
        found.extend(part.split('}').next().unwrap().split(',').filter_map(name));
    }
    found.extend(legend.split("{{").skip(1).map(|part| part.split("}}").next().unwrap().to_owned()));
    found
}

fn metrics_that_are_spoken_of_exist(text: &str) {
    let mut names = BTreeSet::new();
    for (expression, legend) in spoken_of() {
        let labels = labels(&expression, &legend);
        for name in words(&expression).filter(|word| word.starts_with("conman_")) {
            names.insert(name.to_owned());
            let sample = text.lines().find(|line| {
                line.strip_prefix(name).is_some_and(|rest| rest.starts_with('{') || rest.starts_with(' '))
            });
            let sample = sample.unwrap_or_else(|| panic!("{expression}: there is no {name}"));
            for label in &labels {
                assert!(
                    sample.contains(&format!("{label}=\"")),
                    "{expression}: {name} has no {label}: {sample}"
                );
            }
        }
    }
    assert!(names.len() >= 15, "{names:?}");
    let explained = std::fs::read_to_string(deploy("../docs/observability.md")).unwrap();
    for line in text.lines().filter_map(|line| line.strip_prefix("# TYPE ")) {
        let name = line.split(' ').next().unwrap();
        assert!(explained.contains(&format!("`{name}`")), "docs/observability.md does not explain {name}");
    }
}

/// The alerts fire when they should, and not before.
#[test]
fn alerts_fire_when_they_should() {
    let folder = deploy("prometheus");
    for arguments in [["check", "rules", "rules.yml"], ["test", "rules", "rules_test.yml"]] {
        let ran = Command::new("promtool").args(arguments).current_dir(&folder).output();
        let ran =
            ran.expect("promtool runs: install Debian's package `prometheus`, or run `cargo xtask test`");
        let said = [ran.stdout, ran.stderr].concat();
        assert!(ran.status.success(), "{}", String::from_utf8_lossy(&said));
    }
}
