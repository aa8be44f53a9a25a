//! Preconditions, uniqueness, all or nothing.

use conman_store::{Batch, CommitError, Query, StoreError, Version};

use crate::place::Place;
use crate::things::{ALL, Account, BY_CREATED, BY_NUMBER, Thing, account, thing};

pub(crate) async fn a_document_is_written_read_replaced_and_deleted(place: &'static Place) {
    let store = place.open(ALL).await;
    assert_eq!(store.get::<Thing>("t").await.unwrap(), None);

    let first = thing("t").note("ä 🦀 \u{0}\u{7f} \u{202e} \"'\\");
    store.commit(Batch::new().insert(&first)).await.unwrap();
    let read = store.get::<Thing>("t").await.unwrap().unwrap();
    assert_eq!((&read.doc, read.version), (&first, Version::FIRST));

    let second = first.clone().note("again");
    store.commit(Batch::new().replace(&second, read.version)).await.unwrap();
    let read = store.get::<Thing>("t").await.unwrap().unwrap();
    assert_eq!((&read.doc, read.version), (&second, Version::FIRST.next()));

    store.commit(Batch::new().check::<Thing>("t", read.version)).await.unwrap();
    let checked = store.get::<Thing>("t").await.unwrap().unwrap();
    assert_eq!(checked, read, "a check changes nothing");

    store.commit(Batch::new().delete::<Thing>("t", read.version)).await.unwrap();
    assert_eq!(store.get::<Thing>("t").await.unwrap(), None);
    store.commit(Batch::new()).await.unwrap();
}

pub(crate) async fn several_documents_are_read_by_their_ids(place: &'static Place) {
    let store = place.open(ALL).await;
    let odd = "it's \"odd\", \\ and ä\u{1}";
    let batch = ["b", "a", odd, "c"].iter().fold(Batch::new(), |batch, id| batch.insert(&thing(id)));
    store.commit(batch).await.unwrap();
    store.commit(Batch::new().replace(&thing("b").note("again"), Version::FIRST)).await.unwrap();

    let wanted = ["c", "b", "gone", odd, "c", "$ne", "a\u{0}"].map(str::to_owned);
    let read = store.get_many::<Thing>(wanted).await.unwrap();
    let read: Vec<(&str, u64)> =
        read.iter().map(|thing| (thing.doc.id.as_str(), thing.version.get())).collect();
    assert_eq!(read, [("b", 2), ("c", 1), (odd, 1)]);
    assert_eq!(store.get_many::<Thing>([]).await.unwrap(), []);

    let many = (0..3_000).map(|n| format!("n{n}")).chain(["a".to_owned()]);
    assert_eq!(store.get_many::<Thing>(many).await.unwrap().len(), 1);
}

pub(crate) async fn missing_changed_and_existing_are_told_apart(place: &'static Place) {
    let store = place.open(ALL).await;
    let there = thing("there");
    store.commit(Batch::new().insert(&there)).await.unwrap();
    store.commit(Batch::new().replace(&there, Version::FIRST)).await.unwrap();
    let now = Version::new(2);
    let gone = thing("gone");

    let is_missing = |error: &CommitError| matches!(error, CommitError::Missing { collection: "things", id } if id == "gone");
    let is_changed = |error: &CommitError| matches!(error, CommitError::Changed { collection: "things", id } if id == "there");
    for batch in [
        Batch::new().replace(&gone, now),
        Batch::new().delete::<Thing>("gone", now),
        Batch::new().check::<Thing>("gone", now),
        // Neighbours that hold do not hide the one that does not.
        Batch::new().check::<Thing>("there", now).replace(&gone, now),
        Batch::new().replace(&there, now).check::<Thing>("gone", now),
    ] {
        let error = store.commit(batch).await.unwrap_err();
        assert!(is_missing(&error) && error.is_conflict(), "{error:?}");
    }
    // The first of two reasons is the one that is told.
    store.commit(Batch::new().insert(&thing("other"))).await.unwrap();
    let twin = Thing { number: there.number, ..thing("other") };
    let batch = Batch::new().replace(&there, now).replace(&gone, now).replace(&twin, Version::FIRST);
    let error = store.commit(batch).await.unwrap_err();
    assert!(is_missing(&error), "{error:?}");
    let batch = Batch::new().replace(&there, now).replace(&twin, Version::FIRST).replace(&gone, now);
    let error = store.commit(batch).await.unwrap_err();
    assert!(matches!(error, CommitError::NotUnique { index: "by_number", .. }), "{error:?}");
    for wrong in [Version::FIRST, Version::new(3), Version::new(0), Version::new(u64::MAX)] {
        for batch in [
            Batch::new().replace(&there, wrong),
            Batch::new().delete::<Thing>("there", wrong),
            Batch::new().check::<Thing>("there", wrong),
        ] {
            let error = store.commit(batch).await.unwrap_err();
            assert!(is_changed(&error) && error.is_conflict(), "{error:?}");
        }
    }
    let error = store.commit(Batch::new().insert(&thing("there"))).await.unwrap_err();
    assert!(matches!(&error, CommitError::Exists { collection: "things", id } if id == "there"), "{error:?}");
    assert!(error.is_conflict());
    // The id is taken and a unique value too: the id is what is told.
    let error = store.commit(Batch::new().insert(&there)).await.unwrap_err();
    assert!(matches!(error, CommitError::Exists { .. }), "{error:?}");
    assert_eq!(store.get::<Thing>("there").await.unwrap().unwrap().version, now);
}

