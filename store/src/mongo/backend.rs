//! The MongoDB side of the port.

use std::time::Duration;

use async_trait::async_trait;
use bson::{Bson, Document, RawDocumentBuf, doc};
use chrono::{DateTime, Utc};
use futures::TryStreamExt;
use mongodb::options::{
    ClientOptions, CollectionOptions, Hint, ReadConcern, ReadPreference, SelectionCriteria, WriteConcern,
};
use mongodb::{Client, Database};

use super::transaction::Committer;
use super::{schema, transaction, wire};
use crate::backend::{Backend, Found, Stored};
use crate::batch::Write;
use crate::collection::Collection;
use crate::error::{CommitError, StoreError};
use crate::query::{Bound, Last, Plan};

/// How long one read may take before the store gives up on the server.
const READ_TIME: Duration = Duration::from_secs(30);
/// How long to look for a primary, where the address does not say.
const SELECTION_TIME: Duration = Duration::from_secs(10);
/// How many connections one process opens, where the address does not say.
const CONNECTIONS: u32 = 64;
/// The oldest server's wire version: MongoDB 6.0, for partial indexes with `$in`.
const OLDEST_WIRE: i32 = 17;

/// Is an open database of a MongoDB replica set.
pub(crate) struct MongoBackend {
    client: Client,
    database: Database,
    committer: Committer,
}

impl MongoBackend {
    /// Connects, checks that the server can do what the port promises, and makes collections and indexes.
    pub(crate) async fn open(
        url: &str,
        database: &str,
        collections: &'static [&'static Collection],
    ) -> Result<Self, StoreError> {
        Self::connect(options(url).await?, database, collections).await
    }

    async fn connect(
        options: ClientOptions,
        database: &str,
        collections: &'static [&'static Collection],
    ) -> Result<Self, StoreError> {
        let client = Client::with_options(options).map_err(StoreError::backend("connecting to MongoDB"))?;
        let database = client.database(database);
        check_server(&client).await?;
        schema::prepare(&database, collections).await?;
        let committer = Committer::new(client.clone(), database.clone());
        Ok(Self { client, database, committer })
    }

    async fn hello(&self) -> Result<Document, StoreError> {
        let hello = self.database.run_command(doc! { "hello": 1 });
        within("asking MongoDB", async move { hello.await }).await
    }
}

/// Reads an address, and makes sure that what the port promises does not depend on the address's options: acknowledged is
/// on a majority's disks, and what is read is what was last acknowledged.
pub(super) async fn options(url: &str) -> Result<ClientOptions, StoreError> {
    let mut options =
        ClientOptions::parse(url).await.map_err(StoreError::backend("reading MongoDB's address"))?;
    options.app_name.get_or_insert_with(|| "conman".to_owned());
    options.server_selection_timeout.get_or_insert(SELECTION_TIME);
    options.max_pool_size.get_or_insert(CONNECTIONS);
    options.write_concern = Some(durable());
    options.selection_criteria = Some(SelectionCriteria::ReadPreference(ReadPreference::Primary));
    // Each read states its own, since the driver lets the client's override a snapshot session's.
    options.read_concern = None;
    Ok(options)
}

/// Returns a collection whose single reads see what a majority has.
pub(super) fn acknowledged<T: Send + Sync>(
    database: &Database,
    collection: &Collection,
) -> mongodb::Collection<T> {
    let options = CollectionOptions::builder().read_concern(ReadConcern::majority()).build();
    database.collection_with_options(collection.name, options)
}

/// Is the write concern of everything that is acknowledged: on the disks of a majority.
pub(super) fn durable() -> WriteConcern {
    WriteConcern::builder().w(mongodb::options::Acknowledgment::Majority).journal(true).build()
}

/// Waits for a read, but not for ever: a server that was cut off never answers.
async fn within<R>(
    doing: &'static str,
    read: impl Future<Output = mongodb::error::Result<R>>,
) -> Result<R, StoreError> {
    let answered = tokio::time::timeout(READ_TIME, read).await.map_err(StoreError::backend(doing))?;
    answered.map_err(StoreError::backend(doing))
}

async fn check_server(client: &Client) -> Result<(), StoreError> {
    let admin = client.database("admin");
    let hello =
        within("connecting to MongoDB", async { admin.run_command(doc! { "hello": 1 }).await }).await?;
    let routed = hello.get_str("msg").is_ok_and(|message| message == "isdbgrid");
    if !routed && !hello.contains_key("setName") {
        return Err(StoreError::StandAlone);
    }
    if hello.get_i32("maxWireVersion").unwrap_or(0) < OLDEST_WIRE {
        return Err(StoreError::WrongVersion { reason: "MongoDB 6.0 or newer is needed".to_owned() });
    }
    transaction::warn_of_long_lived_transactions(&admin).await;
    Ok(())
}

