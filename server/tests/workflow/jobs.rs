//! Jobs: lists, logs, cancelling.

use crate::harness::{Harness, Person};
use conman_domain::job::Job;
use conman_store::collections::JOB_BY_STATE_AND_TYPE;
use conman_store::{Batch, Query};
use serde_json::json;
use std::time::Duration;

on_both! {
    jobs_tell_what_they_did,
    jobs_are_filtered_by_several_kinds,
}

on_both! {
    runners: 0;
    a_waiting_job_is_canceled,
    a_waiting_job_that_was_asked_to_stop_is_not_begun,
}

/// Reads a stream of events to its end: pairs of event and data.
async fn streamed(person: &Person, path: &str, last: Option<&str>) -> Vec<(String, String)> {
    let mut request = person.request(reqwest::Method::GET, path).header("accept", "text/event-stream");
    if let Some(last) = last {
        request = request.header("last-event-id", last);
    }
    let response = request.send().await.unwrap();
    assert_eq!(response.status(), 200);
    assert_eq!(response.headers()["content-type"], "text/event-stream");
    let text = tokio::time::timeout(Duration::from_secs(20), response.text())
        .await
        .expect("the stream ends with its job")
        .unwrap();
    let field = |block: &str, name: &str| {
        block.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default().trim().to_owned()
    };
    let blocks = text.split("\n\n").filter(|block| block.contains("event:"));
    blocks.map(|block| (field(block, "event:"), field(block, "data:"))).collect()
}

/// Jobs are listed by kind and state, and their logs are read and streamed.
async fn jobs_tell_what_they_did(h: &Harness) {
    let change = h.queued(h.author(), "pages/a.yml", "name: a\n").await;
    let release = h.manager().drafts_release(&[&change]).await;
    let started = h.manager().does_to(&release, "assemble", json!({})).await.ok();
    let id = started["job_id"].as_str().unwrap();
    let logs = h.author().at(&format!("/jobs/{id}/logs"));
    let events = streamed(&h.author(), &logs, None).await;
    assert_eq!(events.last().map(|(event, _)| event.as_str()), Some("end"));
    let job = h.job_ends(id).await;
    assert_eq!(
        (&job["type"], &job["state"], &job["attempt"]),
        (&json!("release_assemble"), &json!("succeeded"), &json!(1))
    );
    assert!(job["finished_at"].is_string() && job["allowed_actions"] == json!([]), "{job}");
    let lines = h.author().get(&logs).await.ok();
    let lines = lines["data"].as_array().unwrap();
    assert!(lines[0]["message"].as_str().unwrap().starts_with("Composing 1 changesets"), "{lines:?}");
    let sequences: Vec<_> = lines.iter().map(|line| line["sequence"].as_u64().unwrap()).collect();
    assert_eq!(sequences, (1..=lines.len() as u64).collect::<Vec<_>>());
    let log: Vec<serde_json::Value> = events
        .iter()
        .filter(|(event, _)| event == "log")
        .map(|(_, data)| serde_json::from_str(data).unwrap())
        .collect();
    assert_eq!(&log, lines, "the stream says what the list says");
    let rest = h.author().get(&format!("{logs}?after=1")).await.ok();
    assert_eq!(rest["data"].as_array().unwrap(), &lines[1..]);
    let resumed = streamed(&h.author(), &logs, Some("1")).await;
    assert_eq!(resumed.len(), lines.len());
    h.publishes(&release).await;
    h.is_quiet().await;
    assert_eq!(h.all("/jobs?type=release_publish&state=succeeded").await.len(), 1);
    assert_eq!(h.all("/jobs?type=release_publish&state=failed").await.len(), 0);
    assert!(h.all("/jobs").await.len() >= h.all("/jobs?state=succeeded").await.len());
    for wrong in ["type=burn", "state=burnt", "type=", "after=1"] {
        h.author().get(&h.author().at(&format!("/jobs?{wrong}"))).await.refused(400, "invalid");
    }
    let cancel = h.manager().at(&format!("/jobs/{id}/cancel"));
    h.reviewer().post(&cancel, &json!({})).await.refused(403, "forbidden");
    h.manager().post(&cancel, &json!({})).await.refused(409, "wrong_state");
}

