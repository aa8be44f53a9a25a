//! What waits for whom, over all apps.

use crate::harness::{Harness, Person, Someone, sample_bundle};
use conman_domain::Timestamp;
use conman_domain::access::Invite;
use conman_store::collections::INVITE_PENDING;
use conman_store::{Batch, Query};
use reqwest::Method;
use serde_json::{Value, json};

on_both! {
    a_change_waits_for_one_after_the_other,
    what_came_back_waits_for_its_author,
    the_queue_is_offered_only_where_it_takes_the_changeset,
    what_holds_an_environment_comes_first_and_in_pages,
    it_is_told_to_members_alone,
    invites_that_ended_wait_for_admins,
}

async fn waits(person: &Person) -> Vec<Value> {
    let list = person.get("/api/me/waiting?limit=200").await.ok();
    let data = list["data"].as_array().unwrap().clone();
    assert_eq!(list["total"], data.len(), "{list}");
    data
}

/// What a person is waited for: kinds with titles.
async fn asked(person: &Person) -> Vec<String> {
    let told = |row: &Value| format!("{} {}", row["kind"].as_str().unwrap(), row["title"].as_str().unwrap());
    waits(person).await.iter().map(told).collect()
}

async fn all_asked(h: &Harness) -> Vec<(&'static str, Vec<String>)> {
    let mut all = Vec::new();
    for person in [h.author(), h.second_author(), h.reviewer(), h.second_reviewer(), h.manager()] {
        let asked = asked(&person).await;
        if !asked.is_empty() {
            all.push((person.name, asked));
        }
    }
    all
}