#[async_trait]
impl Backend for MongoBackend {
    async fn get(&self, collection: &'static Collection, id: String) -> Result<Option<Stored>, StoreError> {
        let documents = acknowledged::<RawDocumentBuf>(&self.database, collection);
        let found =
            within("reading the store", async { documents.find_one(doc! { "_id": id }).await }).await?;
        found.map(|raw| wire::from_bson(collection, &raw)).transpose()
    }

    async fn get_many(
        &self,
        collection: &'static Collection,
        ids: Vec<String>,
    ) -> Result<Vec<Stored>, StoreError> {
        let documents = acknowledged::<RawDocumentBuf>(&self.database, collection);
        let found: Vec<RawDocumentBuf> = within("reading the store", async {
            documents.find(doc! { "_id": { "$in": ids } }).await?.try_collect().await
        })
        .await?;
        found.iter().map(|raw| wire::from_bson(collection, raw)).collect()
    }

    async fn find(&self, plan: Plan) -> Result<Found, StoreError> {
        if plan.limit == Some(0) && !plan.total {
            return Ok(Found { items: Vec::new(), total: None });
        }
        let raw = within("reading the store", self.settled_page(&plan)).await?;
        let items =
            raw.items.iter().map(|raw| wire::from_bson(plan.collection, raw)).collect::<Result<_, _>>()?;
        Ok(Found { items, total: raw.total })
    }

    async fn commit(&self, writes: Vec<Write>) -> Result<(), CommitError> {
        self.committer.commit(writes).await
    }

    async fn now(&self) -> Result<DateTime<Utc>, StoreError> {
        let hello = self.hello().await?;
        let time = hello.get_datetime("localTime").map_err(StoreError::backend("reading MongoDB's clock"))?;
        DateTime::from_timestamp_millis(time.timestamp_millis()).ok_or_else(|| {
            StoreError::backend("reading MongoDB's clock")(format!("the time {time:?} is out of range"))
        })
    }

    async fn ping(&self) -> Result<(), StoreError> {
        let hello = self.hello().await?;
        if hello.get_bool("isWritablePrimary").unwrap_or(false) {
            return Ok(());
        }
        Err(StoreError::backend("asking MongoDB")(
            "the server takes no writes: it is not the primary".to_owned(),
        ))
    }

    async fn close(&self) {
        self.committer.close().await;
        self.client.clone().shutdown().immediate(true).await;
    }
}

/// Is a page before its documents are taken apart.
struct RawPage {
    items: Vec<RawDocumentBuf>,
    total: Option<u64>,
}

impl MongoBackend {
    /// Reads a page, again where the moment to read at is not to be had: while an index is made, or after a long read.
    async fn settled_page(&self, plan: &Plan) -> mongodb::error::Result<RawPage> {
        const SNAPSHOT_TOO_OLD: i32 = 239;
        const SNAPSHOT_UNAVAILABLE: i32 = 246;
        const PAUSE: Duration = Duration::from_millis(50);
        loop {
            match self.page(plan).await {
                Err(error)
                    if matches!(schema::code_of(&error), Some(SNAPSHOT_TOO_OLD | SNAPSHOT_UNAVAILABLE)) =>
                {
                    tokio::time::sleep(PAUSE).await;
                }
                page => return page,
            }
        }
    }

    async fn page(&self, plan: &Plan) -> mongodb::error::Result<RawPage> {
        let documents = self.database.collection::<RawDocumentBuf>(plan.collection.name);
        let filter = filter(plan);
        // With a hint a query that its index cannot serve fails, instead of reading the whole collection.
        let hint = Hint::Name(plan.index.name.to_owned());
        // A snapshot session reads all at one moment: no half of a batch, and a total that fits the page.
        let mut session = self.client.start_session().snapshot(true).await?;
        let mut items = Vec::new();
        // The sum of both must fit 64 bits with sign; beyond half of that there is nothing to find.
        let most = i64::MAX as u64 / 2;
        let limit = plan.limit.map(|limit| limit.min(most));
        if limit != Some(0) && plan.skip <= most {
            let mut find =
                documents.find(filter.clone()).hint(hint.clone()).sort(order(plan)).skip(plan.skip);
            if let Some(limit) = limit {
                find = find.limit(i64::try_from(limit).unwrap_or(i64::MAX));
            }
            let mut cursor = find.session(&mut session).await?;
            while cursor.advance(&mut session).await? {
                items.push(cursor.current().to_owned());
            }
        }
        let total = if plan.total {
            Some(documents.count_documents(filter).hint(hint).session(&mut session).await?)
        } else {
            None
        };
        Ok(RawPage { items, total })
    }
}

