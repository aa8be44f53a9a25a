//! Many writers at once: nothing is lost, and nothing happens by halves.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use conman_store::{Batch, CommitError, Query, Store, Version};
use tokio::sync::Barrier;
use tokio::task::JoinSet;

use crate::place::Place;
use crate::things::{ALL, Account, BY_BANK, Thing, account, thing};

/// Starts tasks that wait for each other before they begin, and collects what they return.
async fn at_once<F, R>(count: usize, task: impl Fn(usize) -> F) -> Vec<R>
where
    F: Future<Output = R> + Send + 'static,
    R: Send + 'static,
{
    let start = Arc::new(Barrier::new(count));
    let mut tasks = JoinSet::new();
    for at in 0..count {
        let start = Arc::clone(&start);
        let work = task(at);
        tasks.spawn(async move {
            start.wait().await;
            work.await
        });
    }
    tasks.join_all().await
}

/// Reads, decides and commits until the batch wins.
async fn insist<F>(store: Store, decide: impl Fn(Store) -> F) -> usize
where
    F: Future<Output = Batch>,
{
    for attempt in 1.. {
        match store.commit(decide(store.clone()).await).await {
            Ok(()) => return attempt,
            Err(error) if error.is_conflict() => {}
            Err(error) => panic!("{error:?}"),
        }
    }
    unreachable!("the attempts do not end")
}

async fn read(store: &Store, id: &str) -> conman_store::Versioned<Account> {
    store.get(id).await.unwrap().expect("the account exists")
}

pub(crate) async fn transfers_keep_the_sum(place: &'static Place) {
    const ACCOUNTS: usize = 8;
    let store = place.open(ALL).await;
    let batch = (0..ACCOUNTS).fold(Batch::new(), |batch, at| batch.insert(&account(&format!("a{at}"), 100)));
    store.commit(batch).await.unwrap();

    // A reader looks all the time: no moment shows money on its way.
    let done = Arc::new(AtomicBool::new(false));
    let watching = tokio::spawn({
        let (store, done) = (store.clone(), Arc::clone(&done));
        async move {
            let mut looks = 0;
            while !done.load(Ordering::Relaxed) {
                let page = store.find(Query::<Account>::on(&BY_BANK).eq("b").with_total()).await.unwrap();
                let sum: i64 = page.items.iter().map(|account| account.balance).sum();
                assert_eq!(
                    (page.items.len(), page.total, sum),
                    (ACCOUNTS, ACCOUNTS as u64, 100 * ACCOUNTS as i64)
                );
                looks += 1;
            }
            looks
        }
    });
    let attempts: usize = at_once(16, |task| {
        let store = store.clone();
        async move {
            let mut attempts = 0;
            for round in 0..10 {
                let (from, to) = ((task + round) % ACCOUNTS, (task * 3 + round * 5 + 1) % ACCOUNTS);
                if from == to {
                    continue;
                }
                attempts += insist(store.clone(), |store| async move {
                    let from = read(&store, &format!("a{from}")).await;
                    let to = read(&store, &format!("a{to}")).await;
                    let less = account(&from.id, from.balance - 7);
                    let more = account(&to.id, to.balance + 7);
                    Batch::new().replace(&less, from.version).replace(&more, to.version)
                })
                .await;
            }
            attempts
        }
    })
    .await
    .into_iter()
    .sum();
    done.store(true, Ordering::Relaxed);
    assert!(watching.await.unwrap() > 0);
    let mut sum = 0;
    let mut writes = 0;
    for at in 0..ACCOUNTS {
        let account = read(&store, &format!("a{at}")).await;
        sum += account.balance;
        writes += account.version.get() - 1;
    }
    assert_eq!(sum, 100 * ACCOUNTS as i64);
    assert!(writes >= 2 * 100 && attempts >= 100, "{writes} writes by {attempts} attempts");
}

pub(crate) async fn a_check_prevents_write_skew(place: &'static Place) {
    let store = place.open(ALL).await;
    for round in 0..20 {
        let (one, two) = (format!("one{round}"), format!("two{round}"));
        store.commit(Batch::new().insert(&account(&one, 1)).insert(&account(&two, 1))).await.unwrap();
        // Each may go to 0 only while the other is at 1: both doing so is the skew.
        let outcomes = at_once(2, |task| {
            let store = store.clone();
            let (mine, other) =
                if task == 0 { (one.clone(), two.clone()) } else { (two.clone(), one.clone()) };
            async move {
                let (mine, other) = (read(&store, &mine).await, read(&store, &other).await);
                if other.balance == 0 {
                    return Err(CommitError::Changed { collection: "accounts", id: other.id.clone() });
                }
                let batch = Batch::new()
                    .check::<Account>(&other.id, other.version)
                    .replace(&account(&mine.id, 0), mine.version);
                store.commit(batch).await
            }
        })
        .await;
        let left = read(&store, &one).await.balance + read(&store, &two).await.balance;
        assert_eq!(left, 1, "round {round}: {outcomes:?}");
        assert!(outcomes.iter().flatten().count() == 1, "exactly one went: {outcomes:?}");
    }
}

