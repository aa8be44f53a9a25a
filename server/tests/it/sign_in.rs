//! Sessions: begun, renewed, ended; and guesses.

use crate::harness::{Browser, On, PASSWORD, Server};
use conman_domain::access::Session;
use conman_store::Query;
use conman_store::collections::SESSION_BY_EXPIRY;
use serde_json::json;
use std::time::{Duration, Instant};

async fn sessions(server: &Server) -> Vec<Session> {
    let found = server.workflow.store().find(Query::<Session>::on(&SESSION_BY_EXPIRY)).await.unwrap();
    found.items.into_iter().map(|session| session.doc).collect()
}

/// Row 16: a preset cookie gets a new id; a cookie is dead after sign-out.
async fn sessions_are_renewed_and_end(on: On) {
    let server = Server::start(on).await;
    let mut root = server.first_account().await;
    let first = root.cookie.clone().unwrap();
    assert!(root.is_signed_in().await);

    let mut preset = server.browser();
    preset.cookie = Some("conman_session=AAAAAAAAAAAAAAAAAAAAAA".to_owned());
    let answer = preset.signs_in("root@lab.example", PASSWORD).await;
    assert_eq!((answer.status, answer.body["email"].as_str()), (200, Some("root@lab.example")));
    assert_ne!(preset.cookie.as_deref(), Some("conman_session=AAAAAAAAAAAAAAAAAAAAAA"));
    let set = answer.header("set-cookie").to_owned();
    for attribute in ["HttpOnly", "SameSite=Lax", "Path=/", "Secure", "Max-Age="] {
        assert!(set.contains(attribute), "{set}");
    }

    root.signs_in("root@lab.example", PASSWORD).await;
    assert_ne!(root.cookie.as_ref(), Some(&first));
    let mut old = server.browser();
    old.cookie = Some(first);
    assert!(!old.is_signed_in().await, "signing in again leaves the old id alive");

    let copy = root.clone();
    let answer = root.post("/api/auth/logout", &json!({})).await;
    assert_eq!(answer.status, 204);
    assert!(!copy.is_signed_in().await);
    assert!(preset.is_signed_in().await);

    let secrets = sessions(&server).await;
    assert_eq!(secrets.len(), 1);
    let value = preset.cookie.as_deref().unwrap().split_once('=').unwrap().1.to_owned();
    assert!(
        !format!("{}", serde_json::to_value(&secrets).unwrap()).contains(&value),
        "the secret itself is kept"
    );
    server.stop().await;
}

#[tokio::test]
async fn sessions_are_renewed_and_end_on_sqlite() {
    sessions_are_renewed_and_end(On::Sqlite).await;
}

#[tokio::test]
async fn sessions_are_renewed_and_end_on_mongodb() {
    sessions_are_renewed_and_end(On::Mongo).await;
}

#[tokio::test]
async fn expired_sessions_are_refused_and_removed() {
    let server =
        Server::configured(On::Sqlite, |config| config.limits.session = Duration::from_millis(1)).await;
    let root = server.first_account().await;
    tokio::time::sleep(Duration::from_millis(5)).await;
    assert!(!root.is_signed_in().await);
    assert_eq!(sessions(&server).await.len(), 1);
    assert_eq!(server.workflow.remove_expired_sessions().await.unwrap(), 1);
    assert_eq!(sessions(&server).await.len(), 0);
    server.stop().await;
}

/// Row 19, from one address.
#[tokio::test]
async fn guesses_from_one_address_are_throttled_and_the_owner_gets_in_from_another() {
    let server = Server::configured(On::Sqlite, |config| {
        config.trusted_proxies = vec!["127.0.0.0/8".parse().unwrap()]
    })
    .await;
    let root = server.first_account().await;
    let mut guesser = server.browser();
    guesser.forwarded_for = Some("203.0.113.1".to_owned());
    let mut refused = 0;
    for n in 0..40 {
        let answer = guesser.signs_in("root@lab.example", &format!("guess number {n}")).await;
        match answer.status {
            401 => refused += 1,
            429 => assert!(answer.header("retry-after").parse::<u32>().unwrap() >= 1),
            other => panic!("{other}: {}", answer.body),
        }
    }
    assert_eq!(refused, 5);
    assert_eq!(
        guesser.signs_in("root@lab.example", PASSWORD).await.status,
        429,
        "the guesser goes on with the right one"
    );
    let mut owner = server.browser();
    owner.forwarded_for = Some("203.0.113.2".to_owned());
    assert_eq!(owner.signs_in("root@lab.example", PASSWORD).await.status, 200);
    assert!(root.is_signed_in().await);
    server.stop().await;
}

/// Row 19, a flood: what is beyond the queue is sent away, and other routes stay healthy.
#[tokio::test]
async fn a_flood_of_sign_ins_leaves_other_routes_healthy() {
    let server = Server::configured(On::Sqlite, |config| {
        config.trusted_proxies = vec!["127.0.0.0/8".parse().unwrap()]
    })
    .await;
    let root = server.first_account().await;
    let flood = (0..300).map(|n| {
        let mut browser = server.browser();
        browser.forwarded_for = Some(format!("10.1.{}.{}", n / 200, n % 200));
        async move { browser.signs_in(&format!("u{n}@lab.example"), "some wrong password").await.status }
    });
    let flood = tokio::spawn(futures::future::join_all(flood.collect::<Vec<_>>()));
    let mut slowest = Duration::ZERO;
    while !flood.is_finished() {
        let began = Instant::now();
        assert_eq!(root.get("/api/me").await.status, 200);
        slowest = slowest.max(began.elapsed());
    }
    let statuses = flood.await.unwrap();
    assert!(statuses.iter().all(|status| matches!(status, 401 | 429)), "{statuses:?}");
    assert!(statuses.contains(&429));
    assert!(slowest < Duration::from_secs(5), "another route took {slowest:?}");
    server.stop().await;
}

