//! Drafts of critical parameters: somebody edits, somebody else decides.

use crate::harness::{Answer, Harness, Person};
use futures::future::join_all;
use serde_json::{Value, json};

on_both! {
    flow_config_002_edit_a_critical_parameter_with_approval,
    an_editor_does_not_decide_on_their_own_draft,
    a_rejected_draft_changes_nothing,
    a_draft_whose_base_moved_is_looked_at_again,
    ten_approvals_at_once_are_one,
    what_is_wrong_with_a_draft_is_told,
    every_state_that_is_shown_can_be_asked_for,
}

impl Harness {
    fn drafts(&self, below: &str) -> String {
        self.admin().at(&format!("/environments/{}/drafts{below}", self.environments["dev"]))
    }

    async fn drafted(&self, person: &Person, base: u64, values: Value) -> Answer {
        let body = json!({"base_version": base, "values": values, "reason": "The pump is new."});
        person.post(&self.drafts(""), &body).await
    }

    /// A draft about the sample's one number; its id.
    pub(crate) async fn draft_of_beds(&self, person: &Person, environment: &str) -> String {
        let at = |below: &str| person.at(&format!("/environments/{environment}{below}"));
        let base = person.get(&at("/config")).await.ok()["config_version"].clone();
        let body = json!({"base_version": base, "values": {"beds": 33}, "reason": "A test."});
        let made = person.post(&at("/drafts"), &body).await.ok();
        made["id"].as_str().unwrap().to_owned()
    }
}

async fn approves(h: &Harness, person: &Person, draft: &Value, seen: u64) -> Answer {
    let path = h.drafts(&format!("/{}/approve", draft["id"].as_str().unwrap()));
    person.post(&path, &json!({"base_version": seen})).await
}

async fn rejects(h: &Harness, person: &Person, draft: &Value, reason: &str) -> Answer {
    let path = h.drafts(&format!("/{}/reject", draft["id"].as_str().unwrap()));
    person.post(&path, &json!({"reason": reason})).await
}

async fn seen(h: &Harness, draft: &Value) -> Value {
    h.author().get(&h.drafts(&format!("/{}", draft["id"].as_str().unwrap()))).await.ok()
}

/// The reference's journey: 202 and pending, listed, looked at, approved by another, applied, superseded later.
async fn flow_config_002_edit_a_critical_parameter_with_approval(h: &Harness) {
    h.has_parameters().await;
    let answer = h.drafted(&h.reviewer(), 1, json!({"dose": 2, "beds": 11})).await;
    assert_eq!(answer.status, 202, "{}", answer.text);
    let draft = answer.ok();
    assert_eq!((&draft["state"], &draft["edited_by"]["name"]), (&json!("pending_approval"), &json!("Rita")));
    assert_eq!(draft["changes"]["dose"], json!({"current": 1, "proposed": 2, "deleted": false}));
    assert_eq!(h.runs_now().await.0, 1, "nothing runs yet");
    let pending = h.manager().get(&h.drafts("?state=pending_approval")).await.ok();
    assert_eq!((&pending["total"], &pending["data"][0]["id"]), (&json!(1), &draft["id"]));
    assert_eq!(pending["data"][0]["allowed_actions"], json!(["approve", "reject"]));
    h.is_quiet().await;
    let told: Vec<Value> =
        h.all("/api/outbox").await.into_iter().filter(|mail| mail["event"] == "draft.submitted").collect();
    assert_eq!(told.len(), 3, "those who can approve, but not the editor: {told:?}");
    let approved = approves(h, &h.manager(), &draft, 1).await.ok();
    assert_eq!(approved["config_version"], 2);
    let values = h.runs_now().await.1;
    assert_eq!((&values["dose"], &values["beds"]), (&json!(2), &json!(11)));
    let row = h.history().await.pop().unwrap();
    assert_eq!(
        (&row["kind"], &row["changed_by"], &row["approved_by"], &row["reason"], &row["source_id"]),
        (&json!("draft"), &json!("Rita"), &json!("Mona"), &json!("The pump is new."), &draft["id"])
    );
    let now = seen(h, &draft).await;
    assert_eq!(
        (&now["state"], &now["approved_by"]["name"], &now["config_version"]),
        (&json!("active"), &json!("Mona"), &json!(2))
    );
    let audited = h.audited(draft["id"].as_str().unwrap()).await;
    assert_eq!(audited, ["draft.submitted", "draft.approved", "parameters.activated"]);
    h.is_quiet().await;
    let decided =
        h.all("/api/outbox").await.into_iter().filter(|mail| mail["event"] == "draft.decided").count();
    assert_eq!(decided, 1, "the editor is told");
    h.saves(&h.manager(), 2, json!({"beds": 12})).await.ok();
    assert_eq!(seen(h, &draft).await["state"], "superseded");
    approves(h, &h.manager(), &draft, 3).await.refused(409, "wrong_state");
}

