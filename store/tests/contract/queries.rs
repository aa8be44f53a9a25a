//! What queries find, in which order, and which are refused.

use conman_store::{Batch, FieldValue, Index, Query, Store, StoreError};

use crate::place::Place;
use crate::things::{
    ALL, Account, BY_BANK, BY_CREATED, BY_LABEL, BY_NAME, BY_NUMBER, BY_RANK, BY_STATE, ONE_RUNNING,
    OPEN_BY_RANK, Thing, ids, thing,
};

async fn put(store: &Store, things: impl IntoIterator<Item = Thing>) {
    let batch = things.into_iter().fold(Batch::new(), |batch, thing| batch.insert(&thing));
    store.commit(batch).await.unwrap();
}

async fn find(store: &Store, query: Query<Thing>) -> Vec<String> {
    let page = store.find(query).await.unwrap();
    page.items.into_iter().map(|thing| thing.doc.id).collect()
}

pub(crate) async fn pages_are_stable_and_counted(place: &'static Place) {
    let store = place.open(ALL).await;
    // Many share a minute, so only the id can tell them apart; they are written in no order.
    let all: Vec<Thing> =
        (0..100_u32).map(|n| thing(&format!("t{:02}", n * 37 % 100)).created(n % 3)).collect();
    put(&store, all.clone()).await;
    let mut sorted: Vec<(&str, &str)> =
        all.iter().map(|thing| (thing.created_at.as_str(), thing.id.as_str())).collect();
    sorted.sort_unstable();
    let sorted: Vec<&str> = sorted.into_iter().map(|(_, id)| id).collect();

    let query = || Query::<Thing>::on(&BY_CREATED);
    let mut pages = Vec::new();
    for skip in (0..120).step_by(7) {
        let page = store.find(query().skip(skip).limit(7).with_total()).await.unwrap();
        assert_eq!(page.total, 100);
        pages.extend(page.items.into_iter().map(|thing| thing.doc.id));
    }
    assert_eq!(pages, sorted);
    let backwards: Vec<&str> = sorted.iter().rev().copied().collect();
    assert_eq!(find(&store, query().descending()).await, backwards);
    assert_eq!(find(&store, query().descending().skip(98)).await, backwards[98..]);

    let page = store.find(query().limit(5)).await.unwrap();
    assert_eq!((page.items.len(), page.total), (5, 5), "the total is counted only when it is asked for");
    let page = store.find(query().limit(0).with_total()).await.unwrap();
    assert_eq!((page.items.len(), page.total), (0, 100));
    assert_eq!(store.find(query().limit(0)).await.unwrap().items.len(), 0);
    for (skip, limit, expected) in
        [(0, u64::MAX, 100), (u64::MAX, u64::MAX, 0), (i64::MAX as u64, 1, 0), (99, 1 << 40, 1)]
    {
        let page = store.find(query().skip(skip).limit(limit).with_total()).await.unwrap();
        assert_eq!((page.items.len(), page.total), (expected, 100), "skip {skip}, limit {limit}");
    }
    // A document is read with the version that a write of it needs.
    let page = store.find(query().limit(1)).await.unwrap();
    store.commit(Batch::new().replace(&page.items[0].doc, page.items[0].version)).await.unwrap();
}

