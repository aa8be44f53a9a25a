//! Row 11 and 12: bodies and queries that want too much.

use crate::csrf::raw;
use crate::harness::{On, Server, answer};
use reqwest::Method;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

async fn patched(
    browser: &crate::harness::Browser,
    body: impl Into<reqwest::Body>,
) -> crate::harness::Response {
    answer(browser.request(Method::PATCH, "/api/me").header("content-type", "application/json").body(body))
        .await
}

#[tokio::test]
async fn ambiguous_and_oversized_json_is_refused() {
    let server = Server::start(On::Sqlite).await;
    let root = server.first_account().await;
    let deep = format!("{{\"name\":{}{}}}", "[".repeat(10_000), "]".repeat(10_000));
    for body in [
        deep.as_str(),
        &"[".repeat(1_000_000),
        r#"{"name":"a","name":"b"}"#,
        r#"{"name":"a","n\u0061me":"b"}"#,
        r#"{"name":1e400}"#,
        r#"{"name":NaN}"#,
        r#"{"name":"a"} x"#,
        r#"{"name":"a""#,
        "",
        "null",
        "[]",
    ] {
        let began = Instant::now();
        let refused = patched(&root, body.to_owned()).await;
        assert_eq!(refused.status, 400, "{}", &body[..body.len().min(40)]);
        assert!(began.elapsed() < Duration::from_secs(2));
    }
    let twice = patched(&root, r#"{"name":"a","name":"b"}"#).await;
    assert_eq!(twice.body["errors"][0]["pointer"], "/name");
    let huge = format!("{{\"name\":\"{}\"}}", "x".repeat(1024 * 1024));
    let refused = patched(&root, huge).await;
    assert_eq!((refused.status, refused.code()), (413, "too_large"));
    let packed = root
        .request(Method::PATCH, "/api/me")
        .header("content-type", "application/json")
        .header("content-encoding", "gzip");
    assert_eq!(answer(packed.body(vec![0x1f, 0x8b, 8, 0])).await.status, 415);
    assert_eq!(root.get("/api/me").await.body["name"], "Rita Root");
    server.stop().await;
}

#[tokio::test]
async fn endless_chunks_are_cut_off() {
    let server = Server::start(On::Sqlite).await;
    let root = server.first_account().await;
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    let head = format!(
        "PATCH /api/me HTTP/1.1\r\nHost: {0}\r\nOrigin: http://{0}\r\nCookie: {1}\r\nContent-Type: application/json\r\n\
         Transfer-Encoding: chunked\r\n\r\n",
        server.address,
        root.cookie.as_deref().unwrap()
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let (mut reading, mut writing) = stream.into_split();
    let writer = tokio::spawn(async move {
        let chunk = format!("10000\r\n{}\r\n", " ".repeat(0x10000));
        let mut sent = 0_u64;
        while writing.write_all(chunk.as_bytes()).await.is_ok() {
            sent += 0x10000;
            assert!(sent < 1 << 30, "a gigabyte was taken");
        }
    });
    let mut bytes = vec![0; 4096];
    let read = reading.read(&mut bytes).await.unwrap();
    assert!(String::from_utf8_lossy(&bytes[..read]).starts_with("HTTP/1.1 413"));
    drop(reading);
    writer.await.unwrap();
    server.stop().await;
}

#[tokio::test]
async fn slow_bodies_and_slow_headers_are_not_waited_for() {
    let server = Server::configured(On::Sqlite, |config| {
        config.limits.body_timeout = Duration::from_millis(300);
        config.limits.header_timeout = Duration::from_millis(300);
    })
    .await;
    let root = server.first_account().await;
    let began = Instant::now();
    let head = format!(
        "PATCH /api/me HTTP/1.1\r\nHost: {0}\r\nOrigin: http://{0}\r\nCookie: {1}\r\nContent-Type: application/json\r\nConnection: close\r\n\
         Content-Length: 100\r\n\r\n{{\"name\":",
        server.address,
        root.cookie.as_deref().unwrap()
    );
    let (status, text) = raw(&server, &head).await;
    assert_eq!(status, 408, "{text}");
    assert!(text.contains("application/problem+json"));
    let (status, _) = raw(&server, "GET /livez HTTP/1.1\r\nHost: x\r\nX-Slow: ").await;
    assert!(matches!(status, 0 | 408), "{status}");
    assert!(began.elapsed() < Duration::from_secs(10));
    server.stop().await;
}

#[tokio::test]
async fn pages_are_bounded() {
    let server = Server::start(On::Sqlite).await;
    let root = server.first_account().await;
    for query in [
        "limit=-1",
        "limit=1000000000",
        "limit=0",
        "page=0",
        "page=x",
        "s[$ne]=",
        "$where=1",
        "cursor=AAAA",
        "limit=1&limit=2",
    ] {
        let refused = root.get(&format!("/api/accounts?{query}")).await;
        assert_eq!((refused.status, refused.code()), (400, "invalid"), "{query}");
    }
    let beyond = root.get("/api/accounts?page=4294967295&limit=200").await;
    assert_eq!((beyond.status, beyond.body["data"].as_array().map(Vec::len)), (200, Some(0)));
    server.stop().await;
}

#[tokio::test]
async fn too_many_headers_are_refused() {
    let server = Server::start(On::Sqlite).await;
    let many: String = (0..200).map(|n| format!("X-{n}: y\r\n")).collect();
    let (status, _) =
        raw(&server, &format!("GET /livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{many}\r\n")).await;
    assert_eq!(status, 431);
    let long = "y".repeat(100_000);
    let (status, _) = raw(
        &server,
        &format!("GET /livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\nX-Long: {long}\r\n\r\n"),
    )
    .await;
    assert_eq!(status, 431);
    server.stop().await;
}

/// A client that asks and never reads, and one that says nothing more, do not keep their connections.
#[tokio::test]
async fn stalled_readers_and_idle_connections_are_dropped() {
    let server = Server::configured(On::Sqlite, |config| {
        config.limits.write_timeout = Duration::from_millis(300);
        config.limits.header_timeout = Duration::from_millis(300);
        config.limits.drain = Duration::from_secs(60);
    })
    .await;
    let mut idle = TcpStream::connect(server.address).await.unwrap();
    idle.write_all(b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    let mut text = String::new();
    idle.read_to_string(&mut text).await.unwrap();
    assert!(text.starts_with("HTTP/1.1 200"), "{text}");

    let stalled = TcpStream::connect(server.address).await.unwrap();
    let (reading, mut writing) = stalled.into_split();
    let asks = tokio::spawn(async move {
        let ask = b"GET /api/openapi.json HTTP/1.1\r\nHost: x\r\n\r\n";
        while writing.write_all(ask).await.is_ok() {}
    });
    // The server hangs up although nothing is read: only then does writing fail.
    tokio::time::timeout(Duration::from_secs(30), asks).await.expect("the connection stays").unwrap();
    drop(reading);
    server.stop().await;
}