async fn times(server: &Server, email: &str, address: String) -> (u16, String, Duration) {
    let mut browser = server.browser();
    browser.forwarded_for = Some(address);
    let body = json!({"email": email, "password": "this is a wrong one"});
    let began = Instant::now();
    let answer = browser.post("/api/auth/login", &body).await;
    let took = began.elapsed();
    (answer.status, answer.body["detail"].as_str().unwrap().to_owned(), took)
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times[times.len() / 2]
}

/// Row 18: a known and an unknown address get the same answer after the same work.
#[tokio::test]
async fn known_and_unknown_addresses_are_not_told_apart_at_sign_in() {
    let server = Server::configured(On::Sqlite, |config| {
        config.trusted_proxies = vec!["127.0.0.0/8".parse().unwrap()]
    })
    .await;
    server.first_account().await;
    let (mut known, mut unknown) = (Vec::new(), Vec::new());
    for n in 0..60 {
        let at = |part: u8| format!("10.{part}.0.{n}");
        let one = times(&server, "root@lab.example", at(1)).await;
        let other = times(&server, "nobody@lab.example", at(2)).await;
        assert_eq!((one.0, &one.1), (other.0, &other.1));
        known.push(one.2);
        unknown.push(other.2);
    }
    let (known, unknown) = (median(known), median(unknown));
    println!("medians: known {known:?}, unknown {unknown:?}");
    // Without the work for unknown addresses the difference would be a whole hash; noise is far below a third of one.
    assert!(known.abs_diff(unknown) < known.max(unknown) / 3, "known {known:?}, unknown {unknown:?}");
    let failed: Vec<_> =
        server.audit().await.into_iter().filter(|event| event.action == "user.sign_in_failed").collect();
    assert_eq!(failed.len(), 120, "one event each");
    let text = serde_json::to_string(&failed).unwrap();
    assert!(text.contains("root@lab.example"));
    assert!(!text.contains("nobody@lab.example"), "an address without an account is written down");
    assert!(!text.contains("this is a wrong one"), "a password is written down");
    server.stop().await;
}

/// Row 13: what is no address and no password.
#[tokio::test]
async fn operators_in_place_of_texts_are_refused() {
    let server = Server::start(On::Sqlite).await;
    server.first_account().await;
    let mut browser: Browser = server.browser();
    for (body, pointer) in [
        (json!({"email": {"$ne": null}, "password": "x"}), "/email"),
        (json!({"email": "root@lab.example", "password": {"$gt": ""}}), "/password"),
        (json!({"email": "root@lab.example", "password": "x", "$where": "1"}), "/$where"),
        (json!({"email": ["root@lab.example"], "password": "x"}), "/email"),
        (json!({"email": "root@lab.example\r\nBcc: x", "password": "x"}), "/email"),
        (json!({"email": "root@lab.example", "password": "x".repeat(1025)}), "/password"),
        (json!({"email": "root@lab.example"}), "/password"),
    ] {
        let answer = browser.post("/api/auth/login", &body).await;
        assert_eq!((answer.status, answer.code()), (400, "invalid"), "{body}");
        assert_eq!(answer.body["errors"][0]["pointer"], pointer, "{body}");
    }
    server.stop().await;
}

/// Row 18, for invites: what an app admin is answered does not tell whether an address has an account elsewhere.
#[tokio::test]
async fn known_and_unknown_addresses_are_not_told_apart_at_invites_and_resets() {
    let server = Server::configured(On::Sqlite, |config| {
        config.trusted_proxies = vec!["127.0.0.0/8".parse().unwrap()]
    })
    .await;
    let mut root = server.first_account().await;
    let (lab, shop) = (server.app(&root, "lab").await, server.app(&root, "shop").await);
    let mut sides: [[Vec<Duration>; 2]; 2] = Default::default();
    for n in 0..30 {
        server.joins(&root, lab, &format!("known{n}"), conman_domain::access::Role::User).await;
        // In turns, so that being first favours nobody.
        for turn in [n % 2, 1 - n % 2] {
            let (side, who) = [(0, "known"), (1, "unknown")][turn];
            let email = format!("{who}{n}@lab.example");
            root.forwarded_for = Some(format!("10.3.{side}.{n}"));
            let began = Instant::now();
            let answer = root
                .post(&format!("/api/apps/{shop}/invites"), &json!({"email": email, "role": "user"}))
                .await;
            sides[side][0].push(began.elapsed());
            assert_eq!((answer.status, answer.body["state"].as_str()), (201, Some("pending")));
            let began = Instant::now();
            let answer = root.post("/api/auth/forgot-password", &json!({"email": email})).await;
            sides[side][1].push(began.elapsed());
            assert_eq!((answer.status, answer.text.as_str()), (202, ""));
        }
    }
    let [known, unknown] = sides.map(|times| times.map(median));
    println!("medians of invite and reset: known {known:?}, unknown {unknown:?}");
    for (known, unknown) in known.into_iter().zip(unknown) {
        assert!(
            known.abs_diff(unknown) < known.max(unknown) / 2 + Duration::from_millis(1),
            "{known:?} {unknown:?}"
        );
    }
    server.stop().await;
}