pub(crate) async fn values_bind_in_order(place: &'static Place) {
    let store = place.open(ALL).await;
    put(
        &store,
        [
            thing("a").state("open").created(3),
            thing("b").state("held").created(1),
            thing("c").state("shut").created(2),
            thing("d").state("open").created(1),
            Thing { app_id: "other".to_owned(), ..thing("e").state("open").created(0) },
        ],
    )
    .await;
    let by_state = || Query::<Thing>::on(&BY_STATE);
    assert_eq!(find(&store, by_state()).await, ["b", "d", "a", "c", "e"]);
    assert_eq!(find(&store, by_state().eq("app")).await, ["b", "d", "a", "c"]);
    assert_eq!(find(&store, by_state().eq("app").eq("open")).await, ["d", "a"]);
    assert_eq!(find(&store, by_state().eq("app").eq("open").eq("2026-01-01T00:01:00.000Z")).await, ["d"]);
    assert_eq!(find(&store, by_state().eq("app").eq("nothing")).await, [""; 0]);
    // The states are as good as each other, so what is left to sort by is the time, then the id.
    let either = || by_state().eq("app").any_of(["open", "held", "unknown"]);
    assert_eq!(find(&store, either()).await, ["b", "d", "a"]);
    assert_eq!(find(&store, either().descending()).await, ["a", "d", "b"]);
    assert_eq!(find(&store, either().skip(1).limit(1)).await, ["d"]);
    assert_eq!(store.find(either().limit(1).with_total()).await.unwrap().total, 3);
    assert_eq!(find(&store, by_state().eq("app").any_of(["open", "open"])).await, ["d", "a"]);
    let none = store.find(by_state().eq("app").any_of(Vec::<String>::new()).with_total()).await.unwrap();
    assert_eq!((none.items.len(), none.total), (0, 0));
    assert_eq!(find(&store, by_state().any_of(["app", "other"]).limit(3)).await, ["b", "e", "d"]);
    let many: Vec<String> = (0..5_000).map(|n| format!("state {n}")).chain(["shut".to_owned()]).collect();
    assert_eq!(find(&store, by_state().eq("app").any_of(many)).await, ["c"]);
    // A unique index sorts too.
    assert_eq!(find(&store, Query::on(&BY_NUMBER).eq("app")).await, ["a", "b", "c", "d"]);
    assert_eq!(find(&store, Query::on(&BY_NUMBER).eq("app").descending().limit(2)).await, ["d", "c"]);
    assert_eq!(find(&store, Query::on(&BY_NUMBER).any_of(["app", "other"])).await, ["a", "b", "c", "d", "e"]);
}

pub(crate) async fn ranges_have_ends(place: &'static Place) {
    let store = place.open(ALL).await;
    put(&store, (0..6).map(|n| thing(&format!("t{n}")).created(n))).await;
    let at = |minute: u32| format!("2026-01-01T00:{minute:02}:00.000Z");
    let by_created = || Query::<Thing>::on(&BY_CREATED);
    assert_eq!(find(&store, by_created().after(at(3))).await, ["t4", "t5"]);
    assert_eq!(find(&store, by_created().at_least(at(3))).await, ["t3", "t4", "t5"]);
    assert_eq!(find(&store, by_created().before(at(2))).await, ["t0", "t1"]);
    assert_eq!(find(&store, by_created().at_most(at(2))).await, ["t0", "t1", "t2"]);
    assert_eq!(find(&store, by_created().after(at(1)).at_most(at(3))).await, ["t2", "t3"]);
    assert_eq!(find(&store, by_created().before(at(3)).at_least(at(1)).descending()).await, ["t2", "t1"]);
    assert_eq!(find(&store, by_created().after(at(3)).before(at(1))).await, [""; 0]);
    let page = store.find(by_created().after(at(1)).limit(2).with_total()).await.unwrap();
    assert_eq!((ids(&page), page.total), (vec!["t2", "t3"], 4));
    let by_state = || Query::<Thing>::on(&BY_STATE).eq("app").eq("open");
    assert_eq!(find(&store, by_state().after(at(4))).await, ["t5"]);
    let by_number = Query::<Thing>::on(&BY_NUMBER).eq("app").at_least(0).at_most(i64::MAX).limit(1);
    assert_eq!(find(&store, by_number).await, ["t0"]);
}

pub(crate) async fn nulls_come_first_and_can_be_asked_for(place: &'static Place) {
    let store = place.open(ALL).await;
    let labelled = |id: &str, label: Option<&str>| Thing { label: label.map(str::to_owned), ..thing(id) };
    put(
        &store,
        [labelled("a", Some("z")), labelled("b", None), labelled("c", Some("")), labelled("d", None)],
    )
    .await;
    let by_label = || Query::<Thing>::on(&BY_LABEL).eq("app");
    assert_eq!(find(&store, by_label()).await, ["b", "d", "c", "a"]);
    assert_eq!(find(&store, by_label().eq(FieldValue::Null)).await, ["b", "d"]);
    assert_eq!(find(&store, by_label().eq(None::<&str>).descending()).await, ["d", "b"]);
    assert_eq!(find(&store, by_label().at_least("")).await, ["c", "a"]);
    assert_eq!(find(&store, by_label().before("z")).await, ["c"], "null is before nothing");
    // A unique index holds no nulls, whether null is stored or nothing is.
    put(&store, [Thing { name: Some("n".to_owned()), ..thing("named") }]).await;
    assert_eq!(find(&store, Query::on(&BY_NAME)).await, ["named"]);
    assert_eq!(find(&store, Query::on(&BY_NAME).eq(FieldValue::Null)).await, [""; 0]);
}

