//! Freeze windows: what they refuse, who makes them, who sets them aside, and that no write slips past a new one.

use crate::harness::{Answer, Harness, Person};
use crate::values::Program;
use chrono::{TimeDelta, Utc};
use conman_domain::Timestamp;
use futures::future::join_all;
use serde_json::{Value, json};

on_both! {
    flow_config_008_a_frozen_environment_refuses_writes,
    a_deployment_that_would_start_in_a_freeze_does_not_happen,
    an_approval_sets_aside_the_freeze_that_came_meanwhile,
    an_app_admin_sets_a_freeze_aside_once,
    a_recurring_freeze_is_told_and_heeded,
    only_app_admins_make_freezes,
    what_is_wrong_with_a_freeze_is_told_by_its_field,
    no_save_slips_past_a_new_freeze,
}

/// An instant so many minutes from now.
fn minutes(from_now: i64) -> String {
    Timestamp::new(Utc::now()).plus(TimeDelta::minutes(from_now)).to_string()
}

/// A freeze of the next hour.
pub(crate) fn hour() -> Value {
    json!({
        "name": "Stocktaking",
        "banner": "The ward is counted.",
        "schedule": {"kind": "once", "starts_at": minutes(-1), "ends_at": minutes(60)},
    })
}

impl Harness {
    fn freezes(&self, environment: &str, below: &str) -> String {
        self.admin().at(&format!("/environments/{}/freeze-windows{below}", self.environments[environment]))
    }

    pub(crate) async fn freezes_now(&self, environment: &str) -> Answer {
        let made = self.admin().post(&self.freezes(environment, ""), &hour()).await;
        assert_eq!(made.status, 201, "{}", made.text);
        made
    }

    pub(crate) async fn thaws(&self, environment: &str, window: &Value) {
        let path = self.freezes(environment, &format!("/{}", window["id"].as_str().unwrap()));
        assert_eq!(self.admin().delete(&path).await.status, 204);
    }
}

async fn overrides(h: &Harness, person: &Person, base: u64, beds: u64, reason: &str) -> Answer {
    let body = json!({"base_version": base, "values": {"beds": beds}, "override_freeze": reason});
    person.post(&h.config("/save"), &body).await
}

/// The reference's flow: saving, deploying and approving are refused with banner and end, reading and drafting are not.
async fn flow_config_008_a_frozen_environment_refuses_writes(h: &Harness) {
    h.has_parameters().await;
    let release = h.released(&[("pages/a.yml", "name: a\n")]).await;
    let program = Program::of(h, "dev").await;
    let body = json!({"base_version": 1, "values": {"dose": 2}, "reason": "The pump is new."});
    let drafts = h.manager().at(&format!("/environments/{}/drafts", h.environments["dev"]));
    let draft = h.reviewer().post(&drafts, &body).await.ok()["id"].as_str().unwrap().to_owned();
    assert_eq!(h.environment("dev").await["freeze"], Value::Null);
    let window = h.freezes_now("dev").await.ok();
    let dev = h.environment("dev").await;
    assert_eq!(
        (&dev["freeze"]["name"], &dev["freeze"]["banner"], &dev["freeze"]["ends_at"]),
        (&json!("Stocktaking"), &json!("The ward is counted."), &window["schedule"]["ends_at"])
    );
    let before = h.everything().await;
    for person in [h.reviewer(), h.admin()] {
        let frozen = h.saves(&person, 1, json!({"beds": 11})).await.refused(423, "frozen");
        assert_eq!(frozen["details"]["ends_at"], window["schedule"]["ends_at"]);
        assert_eq!(frozen["details"]["banner"], "The ward is counted.");
        let text = frozen["detail"].as_str().unwrap();
        assert!(text.contains("Stocktaking") && text.contains("override"), "{text}");
    }
    h.reviewer().put(&h.config("/beds"), &json!({"value": 11})).await.refused(423, "frozen");
    assert_eq!(program.puts("beds", json!(11)).await.0, 423);
    h.manager().asks_to_deploy(&release, "dev").await.refused(423, "frozen");
    h.manager().asks_to_go_back(&release, "dev").await.refused(409, "never_ran");
    let approve = format!("{drafts}/{draft}/approve");
    h.manager().post(&approve, &json!({"base_version": 1})).await.refused(423, "frozen");
    // What is wrong anyway is told first.
    h.saves(&h.reviewer(), 1, json!({"beds": 0})).await.refused(400, "invalid");
    h.saves(&h.reviewer(), 1, json!({"dose": 3})).await.refused(403, "approval_required");
    assert_eq!(h.everything().await, before);
    h.reviewer().post(&drafts, &body).await.ok();
    h.thaws("dev", &window).await;
    h.saves(&h.reviewer(), 1, json!({"beds": 11})).await.ok();
    h.manager().post(&approve, &json!({"base_version": 2})).await.ok();
    h.deploys(&release, "dev").await;
}

