//! What documents may hold, and that it comes back.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use conman_store::{Batch, Collection, CommitError, Document, Query, StoreError, Version};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json, json};

use crate::place::Place;
use crate::things::{ALL, ANYTHING, Anything, BY_CREATED, BY_NAME, THINGS, Thing, ids, thing};

fn any_text() -> impl Strategy<Value = String> {
    prop_oneof![
        3 => "\\PC{0,12}",
        1 => prop::collection::vec(any::<char>(), 0..8).prop_map(String::from_iter),
        1 => Just("2026-11-20T04:54:30.007Z".to_owned()),
        1 => Just("2026-11-20T04:54:30Z".to_owned()),
    ]
}

fn any_name() -> impl Strategy<Value = String> {
    prop_oneof![
        2 => "[a-z_]{1,8}",
        2 => "[$.%_a-z0-9EF]{0,6}",
        1 => "\\PC{0,6}",
        1 => Just("created_at".to_owned()),
        1 => Just("__proto__".to_owned()),
        1 => Just("_id".to_owned()),
    ]
}

fn any_json() -> impl Strategy<Value = Json> {
    let leaf = prop_oneof![
        Just(Json::Null),
        any::<bool>().prop_map(Json::from),
        any::<i64>().prop_map(Json::from),
        (-300_i64..300).prop_map(Json::from),
        any::<f64>().prop_filter("finite", |number| number.is_finite()).prop_map(Json::from),
        any_text().prop_map(Json::from),
    ];
    leaf.prop_recursive(5, 64, 6, |inside| {
        prop_oneof![
            prop::collection::vec(inside.clone(), 0..6).prop_map(Json::from),
            prop::collection::btree_map(any_name(), inside, 0..6)
                .prop_map(|fields| Json::Object(fields.into_iter().collect())),
        ]
    })
}

/// Writes floats by their bits, since 0.0 equals -0.0 and must not become it.
fn exact(json: &Json) -> Json {
    match json {
        Json::Number(number) if number.is_f64() => {
            json!({ "bits": number.as_f64().map(|number| number.to_bits().to_string()) })
        }
        Json::Array(items) => items.iter().map(exact).collect(),
        Json::Object(fields) => {
            let fields = fields.iter().map(|(name, value)| (name.clone(), exact(value)));
            Json::Object(fields.collect::<BTreeMap<_, _>>().into_iter().collect())
        }
        Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) => json.clone(),
    }
}

async fn round_trip(place: &'static Place, documents: Vec<Map<String, Json>>) {
    let store = place.open(ALL).await;
    let documents: Vec<Anything> = documents
        .into_iter()
        .enumerate()
        .map(|(at, fields)| Anything { key: format!("k{at}"), fields })
        .collect();
    for some in documents.chunks(50) {
        let batch = some.iter().fold(Batch::new(), |batch, document| batch.insert(document));
        store.commit(batch).await.unwrap();
    }
    for written in documents {
        let read = store.get::<Anything>(&written.key).await.unwrap().unwrap();
        assert_eq!(exact(&read.doc.fields.into()), exact(&written.fields.into()));
    }
}

pub(crate) async fn any_json_comes_back(place: &'static Place) {
    let mut runner = TestRunner::default();
    let documents = (0..600)
        .map(|_| {
            Map::from_iter([("content".to_owned(), any_json().new_tree(&mut runner).unwrap().current())])
        })
        .collect();
    round_trip(place, documents).await;
}

pub(crate) async fn any_top_level_name_comes_back(place: &'static Place) {
    let mut runner = TestRunner::default();
    let mut documents: Vec<Map<String, Json>> = (0..200)
        .map(|_| {
            let fields = prop::collection::btree_map(any_name(), any_json(), 0..5);
            Map::from_iter(fields.new_tree(&mut runner).unwrap().current())
        })
        .collect();
    for name in [
        "$set",
        "$where",
        "$ne",
        "a.b",
        "a.",
        ".",
        "",
        "$",
        "%",
        "%%",
        "%24set",
        "%2E",
        "%25",
        "%5Fid",
        "_id",
        "_version",
        "_guard",
        "_no_id",
        "id",
        "__proto__",
        "constructor",
        "é",
        "e\u{301}",
        "\u{202e}",
        "' OR 1=1 --",
        "\"",
        "\n",
    ] {
        documents.push(Map::from_iter([(name.to_owned(), json!({ name: [name] }))]));
    }
    // The id as a field of its own: equal to the real one, other text, and no text.
    let at = documents.len();
    documents.push(Map::from_iter([("id".to_owned(), json!(format!("k{at}")))]));
    documents.push(Map::from_iter([("id".to_owned(), json!("other"))]));
    documents.push(Map::from_iter([("id".to_owned(), json!(5))]));
    round_trip(place, documents).await;
}