pub(crate) async fn numbers_and_booleans_are_compared(place: &'static Place) {
    let store = place.open(ALL).await;
    let ranked = |id: &str, rank: f64, urgent: bool| Thing { rank, urgent, ..thing(id) };
    put(
        &store,
        [ranked("a", 10.0, true), ranked("b", 9.5, false), ranked("c", -1.0, true), ranked("d", 10.0, false)],
    )
    .await;
    let by_rank = || Query::<Thing>::on(&BY_RANK);
    assert_eq!(find(&store, by_rank()).await, ["c", "b", "d", "a"]);
    assert_eq!(find(&store, by_rank().eq(10).eq(true)).await, ["a"]);
    assert_eq!(find(&store, by_rank().eq(10.0).eq(false)).await, ["d"]);
    assert_eq!(find(&store, by_rank().after(9).descending()).await, ["a", "d", "b"]);
    // Sorted by what is left: not urgent first.
    assert_eq!(find(&store, by_rank().any_of([-1, 10])).await, ["d", "a", "c"]);
    assert_eq!(find(&store, by_rank().at_most(u64::MAX)).await, ["c", "b", "d", "a"]);
}

pub(crate) async fn restricted_indexes_answer_for_what_they_cover(place: &'static Place) {
    let store = place.open(ALL).await;
    let ranked = |id: &str, rank: f64, state: &str| Thing { rank, ..thing(id).state(state) };
    put(&store, [ranked("a", 2.0, "open"), ranked("b", 1.0, "shut"), ranked("c", 1.0, "open")]).await;
    assert_eq!(find(&store, Query::on(&OPEN_BY_RANK)).await, ["c", "a"]);
    assert_eq!(find(&store, Query::on(&OPEN_BY_RANK).eq(1)).await, ["c"]);
    assert_eq!(find(&store, Query::on(&OPEN_BY_RANK).at_least(1).descending()).await, ["a", "c"]);
    let placed =
        |id: &str, state: &str| Thing { environment: Some("e".to_owned()), ..thing(id).state(state) };
    put(&store, [placed("d", "it's stopping"), placed("e", "open")]).await;
    assert_eq!(find(&store, Query::on(&ONE_RUNNING)).await, ["d"]);
    assert_eq!(find(&store, Query::on(&ONE_RUNNING).any_of(["e", "f"])).await, ["d"]);
    assert_eq!(store.find(Query::<Thing>::on(&ONE_RUNNING).with_total()).await.unwrap().total, 1);
}

pub(crate) async fn what_no_index_serves_is_refused(place: &'static Place) {
    const ELSEWHERE: Index = Index::on("by_elsewhere", &["note"]);
    // The name is one that the collection has, and the fields are not.
    const FALSE_NAME: Index = Index::on("by_created", &["note"]);
    let store = place.open(ALL).await;
    let instant = "2026-01-01T00:00:00.000Z";
    for (what, query) in [
        ("an undeclared index", Query::<Thing>::on(&ELSEWHERE)),
        ("another collection's index", Query::<Thing>::on(&BY_BANK)),
        ("a false index", Query::<Thing>::on(&FALSE_NAME)),
        ("too many values", Query::on(&BY_CREATED).eq(instant).eq("more")),
        ("a range too many", Query::on(&BY_CREATED).eq(instant).after(instant)),
        ("values too many", Query::on(&BY_CREATED).eq(instant).any_of(["x"])),
        ("eq after a range", Query::on(&BY_STATE).after("a").eq("b")),
        ("eq after any_of", Query::on(&BY_STATE).any_of(["a"]).eq("b")),
        ("any_of after a range", Query::on(&BY_STATE).after("a").any_of(["b"])),
        ("a range after any_of", Query::on(&BY_STATE).any_of(["a"]).before("b")),
        ("two lower ends", Query::on(&BY_STATE).after("a").at_least("b")),
        ("two upper ends", Query::on(&BY_STATE).before("a").at_most("b")),
        ("a range at null", Query::on(&BY_STATE).after(FieldValue::Null)),
        ("any_of with null", Query::on(&BY_STATE).any_of([FieldValue::Null])),
        ("NaN", Query::on(&BY_RANK).eq(f64::NAN)),
        ("a range at NaN", Query::on(&BY_RANK).after(f64::NAN)),
        ("any_of with NaN", Query::on(&BY_RANK).any_of([f64::NAN])),
        ("too many alternatives", Query::on(&BY_RANK).any_of(0..10_001)),
        ("a range of instants that ends at none", Query::on(&BY_CREATED).after("yesterday")),
    ] {
        let error = store.find(query).await.unwrap_err();
        assert!(matches!(error, StoreError::BadQuery { collection: "things", .. }), "{what}: {error:?}");
    }
    let error = store.find(Query::<Account>::on(&BY_CREATED)).await.unwrap_err();
    assert!(
        matches!(error, StoreError::BadQuery { collection: "accounts", index: "by_created", .. }),
        "{error:?}"
    );
}