fn told(expected: &[(&'static str, &str)]) -> Vec<(&'static str, Vec<String>)> {
    expected.iter().map(|(name, row)| (*name, vec![(*row).to_owned()])).collect()
}

async fn a_change_waits_for_one_after_the_other(h: &Harness) {
    assert_eq!(all_asked(h).await, []);
    let change = h.author().edits("pages/a.yml", "name: a\n").titled("More beds").drafts().await;
    assert_eq!(all_asked(h).await, told(&[("ana", "submit #1 More beds")]));

    h.author().does(&change, "submit").await.ok();
    h.validated(&change).await;
    let review = "review #1 More beds";
    assert_eq!(all_asked(h).await, told(&[("rita", review), ("ravi", review), ("mona", review)]));
    let row = &waits(&h.reviewer()).await[0];
    assert_eq!(
        (&row["action"], &row["urgent"], &row["who"]["name"], &row["app"]["id"], &row["approvals"]),
        (&json!("approve"), &json!(false), &json!("Ana"), &json!(h.app), &json!({"given": 0, "required": 1}))
    );
    assert_eq!(row["page"], json!({"kind": "changeset", "changeset_id": change.id}));
    assert_eq!(row["subject_id"], json!(change.id));
    assert_eq!(row["since"], h.author().sees(&change).await["updated_at"]);

    h.reviewer().approves(&change).await;
    let queue = "queue #1 More beds";
    assert_eq!(all_asked(h).await, told(&[("ana", queue), ("mona", queue)]));
    h.author().queues(&change).await;
    assert_eq!(all_asked(h).await, told(&[("mona", "draft_release #1")]));
    assert_eq!(waits(&h.manager()).await[0]["page"], json!({"kind": "queue"}));
    let release = h.manager().drafts_release(&[&change]).await;
    assert_eq!(all_asked(h).await, told(&[("mona", "assemble #1")]));
    h.composes(&release, "continue").await;
    assert_eq!(all_asked(h).await, told(&[("mona", "publish #1")]));
    let row = &waits(&h.manager()).await[0];
    assert_eq!(row["page"], json!({"kind": "release", "release_id": release.id}));
    h.publishes(&release).await;
    assert_eq!(all_asked(h).await, []);
}

async fn what_came_back_waits_for_its_author(h: &Harness) {
    let change = h.author().edits("pages/a.yml", "name: a\n").titled("A").submits().await;
    h.reviewer().reviews(&change, 1, "request_changes").await.ok();
    assert_eq!(all_asked(h).await, told(&[("ana", "answer_review #1 A")]));
    // A revision that the validation refuses.
    h.author().opens().of(&change).puts("pages/a.yml", "name: a\nname: b\n").saves().await;
    h.author().does(&change, "resubmit").await.ok();
    assert_eq!(h.validated(&change).await["state"], "submitted");
    assert_eq!(all_asked(h).await, told(&[("ana", "mend_findings #1 A")]));
    h.author().opens().of(&change).puts("pages/a.yml", "name: a\n").saves().await;
    h.author().does(&change, "resubmit").await.ok();
    h.validated(&change).await;
    h.approved_and_queued(&change).await;
    // Another one takes the same place first.
    let other = h.queued(h.second_author(), "pages/a.yml", "name: b\n").await;
    let (release, _) = h.composed(&[&other, &change]).await;
    h.publishes(&release).await;
    h.is_quiet().await;
    assert_eq!(h.author().sees(&change).await["state"], "conflicted");
    assert_eq!(all_asked(h).await, told(&[("ana", "solve_conflict #1 A")]));
    assert_eq!(waits(&h.author()).await[0]["action"], "move_to_draft");
}

/// Neither author nor manager is sent to a button that would be refused.
async fn the_queue_is_offered_only_where_it_takes_the_changeset(h: &Harness) {
    let late = h.author().edits("pages/late.yml", "name: late\n").titled("Late").submits().await;
    h.reviewer().approves(&late).await;
    let queue = "queue #1 Late";
    assert_eq!(all_asked(h).await, told(&[("ana", queue), ("mona", queue)]));
    h.released(&[("pages/first.yml", "name: first\n")]).await;
    h.is_quiet().await;
    h.author().does(&late, "queue").await.refused(409, "sync_required");
    assert_eq!(all_asked(h).await, told(&[("ana", "sync #1 Late")]));
    let workspace = h.author().sees(&late).await["workspace_id"].clone();
    assert_eq!(waits(&h.author()).await[0]["page"], json!({"kind": "workspace", "workspace_id": workspace}));
}

async fn what_holds_an_environment_comes_first_and_in_pages(h: &Harness) {
    h.has_parameters().await;
    let change = h.author().edits("pages/a.yml", "name: a\n").titled("First").submits().await;
    let draft = h.draft_of_beds(&h.reviewer(), &h.environments["dev"]).await;
    let release = h.released(&[("pages/b.yml", "name: b\n")]).await;
    let deployment = h.manager().asks_to_deploy(&release, "prod").await.ok();
    assert_eq!(deployment["kind"], "skip_stage");
    let tag = deployment["tag"].as_str().unwrap();

    let all = waits(&h.second_reviewer()).await;
    let kinds: Vec<&str> = all.iter().map(|row| row["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["approve_values", "approve_deployment", "review"]);
    assert_eq!(
        (&all[0]["title"], &all[0]["who"]["name"], &all[0]["reason"], &all[0]["environment"]["name"]),
        (&json!("beds"), &json!("Rita"), &json!("A test."), &json!("dev"))
    );
    let dev = &h.environments["dev"];
    assert_eq!(all[0]["page"], json!({"kind": "draft", "environment_id": dev, "draft_id": draft}));
    assert_eq!(
        (&all[1]["title"], &all[1]["approvals"], &all[1]["deployment_kind"], &all[1]["urgent"]),
        (&json!(tag), &json!({"given": 0, "required": 2}), &json!("skip_stage"), &json!(true))
    );
    let prod = &h.environments["prod"];
    assert_eq!(all[1]["page"], json!({"kind": "environment", "environment_id": prod}));
    assert_eq!(all[2]["page"]["changeset_id"], json!(change.id));
    // Who edited the draft does not decide on it; who may not approve is not asked.
    assert_eq!(
        asked(&h.reviewer()).await,
        [format!("approve_deployment {tag}"), "review #2 First".to_owned()]
    );
    assert_eq!(asked(&h.author()).await, Vec::<String>::new());

    let page = |query: &'static str| async move {
        let list = h.second_reviewer().get(&format!("/api/me/waiting?{query}")).await.ok();
        assert_eq!(list["total"], 3);
        list["data"].as_array().unwrap().clone()
    };
    assert_eq!(page("limit=2").await, all[..2]);
    assert_eq!(page("limit=2&page=2").await, all[2..]);
    assert_eq!(page("limit=2&page=4000000000").await, Vec::<Value>::new());
    let some = |query: String| async move {
        let list = h.second_reviewer().get(&format!("/api/me/waiting?{query}")).await.ok();
        assert_eq!(list["total"], list["data"].as_array().unwrap().len());
        list["data"].as_array().unwrap().clone()
    };
    assert_eq!(some("kind=review".to_owned()).await, all[2..]);
    assert_eq!(some("kind=publish".to_owned()).await, Vec::<Value>::new());
    assert_eq!(some(format!("app={}", h.app)).await, all);
    assert_eq!(some(format!("app={}&kind=approve_values", h.app)).await, all[..1]);
    assert_eq!(some(format!("app={}", change.id)).await, Vec::<Value>::new());
    h.second_reviewer().get("/api/me/waiting?kind=everything").await.refused(400, "invalid");
    h.second_reviewer().get("/api/me/waiting?limit=0").await.refused(400, "invalid");
    h.second_reviewer().get("/api/me/waiting?app=1").await.refused(400, "invalid");

    let approvals = format!("/deployments/{}/approvals", deployment["id"].as_str().unwrap());
    h.second_reviewer().post(&h.admin().at(&approvals), &json!({})).await.ok();
    assert_eq!(asked(&h.second_reviewer()).await, ["approve_values beds", "review #2 First"]);
    let canceled = h.admin().at(&approvals.replace("approvals", "cancel"));
    h.manager().post(&canceled, &json!({})).await.ok();
}

async fn it_is_told_to_members_alone(h: &Harness) {
    let other = h.uploads(&h.admin(), "other", sample_bundle(&h.scratch("other"))).await.ok();
    let other = other["id"].as_str().unwrap();
    h.author().edits("pages/a.yml", "name: a\n").titled("Here").submits().await;
    let there = Someone { h, person: h.admin().in_app(other) };
    there.edits("pages/a.yml", "name: a\n").titled("There").drafts().await;
    assert_eq!(asked(&h.admin()).await, ["review #1 Here", "submit #1 There"]);
    assert_eq!(asked(&h.reviewer()).await, ["review #1 Here"]);
    assert_eq!(waits(&h.admin()).await[1]["app"]["slug"], "other");
    // Who is a member no more is told nothing.
    let membership = h.admin().at(&format!("/members/{}", h.reviewer().id));
    h.admin().delete(&membership).await.ok();
    assert_eq!(asked(&h.reviewer()).await, Vec::<String>::new());
    let nobody = reqwest::Client::new().request(Method::GET, format!("{}/api/me/waiting", h.url));
    assert_eq!(nobody.send().await.unwrap().status(), 401);
}

async fn invites_that_ended_wait_for_admins(h: &Harness) {
    let wish = json!({"email": "new@lab.example", "role": "user"});
    let invites = h.admin().at("/invites");
    let answer = h.admin().post(&invites, &wish).await;
    assert!(answer.is_ok(), "{}", answer.text);
    assert_eq!(asked(&h.admin()).await, Vec::<String>::new(), "it waits for the one who is invited");
    let query = Query::<Invite>::on(&INVITE_PENDING).eq(h.app.as_str()).eq("new@lab.example");
    let invite = h.workflow.store().find(query).await.unwrap().items.remove(0);
    let ended = Invite { expires_at: Timestamp::from_millis(0), ..invite.doc.clone() };
    h.workflow.store().commit(Batch::new().replace(&ended, invite.version)).await.unwrap();
    assert_eq!(asked(&h.admin()).await, ["resend_invite new@lab.example"]);
    assert_eq!(waits(&h.admin()).await[0]["page"], json!({"kind": "members"}));
    assert_eq!(asked(&h.manager()).await, Vec::<String>::new());
}
