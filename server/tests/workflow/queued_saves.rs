//! Writes that wait for their turn: decided by what their senders may when it comes.

use crate::harness::Harness;
use crate::saving::check_history;
use crate::values::Program;
use conman_domain::environment::Environment;
use futures::future::join_all;
use serde_json::{Value, json};
use std::time::Duration;

on_both! {
    who_may_no_longer_save_does_not_save_from_the_queue,
    a_program_whose_token_is_revoked_does_not_save_from_the_queue,
    places_that_are_not_there_take_no_room,
    savers_at_several_servers_lose_nothing,
}

/// Saves that wait for their turn are decided by what their senders may by then.
async fn who_may_no_longer_save_does_not_save_from_the_queue(h: &Harness) {
    h.has_parameters().await;
    let reviewer = &h.reviewer();
    let saving = join_all(
        (0..60_usize)
            .map(|n| async move { reviewer.put(&h.config("/beds"), &json!({"value": 1_000 + n})).await }),
    );
    let demoting = async {
        tokio::time::sleep(Duration::from_millis(60)).await;
        let path = h.admin().at(&format!("/members/{}", reviewer.id));
        h.admin().patch(&path, &json!({"role": "user"})).await.ok();
        last_decided(h).await
    };
    let (answers, last) = tokio::join!(saving, demoting);
    for answer in &answers {
        match answer.status {
            200 => assert!(answer.body["config_version"].as_u64().unwrap() <= last, "{}", answer.text),
            status => {
                assert_eq!((status, &answer.body["code"]), (403, &json!("forbidden")), "{}", answer.text)
            }
        }
    }
    let saved = answers.iter().filter(|answer| answer.status == 200).count();
    assert_eq!((saved as u64, h.runs_now().await.0), (last - 1, last));
    check_history(h, saved + 1).await;
}

async fn a_program_whose_token_is_revoked_does_not_save_from_the_queue(h: &Harness) {
    h.has_parameters().await;
    let tokens = h.admin().at("/service-tokens");
    let wish = json!({"name": "pump", "environment_id": h.environments["dev"]});
    let made = h.admin().post(&tokens, &wish).await.ok();
    let (id, secret) = (made["token"]["id"].as_str().unwrap(), made["secret"].as_str().unwrap());
    let saving = join_all((0..60_usize).map(|n| {
        let client = &h.admin().client;
        let request = client.put(format!("{}/v1/config/beds", h.url)).bearer_auth(secret);
        async move { request.json(&json!({"value": 1_000 + n})).send().await.unwrap().status().as_u16() }
    }));
    let revoking = async {
        tokio::time::sleep(Duration::from_millis(60)).await;
        h.admin().delete(&format!("{tokens}/{id}")).await.ok();
        last_decided(h).await
    };
    let (answers, last) = tokio::join!(saving, revoking);
    assert!(answers.iter().all(|status| [200, 401].contains(status)), "{answers:?}");
    let saved = answers.iter().filter(|status| **status == 200).count();
    assert_eq!((saved as u64, h.runs_now().await.0), (last - 1, last), "none after the answer");
    check_history(h, saved + 1).await;
}

/// The version that `dev` was given last, active or not.
async fn last_decided(h: &Harness) -> u64 {
    let environment = h.workflow.store().get::<Environment>(&h.environments["dev"]).await.unwrap().unwrap();
    u64::from(environment.last_version.0)
}

/// Whoever names what is not there is told so, however often, and leaves nothing behind.
async fn places_that_are_not_there_take_no_room(h: &Harness) {
    let before = h.everything().await;
    for _ in 0..20 {
        let nowhere = h.admin().at(&format!("/environments/{}", uuid::Uuid::now_v7()));
        let body = json!({"base_version": 1});
        let draft = format!("{nowhere}/drafts/{}/approve", uuid::Uuid::now_v7());
        h.admin().post(&draft, &body).await.refused(404, "not_found");
        let freeze = crate::freezing::hour();
        h.admin().post(&format!("{nowhere}/freeze-windows"), &freeze).await.refused(404, "not_found");
    }
    assert_eq!(h.everything().await, before);
}

/// Whichever server takes a save, each has a version of its own on the one before, and is read everywhere once answered.
async fn savers_at_several_servers_lose_nothing(h: &Harness) {
    h.has_parameters().await;
    let here = Program::of(h, "dev").await;
    let servers =
        [here.clone(), here.at(&h.starts_another_server().await), here.at(&h.starts_another_server().await)];
    let answers = join_all((0..60_usize).map(|n| {
        let (writer, reader) = (&servers[n % 3], &servers[(n + 1) % 3]);
        async move {
            let answer = writer.puts(["low", "beds", "mode"][n % 3], value(n)).await;
            assert_eq!(answer, (200, "OK".to_owned()));
            reader.list().await
        }
    }))
    .await;
    assert_eq!(answers.len(), 60);
    let rows = h.history().await;
    let saved = rows.len() - 1;
    assert!((1..=60).contains(&saved), "a save of what is so already makes no version");
    check_history(h, saved + 1).await;
    let now = here.list().await;
    for server in &servers {
        assert_eq!(server.list().await, now);
    }
}

fn value(n: usize) -> Value {
    match n % 3 {
        // Below `high`, which the catalog demands.
        0 => json!(n % 8),
        1 => json!(1_000 + n),
        _ => json!(["day", "night"][n % 2]),
    }
}