/// Asks in every shape, then has MongoDB's profiler say how each was answered. The embedded store names the index in the
/// query itself, and SQLite refuses what that index cannot serve.
pub(crate) async fn every_shape_of_query_is_served_by_its_index(place: &'static Place) {
    let store = place.open(ALL).await;
    put(&store, (0..50).map(|n| thing(&format!("t{n:02}")).created(n % 7))).await;
    let profiler = if place.is_shared() { Some(place.database().await) } else { None };
    if let Some(database) = &profiler {
        database.run_command(bson::doc! { "profile": 2 }).await.unwrap();
    }
    let at = "2026-01-01T00:03:00.000Z";
    let all = |index| Query::<Thing>::on(index);
    let shapes = [
        all(&BY_CREATED),
        all(&BY_CREATED).descending(),
        all(&BY_CREATED).after(at).with_total(),
        all(&BY_CREATED).eq(at).skip(1).limit(2),
        all(&BY_STATE).eq("app"),
        all(&BY_STATE).eq("app").eq("open").before(at).descending(),
        all(&BY_STATE).eq("app").any_of(["open", "held"]).with_total(),
        all(&BY_STATE).eq("app").any_of(["open", "held"]).descending(),
        all(&BY_NUMBER),
        all(&BY_NUMBER).eq("app").descending(),
        all(&BY_NUMBER).eq("app").eq(1),
        all(&BY_NUMBER).eq("app").at_least(1).with_total(),
        all(&BY_NAME).any_of(["a", "b"]),
        all(&BY_LABEL).eq("app").eq(FieldValue::Null),
        all(&BY_RANK).eq(0).any_of([true]),
        all(&ONE_RUNNING).eq("e").with_total(),
        all(&ONE_RUNNING),
        all(&OPEN_BY_RANK).descending().with_total(),
    ];
    let count = shapes.len();
    for query in shapes {
        store.find(query).await.unwrap();
    }
    let Some(database) = profiler else { return };
    database.run_command(bson::doc! { "profile": 0 }).await.unwrap();
    let asked =
        bson::doc! { "ns": format!("{}.things", database.name()), "command.hint": { "$exists": true } };
    let mut answered = database.collection::<bson::Document>("system.profile").find(asked).await.unwrap();
    let mut seen = 0;
    while answered.advance().await.unwrap() {
        let one = answered.deserialize_current().unwrap();
        let summary = one.get_str("planSummary").unwrap();
        assert!(
            !summary.contains("COLLSCAN") && (summary.contains("IXSCAN") || summary.contains("COUNT_SCAN")),
            "{one}"
        );
        // Only values of a unique index, of which each finds one document, are sorted after they are read.
        let is_sorted_in_memory = one.get_bool("hasSortStage").unwrap_or(false);
        let is_few = one.get_document("command").unwrap().get_str("hint").unwrap() == "by_name";
        assert!(!is_sorted_in_memory || is_few, "{one}");
        seen += 1;
    }
    assert!(seen >= count, "{seen} of {count} queries were profiled");
}