/// It was asked for before the freeze, and its approvals come while it lasts.
async fn a_deployment_that_would_start_in_a_freeze_does_not_happen(h: &Harness) {
    let release = h.released(&[("pages/a.yml", "name: a\n")]).await;
    let asked = h.manager().asks_to_deploy(&release, "prod").await.ok();
    assert_eq!((&asked["kind"], &asked["state"]), (&json!("skip_stage"), &json!("pending")));
    h.freezes_now("prod").await.ok();
    let path = h.admin().at(&format!("/deployments/{}", asked["id"].as_str().unwrap()));
    for person in [h.reviewer(), h.second_reviewer()] {
        person.post(&format!("{path}/approvals"), &json!({})).await.ok();
    }
    h.is_quiet().await;
    let ended = h.admin().get(&path).await.ok();
    assert_eq!(
        (&ended["state"], &ended["failure"]["cause"]),
        (&json!("failed"), &json!("rejected")),
        "{ended}"
    );
    let reason = ended["failure"]["reason"].as_str().unwrap();
    assert!(reason.contains("frozen until") && reason.contains("Stocktaking"), "{reason}");
    assert_eq!(h.environment("prod").await["running"], Value::Null);
    // The other environments are not frozen.
    h.deploys(&release, "dev").await;
}

/// An app admin who approves may set the freeze aside that began meanwhile; nobody else may.
async fn an_approval_sets_aside_the_freeze_that_came_meanwhile(h: &Harness) {
    let release = h.released(&[("pages/a.yml", "name: a\n")]).await;
    let asked = h.manager().asks_to_deploy(&release, "prod").await.ok();
    h.freezes_now("prod").await.ok();
    let path = h.admin().at(&format!("/deployments/{}", asked["id"].as_str().unwrap()));
    let approvals = format!("{path}/approvals");
    let with_reason = |reason: &str| json!({"override_freeze": reason});
    h.reviewer().post(&approvals, &with_reason("I want to.")).await.refused(403, "forbidden");
    h.reviewer().post(&approvals, &json!({})).await.ok();
    let silent = h.admin().post(&approvals, &with_reason(" ")).await.refused(400, "invalid");
    assert_eq!(silent["errors"][0]["pointer"], "/override_freeze");
    let asked = h.admin().post(&approvals, &with_reason("The ward waits for it.")).await;
    let ended = h.deployment_ends(asked).await;
    assert_eq!(
        (&ended["state"], &ended["freeze_override"]["reason"]),
        (&json!("succeeded"), &json!("The ward waits for it.")),
        "{ended}"
    );
}

