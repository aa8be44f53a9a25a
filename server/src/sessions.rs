//! Sessions as cookies, kept in the store under the hash of the cookie's secret.

use crate::problem::{Answer, Problem};
use crate::state::AppState;
use async_trait::async_trait;
use conman_domain::Timestamp;
use conman_domain::access::{Session as SessionDoc, TokenHash, User};
use conman_domain::id::UserId;
use conman_store::{Batch, Document as _, Store};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::error::Error as StdError;
use std::sync::Arc;
use tower_sessions::cookie::SameSite;
use tower_sessions::cookie::time::{Duration, OffsetDateTime};
use tower_sessions::session::{Id, Record};
use tower_sessions::session_store::{Error, Result};
use tower_sessions::{Expiry, Session, SessionManagerLayer, SessionStore};

/// The cookie's name.
pub const COOKIE: &str = "conman_session";

const USER_ID: &str = "user_id";
const PASSWORD_SET_AT: &str = "password_set_at";

/// Who a session says that its bearer is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SignedIn {
    /// The account.
    pub user_id: UserId,
    /// When the password that opened the session was set.
    pub password_set_at: Timestamp,
}

/// Keeps sessions in the store. Only sessions of somebody are kept.
#[derive(Debug, Clone)]
pub struct StoredSessions(Store);

/// Makes the layer that reads and writes the cookie.
pub(crate) fn layer(state: &AppState) -> SessionManagerLayer<StoredSessions> {
    let lifetime = Duration::try_from(state.config.limits.session).unwrap_or(Duration::WEEK);
    SessionManagerLayer::new(StoredSessions(state.workflow.store().clone()))
        .with_name(COOKIE)
        .with_http_only(true)
        .with_same_site(SameSite::Lax)
        .with_secure(state.behind_tls())
        .with_path("/")
        .with_expiry(Expiry::OnInactivity(lifetime))
}

/// Begins a session for an account, under a new id, whatever cookie was sent.
pub(crate) async fn begin(session: &Session, user: &User) -> Answer<()> {
    let begin = async {
        session.cycle_id().await?;
        session.insert(USER_ID, user.id).await?;
        session.insert(PASSWORD_SET_AT, user.password_set_at).await
    };
    begin.await.map_err(|error| broken(&error))
}

/// Ends a session.
pub(crate) async fn end(session: &Session) -> Answer<()> {
    session.flush().await.map_err(|error| broken(&error))
}

/// Reads who is signed in, if somebody is.
pub(crate) async fn signed_in(session: &Session) -> Answer<Option<SignedIn>> {
    let read = async {
        let user_id = session.get::<UserId>(USER_ID).await?;
        let password_set_at = session.get::<Timestamp>(PASSWORD_SET_AT).await?;
        Ok::<_, tower_sessions::session::Error>(user_id.zip(password_set_at))
    };
    let found = read.await.map_err(|error| broken(&error))?;
    Ok(found.map(|(user_id, password_set_at)| SignedIn { user_id, password_set_at }))
}

/// Reads who a session belongs to now, past what its request remembers of it.
pub(crate) async fn signed_in_again(state: &AppState, id: Option<Id>) -> Answer<Option<SignedIn>> {
    if id.is_none() {
        return Ok(None);
    }
    let stored = StoredSessions(state.workflow.store().clone());
    signed_in(&Session::new(id, Arc::new(stored), None)).await
}

fn broken(error: &tower_sessions::session::Error) -> Problem {
    Problem::internal("a session could not be read or written", error)
}

#[async_trait]
impl SessionStore for StoredSessions {
    async fn create(&self, record: &mut Record) -> Result<()> {
        loop {
            match self.0.commit(Batch::new().insert(&document(record)?)).await {
                Ok(()) => return Ok(()),
                Err(error) if error.is_conflict() => record.id = Id::default(),
                Err(error) => return Err(backend(&error)),
            }
        }
    }

    async fn save(&self, record: &Record) -> Result<()> {
        let document = document(record)?;
        let existing = self.0.get::<SessionDoc>(&document.id()).await.map_err(|error| backend(&error))?;
        let batch = match existing {
            Some(existing) => Batch::new().replace(&document, existing.version),
            None => Batch::new().insert(&document),
        };
        self.0.commit(batch).await.map_err(|error| backend(&error))
    }

    async fn load(&self, id: &Id) -> Result<Option<Record>> {
        let found = self.0.get::<SessionDoc>(&key(*id)).await.map_err(|error| backend(&error))?;
        let Some(session) = found else { return Ok(None) };
        let expiry_date =
            OffsetDateTime::from_unix_timestamp_nanos(i128::from(session.expires_at.millis()) * 1_000_000)
                .map_err(|error| Error::Decode(error.to_string()))?;
        if expiry_date <= OffsetDateTime::now_utc() {
            return Ok(None);
        }
        let data: HashMap<String, Value> = HashMap::from([
            (USER_ID.to_owned(), json!(session.user_id)),
            (PASSWORD_SET_AT.to_owned(), json!(session.password_set_at)),
        ]);
        Ok(Some(Record { id: *id, data, expiry_date }))
    }

    async fn delete(&self, id: &Id) -> Result<()> {
        loop {
            let found = self.0.get::<SessionDoc>(&key(*id)).await.map_err(|error| backend(&error))?;
            let Some(session) = found else { return Ok(()) };
            match self.0.commit(Batch::new().delete::<SessionDoc>(&session.id(), session.version)).await {
                Err(error) if error.is_conflict() => {}
                other => return other.map_err(|error| backend(&error)),
            }
        }
    }
}

fn key(id: Id) -> String {
    TokenHash::of(&id.to_string()).as_str().to_owned()
}

fn document(record: &Record) -> Result<SessionDoc> {
    fn field<T: serde::de::DeserializeOwned>(record: &Record, name: &str) -> Result<T> {
        let value = record.data.get(name).cloned().unwrap_or(Value::Null);
        serde_json::from_value(value).map_err(|error| Error::Encode(format!("{name}: {error}")))
    }
    let millis = i64::try_from(record.expiry_date.unix_timestamp_nanos() / 1_000_000);
    Ok(SessionDoc {
        id: TokenHash::of(&record.id.to_string()),
        user_id: field(record, USER_ID)?,
        password_set_at: field(record, PASSWORD_SET_AT)?,
        created_at: Timestamp::new(chrono::Utc::now()),
        expires_at: Timestamp::from_millis(millis.map_err(|error| Error::Encode(error.to_string()))?),
    })
}

/// The library keeps a text only, so the sources go into it.
fn backend(error: &(dyn StdError + 'static)) -> Error {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(inner) = source {
        text = format!("{text}: {inner}");
        source = inner.source();
    }
    Error::Backend(text)
}