pub(crate) async fn a_refused_batch_writes_nothing(place: &'static Place) {
    let store = place.open(ALL).await;
    let kept = thing("kept");
    store.commit(Batch::new().insert(&kept).insert(&account("a", 5))).await.unwrap();
    let twin = Thing { number: kept.number, ..thing("twin") };
    let work = || {
        Batch::new()
            .insert(&thing("new"))
            .replace(&kept.clone().note("changed"), Version::FIRST)
            .delete::<Account>("a", Version::FIRST)
    };
    for (bad, name) in [
        (Batch::new().insert(&kept), "exists"),
        (Batch::new().insert(&twin), "not unique"),
        (Batch::new().replace(&thing("gone"), Version::FIRST), "missing"),
        (Batch::new().check::<Thing>("gone", Version::FIRST), "missing"),
        (Batch::new().delete::<Thing>("gone", Version::FIRST), "missing"),
    ] {
        let last = if name == "exists" {
            Batch::new().insert(&thing("new")).delete::<Account>("a", Version::FIRST).extend(bad)
        } else {
            work().extend(bad)
        };
        let error = store.commit(last).await.unwrap_err();
        assert!(error.is_conflict(), "{name}: {error:?}");
        assert_eq!(store.get::<Thing>("new").await.unwrap(), None, "{name}");
        assert_eq!(store.get::<Thing>("kept").await.unwrap().unwrap().doc, kept, "{name}");
        assert!(store.get::<Account>("a").await.unwrap().is_some(), "{name}");
    }
    // What was refused holds nothing: the same work passes right after.
    store.commit(work()).await.unwrap();
    assert!(store.get::<Thing>("new").await.unwrap().is_some());
    assert!(store.get::<Account>("a").await.unwrap().is_none());
}

pub(crate) async fn a_contradictory_batch_is_refused(place: &'static Place) {
    let store = place.open(ALL).await;
    let one = thing("one");
    store.commit(Batch::new().insert(&one)).await.unwrap();
    for batch in [
        Batch::new().insert(&thing("two")).insert(&thing("two")),
        Batch::new().replace(&one, Version::FIRST).delete::<Thing>("one", Version::FIRST),
        Batch::new().check::<Thing>("one", Version::FIRST).replace(&one, Version::FIRST.next()),
        Batch::new().check::<Thing>("two", Version::FIRST).insert(&thing("two")),
    ] {
        let error = store.commit(batch).await.unwrap_err();
        assert!(matches!(error, CommitError::Store(StoreError::BadBatch { .. })), "{error:?}");
        assert!(!error.is_conflict());
    }
    assert_eq!(store.get::<Thing>("one").await.unwrap().unwrap().version, Version::FIRST);
    assert!(store.get::<Thing>("two").await.unwrap().is_none());
}

pub(crate) async fn a_check_beside_a_write_of_the_same_version_is_no_contradiction(place: &'static Place) {
    let store = place.open(ALL).await;
    let one = thing("one");
    store.commit(Batch::new().insert(&one)).await.unwrap();
    let check = || Batch::new().check::<Thing>("one", Version::FIRST);
    store.commit(check().extend(check())).await.unwrap();
    let batch = check().replace(&one.clone().note("new"), Version::FIRST).extend(check());
    assert_eq!(batch.len(), 3);
    assert!(!batch.is_empty() && Batch::new().is_empty());
    store.commit(batch).await.unwrap();
    let read = store.get::<Thing>("one").await.unwrap().unwrap();
    assert_eq!((read.note.as_str(), read.version), ("new", Version::FIRST.next()));
}

pub(crate) async fn a_large_batch_is_committed_whole(place: &'static Place) {
    let store = place.open(ALL).await;
    let mut batch = Batch::new();
    for number in 0..2_000 {
        batch =
            batch.insert(&thing(&format!("t{number:04}"))).insert(&account(&format!("a{number:04}"), number));
    }
    store.commit(batch).await.unwrap();
    let page = store.find(Query::<Thing>::on(&BY_CREATED).with_total()).await.unwrap();
    assert_eq!((page.items.len(), page.total), (2_000, 2_000));
    assert_eq!(store.get::<Account>("a1999").await.unwrap().unwrap().balance, 1_999);
    // 48 MB of documents in one batch, which no single message of MongoDB's holds.
    let mut batch = Batch::new();
    for number in 0..6 {
        batch = batch.insert(&thing(&format!("big{number}")).note(&"x".repeat(9 << 20)));
    }
    store.commit(batch).await.unwrap();
    for number in 0..6 {
        let read = store.get::<Thing>(&format!("big{number}")).await.unwrap().unwrap();
        assert_eq!(read.note.len(), 9 << 20);
    }
}