async fn an_app_admin_sets_a_freeze_aside_once(h: &Harness) {
    h.has_parameters().await;
    let release = h.released(&[("pages/a.yml", "name: a\n")]).await;
    let window = h.freezes_now("dev").await.ok();
    let before = h.everything().await;
    overrides(h, &h.manager(), 1, 11, "I want to.").await.refused(403, "forbidden");
    let silent = overrides(h, &h.admin(), 1, 11, " ").await.refused(400, "invalid");
    assert_eq!(silent["errors"][0]["pointer"], "/override_freeze");
    overrides(h, &h.admin(), 1, 0, "An emergency.").await.refused(400, "invalid");
    assert_eq!(h.everything().await, before);
    overrides(h, &h.admin(), 1, 11, "An emergency.").await.ok();
    h.saves(&h.admin(), 2, json!({"beds": 12})).await.refused(423, "frozen");
    // Two windows at once: both are set aside, when it is asked for and when it starts.
    let second = h.freezes_now("dev").await.ok();
    let deploy = h.admin().at(&format!("/environments/{}/deploy", h.environments["dev"]));
    let body = json!({"release_id": release.id, "override_freeze": "The page is broken."});
    let asked = h.admin().post(&deploy, &body).await;
    let ended = h.deployment_ends(asked).await;
    assert_eq!(ended["state"], "succeeded", "{ended}");
    assert_eq!(
        (
            &ended["freeze_override"]["reason"],
            &ended["freeze_override"]["window_ids"].as_array().unwrap().len()
        ),
        (&json!("The page is broken."), &2)
    );
    h.manager().asks_to_deploy(&release, "dev").await.refused(423, "frozen");
    h.thaws("dev", &second).await;
    h.manager().asks_to_deploy(&release, "dev").await.refused(423, "frozen");
    let audited = h.audited(second["id"].as_str().unwrap()).await;
    assert_eq!(audited, ["freeze_window.added", "freeze.overridden", "freeze_window.removed"]);
    let audited = h.audited(window["id"].as_str().unwrap()).await;
    assert_eq!(audited, ["freeze_window.added", "freeze.overridden", "freeze.overridden"]);
    h.is_quiet().await;
    let mails = h.all("/api/outbox").await;
    let told: Vec<&Value> = mails.iter().filter(|mail| mail["event"] == "freeze.overridden").collect();
    assert!(!told.is_empty(), "the config managers are told");
    assert!(told.iter().any(|mail| mail.to_string().contains("An emergency.")), "{told:?}");
    // Where nothing is frozen, there is nothing to set aside.
    h.thaws("dev", &window).await;
    overrides(h, &h.admin(), 3, 13, "To be sure.").await.ok();
    overrides(h, &h.reviewer(), 4, 14, "To be sure.").await.ok();
    assert_eq!(h.audited(window["id"].as_str().unwrap()).await.len(), 4);
    // Going back to the default is a write like any other.
    h.freezes_now("dev").await.ok();
    h.admin().delete(&h.config("/beds")).await.refused(423, "frozen");
    let aside = h.config("/beds?override_freeze=An%20emergency.");
    h.manager().delete(&aside).await.refused(403, "forbidden");
    h.admin().delete(&aside).await.ok();
    assert_eq!(h.runs_now().await.1["beds"], 10);
}

async fn a_recurring_freeze_is_told_and_heeded(h: &Harness) {
    h.has_parameters().await;
    let daily = |minutes: u32| {
        json!({"name": "Always", "schedule": {"kind": "recurring", "rule": "FREQ=DAILY", "time_zone": "Europe/Berlin",
            "starts_at": "2020-01-01T03:00", "minutes": minutes}})
    };
    // Two days each, every day: the environment is frozen at any time.
    let made = h.admin().post(&h.freezes("dev", ""), &daily(2 * 24 * 60)).await;
    let etag = made.etag();
    let window = made.ok();
    assert!(window["now"]["ends_at"].is_string() && window["next"]["starts_at"].is_string(), "{window}");
    h.saves(&h.reviewer(), 1, json!({"beds": 11})).await.refused(423, "frozen");
    let path = h.freezes("dev", &format!("/{}", window["id"].as_str().unwrap()));
    let far = json!({"name": "Later", "schedule": {"kind": "once", "starts_at": minutes(600), "ends_at": minutes(660)}});
    let changed = h.admin().put_if(&path, &etag, &far).await.ok();
    assert_eq!(
        (&changed["name"], &changed["now"], &changed["banner"]),
        (&json!("Later"), &json!(null), &json!(""))
    );
    h.admin().put_if(&path, &etag, &daily(1)).await.refused(412, "stale_version");
    let dev = h.environment("dev").await;
    assert_eq!((&dev["freeze"], &dev["next_freeze"]["name"]), (&json!(null), &json!("Later")));
    h.saves(&h.reviewer(), 1, json!({"beds": 11})).await.ok();
    let listed = h.author().get(&h.freezes("dev", "")).await.ok();
    assert_eq!(
        (listed["data"].as_array().unwrap().len(), &listed["data"][0]["allowed_actions"]),
        (1, &json!([]))
    );
}