async fn an_editor_does_not_decide_on_their_own_draft(h: &Harness) {
    h.has_parameters().await;
    let draft = h.drafted(&h.admin(), 1, json!({"dose": 2})).await.ok();
    let before = h.everything().await;
    approves(h, &h.admin(), &draft, 1).await.refused(403, "forbidden");
    rejects(h, &h.admin(), &draft, "no").await.refused(403, "forbidden");
    approves(h, &h.author(), &draft, 1).await.refused(403, "forbidden");
    rejects(h, &h.author(), &draft, "no").await.refused(403, "forbidden");
    h.drafted(&h.author(), 1, json!({"dose": 2})).await.refused(403, "forbidden");
    assert_eq!(h.admin().get(&h.drafts("")).await.ok()["data"][0]["allowed_actions"], json!([]));
    assert_eq!(h.everything().await, before);
    approves(h, &h.reviewer(), &draft, 1).await.ok();
}

async fn a_rejected_draft_changes_nothing(h: &Harness) {
    h.has_parameters().await;
    let draft = h.drafted(&h.reviewer(), 1, json!({"dose": 2})).await.ok();
    for reason in ["", " ", "a\u{1b}b"] {
        rejects(h, &h.manager(), &draft, reason).await.refused(400, "invalid");
    }
    let rejected = rejects(h, &h.manager(), &draft, "Not tonight.").await.ok();
    assert_eq!(
        (&rejected["state"], &rejected["rejection"], &rejected["rejected_by"]["name"]),
        (&json!("rejected"), &json!("Not tonight."), &json!("Mona"))
    );
    approves(h, &h.manager(), &draft, 1).await.refused(409, "wrong_state");
    rejects(h, &h.admin(), &draft, "Again.").await.refused(409, "wrong_state");
    assert_eq!((h.history().await.len(), h.runs_now().await.0), (1, 1));
    let audited = h.audited(draft["id"].as_str().unwrap()).await;
    assert_eq!(audited, ["draft.submitted", "draft.rejected"]);
}

/// What changed since is shown beside the draft, and has to be seen before the draft can be approved.
async fn a_draft_whose_base_moved_is_looked_at_again(h: &Harness) {
    h.has_parameters().await;
    let draft = h.drafted(&h.reviewer(), 1, json!({"dose": 2, "high": 30})).await.ok();
    h.saves(&h.manager(), 1, json!({"high": 20})).await.ok();
    let stale = approves(h, &h.manager(), &draft, 1).await.refused(409, "stale_base");
    assert_eq!(
        (&stale["details"]["config_version"], &stale["details"]["values"]["high"]),
        (&json!(2), &json!(20))
    );
    let now = seen(h, &draft).await;
    assert_eq!((&now["base_version"], &now["running_version"]), (&json!(1), &json!(2)));
    assert_eq!(now["changes"]["high"], json!({"current": 20, "proposed": 30, "deleted": false}));
    // What does not fit any more is not applied.
    h.saves(&h.manager(), 2, json!({"high": 50, "low": 40})).await.ok();
    let broken = approves(h, &h.manager(), &draft, 3).await.refused(400, "invalid");
    assert_eq!(broken["errors"][0]["pointer"], "/values/high");
    assert_eq!(seen(h, &draft).await["state"], "pending_approval");
    h.saves(&h.manager(), 3, json!({"low": 10})).await.ok();
    assert_eq!(approves(h, &h.manager(), &draft, 4).await.ok()["config_version"], 5);
    let values = h.runs_now().await.1;
    assert_eq!((&values["dose"], &values["high"], &values["low"]), (&json!(2), &json!(30), &json!(10)));
}

