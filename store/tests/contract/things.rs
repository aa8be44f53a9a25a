//! The documents of the tests.

use std::sync::atomic::{AtomicI64, Ordering};

use conman_store::{Collection, Document, Index, Page};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json};

pub(crate) const BY_NUMBER: Index = Index::on("by_number", &["app_id", "number"]).unique();
pub(crate) const BY_STATE: Index = Index::on("by_state", &["app_id", "status.state", "created_at"]);
pub(crate) const BY_CREATED: Index = Index::on("by_created", &["created_at"]);
pub(crate) const BY_NAME: Index = Index::on("by_name", &["name"]).unique();
pub(crate) const BY_LABEL: Index = Index::on("by_label", &["app_id", "label"]);
pub(crate) const BY_RANK: Index = Index::on("by_rank", &["rank", "urgent"]);
pub(crate) const ONE_RUNNING: Index = Index::on("one_running", &["environment"])
    .unique()
    .only_where("status.state", &["running", "it's stopping"]);
pub(crate) const OPEN_BY_RANK: Index =
    Index::on("open_by_rank", &["rank"]).only_where("status.state", &["open"]);

pub(crate) static THINGS: Collection = Collection::new(
    "things",
    &[BY_NUMBER, BY_STATE, BY_CREATED, BY_NAME, BY_LABEL, BY_RANK, ONE_RUNNING, OPEN_BY_RANK],
);
pub(crate) static ACCOUNTS: Collection = Collection::new("accounts", &[BY_BANK]);
pub(crate) const BY_BANK: Index = Index::on("by_bank", &["bank"]);
pub(crate) static ANYTHING: Collection = Collection::new("anything", &[]);

/// All collections that the tests open.
pub(crate) static ALL: &[&Collection] = &[&THINGS, &ACCOUNTS, &ANYTHING];

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Thing {
    pub(crate) id: String,
    pub(crate) app_id: String,
    pub(crate) number: i64,
    pub(crate) name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) label: Option<String>,
    pub(crate) environment: Option<String>,
    pub(crate) status: Status,
    pub(crate) rank: f64,
    pub(crate) urgent: bool,
    pub(crate) created_at: String,
    pub(crate) note: String,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Status {
    pub(crate) state: String,
}

impl Document for Thing {
    const COLLECTION: &'static Collection = &THINGS;

    fn id(&self) -> String {
        self.id.clone()
    }
}

/// Makes a thing that agrees with no other under any unique index.
pub(crate) fn thing(id: &str) -> Thing {
    static NUMBER: AtomicI64 = AtomicI64::new(1);
    Thing {
        id: id.to_owned(),
        app_id: "app".to_owned(),
        number: NUMBER.fetch_add(1, Ordering::Relaxed),
        name: None,
        label: None,
        environment: None,
        status: Status { state: "open".to_owned() },
        rank: 0.0,
        urgent: false,
        created_at: "2026-01-01T00:00:00.000Z".to_owned(),
        note: String::new(),
    }
}

impl Thing {
    pub(crate) fn state(mut self, state: &str) -> Self {
        self.status.state = state.to_owned();
        self
    }

    pub(crate) fn created(mut self, minute: u32) -> Self {
        self.created_at = format!("2026-01-01T00:{minute:02}:00.000Z");
        self
    }

    pub(crate) fn note(mut self, note: &str) -> Self {
        self.note = note.to_owned();
        self
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Account {
    pub(crate) id: String,
    pub(crate) bank: String,
    pub(crate) balance: i64,
}

impl Document for Account {
    const COLLECTION: &'static Collection = &ACCOUNTS;

    fn id(&self) -> String {
        self.id.clone()
    }
}

pub(crate) fn account(id: &str, balance: i64) -> Account {
    Account { id: id.to_owned(), bank: "b".to_owned(), balance }
}

/// Is any JSON object at all, under an id that is not in it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Anything {
    #[serde(skip)]
    pub(crate) key: String,
    pub(crate) fields: Map<String, Json>,
}

impl Document for Anything {
    const COLLECTION: &'static Collection = &ANYTHING;

    fn id(&self) -> String {
        self.key.clone()
    }
}

/// Returns the ids of a page's documents.
pub(crate) fn ids(page: &Page<Thing>) -> Vec<&str> {
    page.items.iter().map(|thing| thing.id.as_str()).collect()
}