pub(crate) async fn instants_come_back_and_sort(place: &'static Place) {
    let store = place.open(ALL).await;
    let instants = [
        "0000-01-01T00:00:00.000Z",
        "1969-12-31T23:59:59.999Z",
        "1970-01-01T00:00:00.000Z",
        "2026-02-28T23:59:59.999Z",
        "2026-03-01T00:00:00.000Z",
        "9999-12-31T23:59:59.999Z",
    ];
    let mut batch = Batch::new();
    for (at, instant) in instants.iter().enumerate().rev() {
        batch = batch.insert(&Thing { created_at: (*instant).to_owned(), ..thing(&format!("t{at}")) });
    }
    store.commit(batch).await.unwrap();
    let all = store.find(Query::<Thing>::on(&BY_CREATED)).await.unwrap();
    let read: Vec<&str> = all.items.iter().map(|thing| thing.created_at.as_str()).collect();
    assert_eq!(read, instants);
    let since = chrono::DateTime::from_timestamp_millis(0).unwrap();
    let page = store.find(Query::<Thing>::on(&BY_CREATED).after(since).before(instants[5])).await.unwrap();
    assert_eq!(ids(&page), ["t3", "t4"]);
    let page = store.find(Query::<Thing>::on(&BY_CREATED).eq(instants[0])).await.unwrap();
    assert_eq!(ids(&page), ["t0"]);

    // Other spellings stay texts, exactly as they were.
    for (at, odd) in ["2026-02-28T23:59:59Z", "2026-02-30T00:00:00.000Z", "yesterday", ""].iter().enumerate()
    {
        let odd = Thing { created_at: (*odd).to_owned(), ..thing(&format!("odd{at}")) };
        store.commit(Batch::new().insert(&odd)).await.unwrap();
        assert_eq!(store.get::<Thing>(&odd.id).await.unwrap().unwrap().doc, odd);
        let page = store.find(Query::<Thing>::on(&BY_CREATED).eq(odd.created_at.as_str())).await.unwrap();
        assert_eq!(ids(&page), [odd.id.as_str()]);
    }

    if place.is_shared() {
        let raw = place.database().await.collection::<bson::Document>("things");
        let found = raw.find_one(bson::doc! { "_id": "t2" }).await.unwrap().unwrap();
        assert_eq!(found.get_datetime("created_at").unwrap().timestamp_millis(), 0);
        assert_eq!(found.get_i64("_version").unwrap(), 1);
        assert!(!found.contains_key("id"), "the id is _id, and only that");
    }
}