async fn ten_approvals_at_once_are_one(h: &Harness) {
    h.has_parameters().await;
    let draft = h.drafted(&h.reviewer(), 1, json!({"dose": 2})).await.ok();
    let people = [h.manager(), h.second_reviewer()];
    let answers = join_all((0..10).map(|n| approves(h, &people[n % 2], &draft, 1))).await;
    assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 1);
    assert!(answers.iter().all(|answer| answer.is_ok() || answer.status == 409), "{answers:?}");
    assert_eq!(h.history().await.len(), 2);
}

async fn what_is_wrong_with_a_draft_is_told(h: &Harness) {
    h.has_parameters().await;
    let before = h.everything().await;
    h.drafted(&h.reviewer(), 1, json!({"dose": 11})).await.refused(400, "invalid");
    h.drafted(&h.reviewer(), 1, json!({})).await.refused(400, "invalid");
    h.drafted(&h.reviewer(), 0, json!({"dose": 2})).await.refused(409, "stale_base");
    for body in [
        json!({"base_version": 1, "values": {"dose": 2}}),
        json!({"base_version": 1, "values": {"dose": 2}, "reason": " "}),
        json!({"base_version": 1, "values": {"dose": 2}, "reason": "x", "state": "approved"}),
    ] {
        h.reviewer().post(&h.drafts(""), &body).await.refused(400, "invalid");
    }
    h.reviewer().get(&h.drafts("?state=draft")).await.refused(400, "invalid");
    let nobody = json!({"id": h.app});
    approves(h, &h.manager(), &nobody, 1).await.refused(404, "not_found");
    assert_eq!(h.everything().await, before);
}

/// Whatever state a draft is shown in, it is listed under that one and under no other, page by page.
async fn every_state_that_is_shown_can_be_asked_for(h: &Harness) {
    h.has_parameters().await;
    for n in 0..5 {
        h.saves(&h.manager(), 1 + n, json!({"beds": 11 + n})).await.ok();
    }
    // Older than a save that is decided before it.
    let draft = h.drafted(&h.reviewer(), 6, json!({"dose": 2})).await.ok();
    let rejected = h.drafted(&h.reviewer(), 6, json!({"dose": 3})).await.ok();
    rejects(h, &h.manager(), &rejected, "No.").await.ok();
    h.saves(&h.manager(), 6, json!({"beds": 20})).await.ok();
    let states = ["pending_approval", "approved", "active", "superseded", "rejected", "failed"];
    for decided in [false, true] {
        if decided {
            approves(h, &h.manager(), &draft, 7).await.ok();
        }
        let all = h.all(&h.drafts("")).await;
        assert_eq!(all.len(), 8);
        for state in states {
            let shown: Vec<_> =
                all.iter().filter(|draft| draft["state"] == state).map(|d| &d["id"]).collect();
            for limit in [1, 2, 3, 50] {
                let mut listed = Vec::new();
                for page in 1..=9 {
                    let path = h.drafts(&format!("?state={state}&limit={limit}&page={page}"));
                    let found = h.author().get(&path).await.ok();
                    assert_eq!(found["total"], shown.len(), "{state}");
                    let rows = found["data"].as_array().unwrap();
                    assert!(rows.iter().all(|row| row["state"] == state));
                    listed.extend(rows.iter().map(|row| row["id"].clone()));
                }
                assert_eq!(listed.iter().collect::<Vec<_>>(), shown, "{state} by {limit}");
            }
        }
    }
}
