//! Somebody who uses the server, by personal access token.

use super::{Answer, Harness};
use reqwest::Method;
use serde_json::Value;
use std::ops::Deref;

/// Somebody with an account, a role in the app, and a token.
#[derive(Debug, Clone)]
pub(crate) struct Person {
    pub(crate) id: String,
    pub(crate) name: &'static str,
    pub(crate) email: String,
    pub(crate) token: String,
    /// The app that [`Person::at`] speaks of.
    pub(crate) app: String,
    pub(crate) server: String,
    pub(crate) client: reqwest::Client,
}

/// Somebody in one test, who can do what takes more than a request.
#[derive(Clone)]
pub(crate) struct Someone<'h> {
    pub(crate) h: &'h Harness,
    pub(crate) person: Person,
}

impl Deref for Someone<'_> {
    type Target = Person;

    fn deref(&self) -> &Person {
        &self.person
    }
}

/// A text as a part of a query.
pub(crate) fn enc(text: &str) -> String {
    let mut encoded = String::new();
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'/' => {
                encoded.push(char::from(byte))
            }
            _ => encoded.push_str(&format!("%{byte:02X}")),
        }
    }
    encoded
}

impl Person {
    /// A request in the person's name.
    pub(crate) fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        self.client.request(method, format!("{}{path}", self.server)).bearer_auth(&self.token)
    }

    /// Sends a request with or without a body of JSON.
    pub(crate) async fn send(&self, method: Method, path: &str, body: Option<&Value>) -> Answer {
        let asked = format!("{} {method} {path}", self.name);
        let request = self.request(method, path);
        let request = match body {
            Some(body) => request.json(body),
            None => request,
        };
        Answer::to(request, asked).await
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send(Method::GET, path, None).await
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Answer {
        self.send(Method::POST, path, Some(body)).await
    }

    pub(crate) async fn put(&self, path: &str, body: &Value) -> Answer {
        self.send(Method::PUT, path, Some(body)).await
    }

    pub(crate) async fn patch(&self, path: &str, body: &Value) -> Answer {
        self.send(Method::PATCH, path, Some(body)).await
    }

    pub(crate) async fn delete(&self, path: &str) -> Answer {
        self.send(Method::DELETE, path, None).await
    }

    /// Replaces what was read with this ETag.
    pub(crate) async fn patch_if(&self, path: &str, etag: &str, body: &Value) -> Answer {
        let request = self.request(Method::PATCH, path).header("if-match", etag).json(body);
        Answer::to(request, format!("{} PATCH {path} if {etag}", self.name)).await
    }

    /// Puts something in the place of what was read with this ETag.
    pub(crate) async fn put_if(&self, path: &str, etag: &str, body: &Value) -> Answer {
        let request = self.request(Method::PUT, path).header("if-match", etag).json(body);
        Answer::to(request, format!("{} PUT {path} if {etag}", self.name)).await
    }

    /// A path below the app's.
    pub(crate) fn at(&self, below: &str) -> String {
        format!("/api/apps/{}{below}", self.app)
    }

    /// The same person in another app.
    pub(crate) fn in_app(&self, app: &str) -> Self {
        Self { app: app.to_owned(), ..self.clone() }
    }
}