/// Kinds are picked or left out, several at a time, and each row tells what it is about.
async fn jobs_are_filtered_by_several_kinds(h: &Harness) {
    let change = h.author().edits("pages/a.yml", "name: a\n").titled("A page").submits().await;
    h.approved_and_queued(&change).await;
    let (release, _) = h.composed(&[&change]).await;
    h.publishes(&release).await;
    let deployment = h.deploys(&release, "dev").await;
    h.is_quiet().await;

    let listed = |query: &'static str| async move { h.all(&format!("/jobs?{query}")).await };
    let kinds = |jobs: &[serde_json::Value]| -> Vec<String> {
        jobs.iter().map(|job| job["type"].as_str().unwrap().to_owned()).collect()
    };
    let all = listed("").await;
    let work = listed("without=send_notification").await;
    assert_eq!(kinds(&work), ["deploy_release", "release_publish", "release_assemble", "msuite_submit"]);
    assert!(all.len() > work.len(), "people were mailed");
    let few = listed("type=msuite_submit,deploy_release").await;
    assert_eq!(kinds(&few), ["deploy_release", "msuite_submit"]);
    let few = listed("type=msuite_submit,deploy_release&without=deploy_release").await;
    assert_eq!(kinds(&few), ["msuite_submit"]);
    let done = listed("without=send_notification,msuite_submit&state=succeeded").await;
    assert_eq!(kinds(&done), ["deploy_release", "release_publish", "release_assemble"]);
    assert_eq!(listed("without=send_notification&state=failed").await.len(), 0);
    assert_eq!(listed("type=msuite_submit&without=msuite_submit").await.len(), 0);
    let mails = listed("type=send_notification").await;
    assert_eq!(mails.len() + work.len(), all.len());
    for wrong in ["without=burn", "type=msuite_submit,", "without=", "state=queued,running"] {
        h.author().get(&h.author().at(&format!("/jobs?{wrong}"))).await.refused(400, "invalid");
    }

    let tag = deployment["tag"].as_str().unwrap();
    let id = &deployment["id"];
    let about = |job: &serde_json::Value| job["about"].clone();
    let abouts: Vec<_> = work.iter().map(about).collect();
    let of_release = json!({"name": tag, "page": {"kind": "release", "release_id": release.id}});
    let of_change = json!({"name": "#1 A page", "page": {"kind": "changeset", "changeset_id": change.id}});
    let name = format!("{tag} on dev");
    let of_deployment = json!({"name": name, "page": {"kind": "deployment", "deployment_id": id}});
    assert_eq!(abouts, [of_deployment, of_release.clone(), of_release, of_change]);
    let asked: Vec<_> = work.iter().map(|job| job["asked_by"]["name"].as_str().unwrap()).collect();
    assert_eq!(asked, ["Mona", "Mona", "Mona", "Ana"]);
    let one =
        h.author().get(&h.author().at(&format!("/jobs/{}", work[0]["id"].as_str().unwrap()))).await.ok();
    assert_eq!(one["about"], work[0]["about"]);
    assert!(mails.iter().all(|mail| mail["about"]["name"].is_string()), "{mails:?}");
}

