//! What the server answered.

use reqwest::header::HeaderMap;
use serde_json::Value;

/// What the server answered. Making one fails the test on 5xx and on refusals that are no problem+json.
#[derive(Debug)]
pub(crate) struct Answer {
    /// The request, for messages.
    pub(crate) asked: String,
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
    pub(crate) body: Value,
}

impl Answer {
    /// Sends a request and reads the whole answer.
    pub(crate) async fn to(request: reqwest::RequestBuilder, asked: String) -> Self {
        let response = request.send().await.unwrap_or_else(|error| panic!("{asked}: {error:?}"));
        let (status, headers) = (response.status(), response.headers().clone());
        let text = response.text().await.unwrap_or_else(|error| panic!("{asked}: {error:?}"));
        assert!(!status.is_server_error(), "{asked} answers {status}: {text}");
        if status.is_client_error() {
            let kind = headers.get("content-type").and_then(|value| value.to_str().ok());
            assert_eq!(kind, Some("application/problem+json"), "{asked} answers {status}: {text}");
        }
        let body = serde_json::from_str(&text).unwrap_or(Value::Null);
        Self { asked, status: status.as_u16(), headers, text, body }
    }

    /// The body of a success.
    #[track_caller]
    pub(crate) fn ok(self) -> Value {
        assert!((200..300).contains(&self.status), "{} answers {}: {}", self.asked, self.status, self.text);
        self.body
    }

    /// The body of a refusal with this status and code.
    #[track_caller]
    pub(crate) fn refused(self, status: u16, code: &str) -> Value {
        let got = (self.status, self.code());
        assert_eq!(got, (status, code), "{} answers {}", self.asked, self.text);
        self.body
    }

    /// True for a success.
    pub(crate) fn is_ok(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// The problem's code, or nothing.
    pub(crate) fn code(&self) -> &str {
        self.body["code"].as_str().unwrap_or_default()
    }

    /// The ETag.
    #[track_caller]
    pub(crate) fn etag(&self) -> String {
        let etag =
            self.headers.get("etag").unwrap_or_else(|| panic!("{} has no ETag: {}", self.asked, self.text));
        etag.to_str().expect("an ETag is ASCII").to_owned()
    }
}