pub(crate) async fn unique_indexes_refuse_the_second(place: &'static Place) {
    let store = place.open(ALL).await;
    let first = Thing { number: 7, name: Some("Ada".to_owned()), ..thing("first") };
    store.commit(Batch::new().insert(&first)).await.unwrap();

    let number = Thing { number: 7, ..thing("second") };
    let elsewhere = Thing { app_id: "other".to_owned(), ..number.clone() };
    let name = Thing { name: first.name.clone(), ..thing("third") };
    let case = Thing { name: Some("ada".to_owned()), ..thing("fourth") };
    let not_unique = |error: CommitError, expected: &str| {
        assert!(error.is_conflict());
        match error {
            CommitError::NotUnique { collection: "things", index } => assert_eq!(index, expected),
            other => panic!("{other:?}"),
        }
    };
    not_unique(store.commit(Batch::new().insert(&number)).await.unwrap_err(), "by_number");
    not_unique(store.commit(Batch::new().insert(&name)).await.unwrap_err(), "by_name");
    store.commit(Batch::new().insert(&elsewhere).insert(&case)).await.unwrap();
    // A replacement is held to it as well, and may keep its own values.
    let renamed = Thing { name: first.name.clone(), ..case.clone() };
    not_unique(store.commit(Batch::new().replace(&renamed, Version::FIRST)).await.unwrap_err(), "by_name");
    store.commit(Batch::new().replace(&first.clone().note("same name"), Version::FIRST)).await.unwrap();
    // Any number of documents may have no value: null here, absent there.
    store.commit(Batch::new().insert(&thing("n1")).insert(&thing("n2"))).await.unwrap();
    // A value is free again once its holder is gone.
    store.commit(Batch::new().delete::<Thing>("first", Version::FIRST.next())).await.unwrap();
    store.commit(Batch::new().insert(&name)).await.unwrap();
}

pub(crate) async fn partial_indexes_restrict_what_they_cover(place: &'static Place) {
    let store = place.open(ALL).await;
    let of = |id: &str, state: &str| Thing { environment: Some("prod".to_owned()), ..thing(id).state(state) };
    let running = of("a", "running");
    store
        .commit(Batch::new().insert(&running).insert(&of("b", "done")).insert(&of("c", "done")))
        .await
        .unwrap();

    let is_taken = |error: CommitError| {
        assert!(
            matches!(error, CommitError::NotUnique { collection: "things", index: "one_running" }),
            "{error:?}"
        );
    };
    is_taken(store.commit(Batch::new().insert(&of("d", "it's stopping"))).await.unwrap_err());
    is_taken(store.commit(Batch::new().replace(&of("b", "running"), Version::FIRST)).await.unwrap_err());
    // The one ends and the next begins, in one batch.
    let ended = Thing { status: of("a", "done").status, ..running };
    let batch = Batch::new().replace(&ended, Version::FIRST).replace(&of("b", "running"), Version::FIRST);
    store.commit(batch).await.unwrap();
    let elsewhere = Thing { environment: Some("dev".to_owned()), ..of("e", "running") };
    let nowhere = Thing { environment: None, ..of("f", "running") };
    let also_nowhere = Thing { environment: None, ..of("g", "running") };
    store.commit(Batch::new().insert(&elsewhere).insert(&nowhere).insert(&also_nowhere)).await.unwrap();
}

pub(crate) async fn writes_happen_in_their_order(place: &'static Place) {
    let store = place.open(ALL).await;
    let old = Thing { number: 1, ..thing("old") };
    let new = Thing { number: 1, ..thing("new") };
    store.commit(Batch::new().insert(&old)).await.unwrap();
    let early = Batch::new().insert(&new).delete::<Thing>("old", Version::FIRST);
    assert!(matches!(
        store.commit(early).await.unwrap_err(),
        CommitError::NotUnique { index: "by_number", .. }
    ));
    let freed = Batch::new().delete::<Thing>("old", Version::FIRST).insert(&new);
    store.commit(freed).await.unwrap();
    let page = store.find(Query::<Thing>::on(&BY_NUMBER).eq("app").eq(1)).await.unwrap();
    assert_eq!(page.items[0].id, "new");
}

pub(crate) async fn an_abandoned_commit_is_whole_or_absent(place: &'static Place) {
    let store = place.open(ALL).await;
    for round in 0..20 {
        let mut batch = Batch::new();
        for part in 0..5 {
            batch = batch.insert(&thing(&format!("{round}-{part}")));
        }
        let commit = store.commit(batch);
        // Polled a little, and dropped.
        let _ = tokio::time::timeout(std::time::Duration::from_micros(200 * round), commit).await;
    }
    // A writer of its own waits for what is under way, in whichever order.
    store.clone().close().await;
    let store = place.open(ALL).await;
    for round in 0..20 {
        let mut found = 0;
        for part in 0..5 {
            found += usize::from(store.get::<Thing>(&format!("{round}-{part}")).await.unwrap().is_some());
        }
        assert!(found == 0 || found == 5, "batch {round} is there by {found} of 5 parts");
    }
}