/// A job that waits is stopped at once, and what it was about can be gone on from.
async fn a_waiting_job_is_canceled(h: &Harness) {
    let runner = h.runs(&h.workflow, "first", Duration::from_secs(15));
    let change = h.queued(h.author(), "pages/a.yml", "name: a\n").await;
    let first = h.released(&[("pages/b.yml", "name: b\n")]).await;
    h.is_quiet().await;
    runner.stops().await;

    let release = h.manager().drafts_release(&[&change]).await;
    let started = h.manager().does_to(&release, "assemble", json!({})).await.ok();
    let path = h.manager().at(&format!("/jobs/{}/cancel", started["job_id"].as_str().unwrap()));
    let job = h.manager().post(&path, &json!({})).await.ok();
    assert_eq!(job["state"], "canceled");
    assert_eq!(h.release(&release).await["state"], "draft_release");
    let deployment = h.manager().asks_to_deploy(&first, "dev").await.ok();
    let submitted = h.author().edits("pages/c.yml", "name: c\n").submits_unchecked().await;
    for kind in ["deploy_release", "msuite_submit"] {
        let jobs = h.all(&format!("/jobs?type={kind}&state=queued")).await;
        assert_eq!(jobs.len(), 1);
        let path = h.manager().at(&format!("/jobs/{}/cancel", jobs[0]["id"].as_str().unwrap()));
        h.manager().post(&path, &json!({})).await.ok();
        h.manager().post(&path, &json!({})).await.refused(409, "wrong_state");
    }
    let path = h.manager().at(&format!("/deployments/{}", deployment["id"].as_str().unwrap()));
    let ended = h.manager().get(&path).await.ok();
    assert_eq!(
        (&ended["state"], &ended["failure"]["cause"]),
        (&json!("failed"), &json!("errored")),
        "{ended}"
    );
    let seen = h.author().sees(&submitted).await;
    assert_eq!(
        (&seen["state"], &seen["findings"][0]["rule"]),
        (&json!("submitted"), &json!("validation")),
        "{seen}"
    );

    let runner = h.runs(&h.workflow, "second", Duration::from_secs(15));
    h.keeps(runner);
    assert_eq!(h.composes(&release, "continue").await["state"], "validated");
    h.deploys(&first, "dev").await;
    // The same head again: its validation could not run, so it may be tried again.
    h.author().does(&submitted, "resubmit").await.ok();
    assert_eq!(h.validated(&submitted).await["state"], "in_review");
}

/// A server that dies while it stops a waiting job leaves it asked to stop: whoever claims it then ends it, and what it was
/// about can be gone on from.
async fn a_waiting_job_that_was_asked_to_stop_is_not_begun(h: &Harness) {
    let runner = h.runs(&h.workflow, "first", Duration::from_secs(15));
    let change = h.queued(h.author(), "pages/a.yml", "name: a\n").await;
    let first = h.released(&[("pages/b.yml", "name: b\n")]).await;
    h.is_quiet().await;
    runner.stops().await;

    let release = h.manager().drafts_release(&[&change]).await;
    h.manager().does_to(&release, "assemble", json!({})).await.ok();
    let deployment = h.manager().asks_to_deploy(&first, "dev").await.ok();
    let mut asked = Vec::new();
    for kind in ["release_assemble", "deploy_release"] {
        let waiting = Query::<Job>::on(&JOB_BY_STATE_AND_TYPE).eq(h.app.as_str()).eq("queued").eq(kind);
        let job = h.workflow.store().find(waiting).await.unwrap().items.remove(0);
        let marked = Job { cancel_requested: true, ..job.doc.clone() };
        h.workflow.store().commit(Batch::new().replace(&marked, job.version)).await.unwrap();
        asked.push(marked.id.to_string());
    }

    let runner = h.runs(&h.workflow, "second", Duration::from_secs(15));
    h.keeps(runner);
    for id in asked {
        assert_eq!(h.job_ends(&id).await["state"], "canceled");
    }
    assert_eq!(h.release(&release).await["state"], "draft_release");
    let path = h.manager().at(&format!("/deployments/{}", deployment["id"].as_str().unwrap()));
    let ended = h.manager().get(&path).await.ok();
    assert_eq!(
        (&ended["state"], &ended["failure"]["cause"]),
        (&json!("failed"), &json!("errored")),
        "{ended}"
    );
    assert_eq!(h.environment("dev").await["running"], json!(null));
    assert_eq!(h.composes(&release, "continue").await["state"], "validated");
    h.deploys(&first, "dev").await;
}