async fn only_app_admins_make_freezes(h: &Harness) {
    let window = h.freezes_now("dev").await;
    let etag = window.etag();
    let id = window.ok()["id"].as_str().unwrap().to_owned();
    let path = h.freezes("dev", &format!("/{id}"));
    let before = h.admin().get(&h.freezes("dev", "")).await.ok();
    for person in [h.author(), h.reviewer(), h.manager()] {
        person.post(&h.freezes("dev", ""), &hour()).await.refused(403, "forbidden");
        person.put_if(&path, &etag, &hour()).await.refused(403, "forbidden");
        person.delete(&path).await.refused(403, "forbidden");
        assert_eq!(person.get(&path).await.ok()["name"], "Stocktaking");
    }
    // It is no window of another environment.
    h.admin().get(&h.freezes("prod", &format!("/{id}"))).await.refused(404, "not_found");
    h.admin().delete(&h.freezes("prod", &format!("/{id}"))).await.refused(404, "not_found");
    assert_eq!(h.admin().get(&h.freezes("dev", "")).await.ok(), before);
}

async fn what_is_wrong_with_a_freeze_is_told_by_its_field(h: &Harness) {
    let good = hour()["schedule"].clone();
    let recurring = |rule: &str, zone: &str| json!({"kind": "recurring", "rule": rule, "time_zone": zone, "starts_at": "2026-01-01T00:00", "minutes": 60});
    for (name, schedule, pointer) in [
        (" ", good.clone(), "/name"),
        ("a\u{1b}b", good.clone(), "/name"),
        (
            "Over",
            json!({"kind": "once", "starts_at": minutes(-60), "ends_at": minutes(-1)}),
            "/schedule/ends_at",
        ),
        (
            "Back",
            json!({"kind": "once", "starts_at": minutes(60), "ends_at": minutes(1)}),
            "/schedule/ends_at",
        ),
        ("Often", recurring("FREQ=SECONDLY", "UTC"), "/schedule/rule"),
        ("Never", recurring("FREQ=MONTHLY;BYMONTH=2;BYMONTHDAY=30", "UTC"), "/schedule/rule"),
        ("Nowhere", recurring("FREQ=DAILY", "Moon/Tycho"), "/schedule/time_zone"),
    ] {
        let body = json!({"name": name, "schedule": schedule});
        let refused = h.admin().post(&h.freezes("dev", ""), &body).await.refused(400, "invalid");
        assert_eq!(refused["errors"][0]["pointer"], pointer, "{refused}");
    }
    assert_eq!(h.admin().get(&h.freezes("dev", "")).await.ok()["data"], json!([]));
}

/// Whatever was decided before the window was made, nothing is decided after it.
async fn no_save_slips_past_a_new_freeze(h: &Harness) {
    h.has_parameters().await;
    let person = h.reviewer();
    let saves = join_all((0..40).map(|n| {
        let person = &person;
        async move { person.put(&h.config("/beds"), &json!({"value": 100 + n})).await }
    }));
    let freezes = async {
        h.until("some are saved", async || (h.runs_now().await.0 > 3).then_some(())).await;
        h.freezes_now("dev").await.ok();
        h.is_quiet().await;
        h.runs_now().await
    };
    let (saved, at_freeze) = futures::join!(saves, freezes);
    let frozen = saved.iter().filter(|answer| answer.status == 423).count();
    let done = saved.iter().filter(|answer| answer.status == 200).count();
    assert_eq!(frozen + done, 40);
    let (version, _) = h.runs_now().await;
    assert_eq!(version, 1 + done as u64);
    // A save that was decided before may still have been on its way to run.
    assert!(version <= at_freeze.0 + 1, "{version} after the freeze at {}", at_freeze.0);
}