pub(crate) async fn exactly_one_of_fifty_replacements_wins(place: &'static Place) {
    let store = place.open(ALL).await;
    store.commit(Batch::new().insert(&account("a", 0))).await.unwrap();
    let outcomes = at_once(50, |task| {
        let store = store.clone();
        // The winner is whole: its audit is there, and no other's.
        let batch = Batch::new()
            .insert(&thing(&format!("audit{task}")))
            .replace(&account("a", task as i64 + 1), Version::FIRST);
        async move { (task, store.commit(batch).await) }
    })
    .await;
    let winners: Vec<usize> =
        outcomes.iter().filter(|(_, outcome)| outcome.is_ok()).map(|(task, _)| *task).collect();
    assert_eq!(winners.len(), 1, "{outcomes:?}");
    for (task, outcome) in &outcomes {
        let audit = store.get::<Thing>(&format!("audit{task}")).await.unwrap();
        assert_eq!(audit.is_some(), outcome.is_ok());
        assert!(matches!(outcome, Ok(()) | Err(CommitError::Changed { .. })), "{outcome:?}");
    }
    let account = read(&store, "a").await;
    assert_eq!((account.balance, account.version), (winners[0] as i64 + 1, Version::new(2)));
}

pub(crate) async fn exactly_one_of_fifty_inserts_wins(place: &'static Place) {
    let store = place.open(ALL).await;
    let outcomes = at_once(50, |task| {
        let store = store.clone();
        let batch = Batch::new().insert(&account("a", task as i64));
        async move { store.commit(batch).await }
    })
    .await;
    assert_eq!(outcomes.iter().flatten().count(), 1, "{outcomes:?}");
    assert!(
        outcomes.iter().all(|outcome| matches!(outcome, Ok(()) | Err(CommitError::Exists { .. }))),
        "{outcomes:?}"
    );
}

pub(crate) async fn exactly_one_of_fifty_holds_a_unique_value(place: &'static Place) {
    let store = place.open(ALL).await;
    let outcomes = at_once(50, |task| {
        let store = store.clone();
        let batch = Batch::new().insert(&Thing { number: -1, ..thing(&format!("t{task}")) });
        async move { store.commit(batch).await }
    })
    .await;
    assert_eq!(outcomes.iter().flatten().count(), 1, "{outcomes:?}");
    let refused = |outcome: &Result<(), CommitError>| {
        matches!(outcome, Ok(()) | Err(CommitError::NotUnique { index: "by_number", .. }))
    };
    assert!(outcomes.iter().all(refused), "{outcomes:?}");
}

pub(crate) async fn two_hundred_committers_on_one_document_lose_nothing(place: &'static Place) {
    let store = place.open(ALL).await;
    store.commit(Batch::new().insert(&account("a", 0))).await.unwrap();
    at_once(200, |task| {
        let store = store.clone();
        async move {
            insist(store, |store| async move {
                let seen = read(&store, "a").await;
                Batch::new()
                    .insert(&thing(&format!("event{task}")))
                    .replace(&account("a", seen.balance + 1), seen.version)
            })
            .await
        }
    })
    .await;
    let last = read(&store, "a").await;
    assert_eq!((last.balance, last.version), (200, Version::new(201)));
    for task in 0..200 {
        assert!(store.get::<Thing>(&format!("event{task}")).await.unwrap().is_some());
    }
}

/// Two servers over one database meet in the database; two clones over one folder meet in the writer.
pub(crate) async fn two_stores_on_one_place_agree(place: &'static Place) {
    let one = place.open(ALL).await;
    let two = if place.is_shared() { place.open(ALL).await } else { one.clone() };
    one.commit(Batch::new().insert(&account("a", 0))).await.unwrap();
    at_once(40, |task| {
        let store = if task % 2 == 0 { one.clone() } else { two.clone() };
        async move {
            insist(store, |store| async move {
                let seen = read(&store, "a").await;
                Batch::new().replace(&account("a", seen.balance + 1), seen.version)
            })
            .await
        }
    })
    .await;
    // What one has acknowledged, the other reads.
    for balance in 40..80 {
        let (writer, reader) = if balance % 2 == 0 { (&one, &two) } else { (&two, &one) };
        let seen = read(writer, "a").await;
        assert_eq!(seen.balance, balance);
        writer.commit(Batch::new().replace(&account("a", balance + 1), seen.version)).await.unwrap();
        assert_eq!(read(reader, "a").await.balance, balance + 1);
    }
}