pub(crate) async fn hostile_strings_find_only_themselves(place: &'static Place) {
    let store = place.open(ALL).await;
    let names = [
        "' OR '1'='1",
        "\"; DROP TABLE things; --",
        "{\"$ne\":null}",
        "$where",
        "a%",
        "_",
        "*",
        "\\",
        "a\u{0}b",
        "a",
        "a\u{0}",
        "é",
        "e\u{301}",
        "\u{200d}",
        "true",
        "0",
        "null",
        "",
    ];
    let mut batch = Batch::new();
    for name in names {
        // The name is id and value, except where it cannot be an id.
        let id = if name.is_empty() || name.contains('\0') {
            format!("id of {}", name.len())
        } else {
            name.to_owned()
        };
        batch = batch.insert(&Thing { name: Some(name.to_owned()), ..thing(&id) });
    }
    store.commit(batch).await.unwrap();
    for name in names {
        let page = store.find(Query::<Thing>::on(&BY_NAME).eq(name)).await.unwrap();
        let found: Vec<_> = page.items.iter().map(|thing| thing.name.as_deref()).collect();
        assert_eq!(found, [Some(name)]);
        let twin = Thing { name: Some(name.to_owned()), ..thing("twin") };
        let error = store.commit(Batch::new().insert(&twin)).await.unwrap_err();
        assert!(matches!(error, CommitError::NotUnique { index: "by_name", .. }), "{name:?}: {error:?}");
        if !name.is_empty() && !name.contains('\0') {
            assert_eq!(store.get::<Thing>(name).await.unwrap().unwrap().name.as_deref(), Some(name));
        }
    }
    for absent in ["", "\0", "%", "' OR 1=1"] {
        assert_eq!(store.get::<Thing>(absent).await.unwrap(), None);
    }
    let mut sorted = names.map(str::as_bytes);
    sorted.sort_unstable();
    let page = store.find(Query::<Thing>::on(&BY_NAME)).await.unwrap();
    let order: Vec<&[u8]> =
        page.items.iter().filter_map(|thing| thing.name.as_deref()).map(str::as_bytes).collect();
    assert_eq!(order, sorted, "texts sort by their bytes");
}

pub(crate) async fn what_cannot_be_held_is_refused(place: &'static Place) {
    #[derive(Clone, Serialize, Deserialize)]
    struct Number<N> {
        id: String,
        n: N,
    }
    impl<N: Serialize + for<'de> Deserialize<'de> + Clone + Send + Sync + 'static> Document for Number<N> {
        const COLLECTION: &'static Collection = &ANYTHING;

        fn id(&self) -> String {
            self.id.clone()
        }
    }
    #[derive(Clone, Serialize, Deserialize)]
    struct Listed {
        id: String,
        name: Json,
    }
    impl Document for Listed {
        const COLLECTION: &'static Collection = &THINGS;

        fn id(&self) -> String {
            self.id.clone()
        }
    }
    #[derive(Clone, Serialize, Deserialize)]
    struct Scalar(u8);
    impl Document for Scalar {
        const COLLECTION: &'static Collection = &ANYTHING;

        fn id(&self) -> String {
            "scalar".to_owned()
        }
    }
    fn of<N>(n: N) -> Number<N> {
        Number { id: "n".to_owned(), n }
    }
    let store = place.open(ALL).await;
    let deep = (0..101).fold(json!(1), |inside, _| json!([inside]));
    let listed = |name: Json| Listed { id: "l".to_owned(), name };
    let named = |id: &str| Batch::new().insert(&thing(id));
    for (what, batch) in [
        ("beyond i64", Batch::new().insert(&of(u64::MAX))),
        ("NaN", Batch::new().insert(&of(f64::NAN))),
        ("infinite", Batch::new().insert(&of(f64::NEG_INFINITY))),
        ("deep", Batch::new().insert(&of(deep))),
        ("NUL in a name", Batch::new().insert(&of(json!({"a\u{0}b": 1})))),
        ("list under an index", Batch::new().insert(&listed(json!(["a"])))),
        ("object under an index", Batch::new().insert(&listed(json!({"$gt": ""})))),
        ("no object", Batch::new().insert(&Scalar(1))),
        ("no id", named("")),
        ("NUL in an id", named("a\0b")),
        ("long id", named(&"i".repeat(1025))),
    ] {
        let error = store.commit(Batch::new().insert(&thing("beside")).extend(batch)).await.unwrap_err();
        assert!(matches!(error, CommitError::Store(StoreError::BadDocument { .. })), "{what}: {error:?}");
        assert!(!error.is_conflict());
    }
    assert_eq!(store.get::<Thing>("beside").await.unwrap(), None);
    store.commit(Batch::new().insert(&of(i64::MAX as u64)).extend(named(&"i".repeat(1024)))).await.unwrap();
    assert_eq!(store.get::<Number<u64>>("n").await.unwrap().unwrap().n, i64::MAX as u64);
}