fn filter(plan: &Plan) -> Document {
    let mut terms: Vec<Document> = Vec::new();
    for (field, value) in plan.equal_fields() {
        terms.push(doc! { field: { "$eq": wire::bound(field, value) } });
    }
    if let Some(field) = plan.last_field() {
        match &plan.last {
            Last::Free => {}
            Last::AnyOf(values) => {
                let values: Vec<Bson> = values.iter().map(|value| wire::bound(field, value)).collect();
                terms.push(doc! { field: { "$in": values } });
            }
            Last::Range { lower, upper } => {
                let end = |end: &Bound| wire::bound(field, &end.value);
                let mut range = Document::new();
                if let Some(lower) = lower {
                    range.insert(if lower.inclusive { "$gte" } else { "$gt" }, end(lower));
                }
                if let Some(upper) = upper {
                    range.insert(if upper.inclusive { "$lte" } else { "$lt" }, end(upper));
                }
                terms.push(doc! { field: range });
            }
        }
    }
    // MongoDB uses a partial index only where the query implies its condition.
    terms.extend(schema::coverage(plan.index));
    match terms.len() {
        0 => Document::new(),
        _ => doc! { "$and": terms },
    }
}

/// Returns what to sort by; nothing where the query finds one document at most.
fn order(plan: &Plan) -> Document {
    let direction = Bson::Int32(if plan.descending { -1 } else { 1 });
    let id = plan.order_needs_id().then_some("_id");
    plan.order().iter().copied().chain(id).map(|name| (name.to_owned(), direction.clone())).collect()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use mongodb::event::EventHandler;
    use mongodb::event::command::CommandEvent;
    use parking_lot::Mutex;
    use serde::{Deserialize, Serialize};

    use super::*;
    use crate::batch::Batch;
    use crate::collection::{Document as Kept, Index};
    use crate::query::Query;
    use crate::version::Version;

    const BY_TEXT: Index = Index::on("by_text", &["text"]);
    static NOTES: Collection = Collection::new("notes", &[BY_TEXT]);
    static ALL: &[&Collection] = &[&NOTES];

    #[derive(Debug, Clone, Serialize, Deserialize)]
    struct Note {
        id: String,
        text: String,
    }

    impl Kept for Note {
        const COLLECTION: &'static Collection = &NOTES;

        fn id(&self) -> String {
            self.id.clone()
        }
    }

    /// Listens to what is sent, with an address that asks for less than the port promises.
    #[tokio::test]
    async fn reads_and_writes_are_acknowledged_by_a_majority_whatever_the_address_says() {
        let server = std::env::var("CONMAN_TEST_MONGODB")
            .expect("CONMAN_TEST_MONGODB must name a MongoDB replica set, such as mongodb://127.0.0.1:27017/?replicaSet=rs0");
        let weak = "w=1&journal=false&readConcernLevel=local&readPreference=nearest";
        let mut options = options(&format!("{server}&{weak}")).await.unwrap();
        let sent = Arc::new(Mutex::new(Vec::<Document>::new()));
        let heard = Arc::clone(&sent);
        options.command_event_handler = Some(EventHandler::callback(move |event| {
            if let CommandEvent::Started(started) = event {
                heard.lock().push(started.command);
            }
        }));
        let name = format!("concerns_{}", uuid::Uuid::now_v7().simple());
        let backend = MongoBackend::connect(options, &name, ALL).await.unwrap();
        sent.lock().clear();

        let note = Note { id: "n".to_owned(), text: "t".to_owned() };
        backend.commit(Batch::new().insert(&note).into_writes().unwrap()).await.unwrap();
        let batch = Batch::new().check::<Note>("n", Version::FIRST);
        backend.commit(batch.into_writes().unwrap()).await.unwrap();
        backend.get(&NOTES, "n".to_owned()).await.unwrap();
        let query = Query::<Note>::on(&BY_TEXT).with_total();
        backend.find(query.into_plan().unwrap()).await.unwrap();
        backend.database.drop().await.unwrap();

        let sent = sent.lock();
        let of = |command: &str| {
            sent.iter().filter(|sent| sent.contains_key(command)).cloned().collect::<Vec<_>>()
        };
        for commit in of("commitTransaction") {
            assert_eq!(commit.get_document("writeConcern").unwrap(), &doc! { "w": "majority", "j": true });
        }
        for first in of("startTransaction") {
            assert_eq!(first.get_document("readConcern").unwrap().get_str("level").unwrap(), "snapshot");
        }
        let finds = of("find");
        let levels: Vec<&str> = finds
            .iter()
            .map(|find| find.get_document("readConcern").unwrap().get_str("level").unwrap())
            .collect();
        assert_eq!(levels, ["majority", "snapshot"], "a single read, then a page");
        let counts = of("aggregate");
        let counted_at = counts[0].get_document("readConcern").unwrap();
        assert_eq!(counted_at.get_str("level").unwrap(), "snapshot");
        assert!(counted_at.contains_key("atClusterTime"), "the total is of the page's moment: {counted_at}");
        assert_eq!((of("commitTransaction").len(), of("startTransaction").len(), counts.len()), (2, 2, 1));
    }
}