pub(crate) async fn fifteen_megabytes_are_stored_and_seventeen_refused(place: &'static Place) {
    let store = place.open(ALL).await;
    let large = thing("large").note(&"é".repeat(15 << 19));
    store.commit(Batch::new().insert(&large)).await.unwrap();
    assert_eq!(store.get::<Thing>("large").await.unwrap().unwrap().doc, large);

    // The largest document that the limit allows is one that the database takes.
    let limit =
        match store.commit(Batch::new().insert(&thing("x").note(&"x".repeat(17 << 20)))).await.unwrap_err() {
            CommitError::TooLarge { collection: "things", id, size, limit } => {
                assert!(id == "x" && size > limit);
                limit
            }
            other => panic!("{other:?}"),
        };
    let escaped: Map<String, Json> =
        (0..200_000).map(|at| (format!("${at:06}.%"), json!("2026-11-20T04:54:30.007Z"))).collect();
    let escaped = Anything { key: "escaped".to_owned(), fields: escaped };
    store.commit(Batch::new().insert(&escaped)).await.unwrap();
    assert_eq!(store.get::<Anything>("escaped").await.unwrap().unwrap().fields, escaped.fields);
    let mut fits = limit;
    loop {
        let note = "x".repeat(fits);
        match store.commit(Batch::new().replace(&large.clone().note(&note), Version::FIRST)).await {
            Err(CommitError::TooLarge { size, .. }) => fits -= size - limit,
            other => break other.unwrap(),
        }
    }
    assert_eq!(store.get::<Thing>("large").await.unwrap().unwrap().note.len(), fits);
}

pub(crate) async fn a_document_of_another_shape_is_unreadable(place: &'static Place) {
    let store = place.open(ALL).await;
    let odd = Anything { key: "odd".to_owned(), fields: Map::from_iter([("a".to_owned(), json!(1))]) };
    store.commit(Batch::new().insert(&odd)).await.unwrap();

    #[derive(Debug, Clone, Serialize, Deserialize)]
    struct Strict {
        a: String,
    }
    impl Document for Strict {
        const COLLECTION: &'static Collection = &ANYTHING;

        fn id(&self) -> String {
            "odd".to_owned()
        }
    }
    let error = store.get::<Strict>("odd").await.unwrap_err();
    assert!(
        matches!(error, StoreError::Unreadable { collection: "anything", ref id, .. } if id == "odd"),
        "{error:?}"
    );
    assert!(std::error::Error::source(&error).is_some(), "the cause is kept");
}

/// Where nobody else writes, what was read is as it was for as long as the number is the same.
pub(crate) async fn a_commit_is_answered_under_another_number(place: &'static Place) {
    let store = place.open(ALL).await;
    if place.is_shared() {
        store.commit(Batch::new().insert(&thing("t"))).await.unwrap();
        assert_eq!(store.generation(), None);
        return;
    }
    // One writes and notes the number; many read, and must never find an older document under it.
    store.commit(Batch::new().insert(&thing("t").note("0"))).await.unwrap();
    let (told, ended) = (Arc::new(Mutex::new((0_u64, 0_u32))), Arc::new(AtomicBool::new(false)));
    let readers: Vec<_> = (0..4)
        .map(|_| {
            let (store, told, ended) = (store.clone(), Arc::clone(&told), Arc::clone(&ended));
            tokio::spawn(async move {
                while !ended.load(Ordering::SeqCst) {
                    let (generation, note) = *told.lock().unwrap();
                    let now = store.generation().unwrap();
                    assert!(now >= generation);
                    let read = store.get::<Thing>("t").await.unwrap().unwrap();
                    assert!(read.doc.note.parse::<u32>().unwrap() >= note);
                    // Kept under a number from before the read, it is used only while that is the newest.
                    if store.generation().unwrap() == now {
                        assert!(store.get::<Thing>("t").await.unwrap().unwrap().version >= read.version);
                    }
                }
            })
        })
        .collect();
    let mut version = Version::FIRST;
    for note in 1..=300_u32 {
        let before = store.generation().unwrap();
        store.commit(Batch::new().replace(&thing("t").note(&note.to_string()), version)).await.unwrap();
        let after = store.generation().unwrap();
        assert!(after > before, "{note}");
        *told.lock().unwrap() = (after, note);
        version = store.get::<Thing>("t").await.unwrap().unwrap().version;
    }
    ended.store(true, Ordering::SeqCst);
    for reader in readers {
        reader.await.unwrap();
    }
}
