//! The queue and its order.

use crate::harness::Harness;
use serde_json::{Value, json};

on_both! {
    the_queue_is_put_in_order,
    a_branch_behind_is_synced_first,
}

fn ids(queue: &Value) -> Vec<String> {
    queue["data"].as_array().unwrap().iter().map(|c| c["id"].as_str().unwrap().to_owned()).collect()
}

/// Config managers put the queue in order with the whole list; it is refused where the queue has changed.
async fn the_queue_is_put_in_order(h: &Harness) {
    let a = h.queued(h.author(), "pages/a.yml", "name: a\n").await;
    let b = h.queued(h.author(), "pages/b.yml", "name: b\n").await;
    let c = h.queued(h.author(), "pages/c.yml", "name: c\n").await;
    let reorder = h.manager().at("/queue/reorder");
    let order = |ids: &[&str]| json!({"changeset_ids": ids});
    h.reviewer().post(&reorder, &order(&[&c.id, &b.id, &a.id])).await.refused(403, "forbidden");
    let ordered = h.manager().post(&reorder, &order(&[&c.id, &a.id, &b.id])).await.ok();
    assert_eq!(ids(&ordered), [c.id.clone(), a.id.clone(), b.id.clone()]);
    let seen = h.author().get(&h.author().at("/queue")).await.ok();
    assert_eq!(ids(&seen), ids(&ordered));
    for wrong in [vec![c.id.as_str(), &a.id], vec![], vec![&c.id, &a.id, &b.id, &h.app]] {
        let refused = h.manager().post(&reorder, &order(&wrong)).await.refused(409, "queue_changed");
        assert_eq!(
            refused["details"]["changeset_ids"],
            json!(ids(&ordered)),
            "what it is now, to go on from"
        );
    }
    h.manager().post(&reorder, &order(&[&c.id, &a.id, &a.id])).await.refused(400, "invalid");
    // What comes later stands at the end.
    let d = h.queued(h.author(), "pages/d.yml", "name: d\n").await;
    h.manager().post(&reorder, &order(&[&a.id, &b.id, &c.id])).await.refused(409, "queue_changed");
    let seen = h.author().get(&h.author().at("/queue")).await.ok();
    assert_eq!(ids(&seen), [c.id.clone(), a.id.clone(), b.id.clone(), d.id.clone()]);
    // Picking leaves the others queued, and a picked one is not picked twice.
    let release = h.manager().drafts_release(&[&a]).await;
    let path = h.manager().at("/releases");
    h.manager().post(&path, &order(&[&b.id, &a.id])).await.refused(409, "held_by_another_release");
    h.manager().post(&path, &order(&[&b.id, &b.id])).await.refused(400, "invalid");
    let members = h.manager().does_to(&release, "changesets", order(&[&c.id, &a.id])).await.ok();
    assert_eq!(members["members"][0]["number"], c.number);
    let members = h.manager().does_to(&release, "reorder", order(&[&a.id, &c.id])).await.ok();
    assert_eq!(members["members"][0]["number"], a.number);
    for wrong in [vec![a.id.as_str()], vec![&a.id, &b.id], vec![&a.id, &a.id]] {
        let answer = h.manager().does_to(&release, "reorder", order(&wrong)).await;
        assert!(matches!(answer.status, 400 | 409), "{answer:?}");
    }
    assert_eq!(h.release(&release).await["members"].as_array().map(Vec::len), Some(2));
    assert_eq!(h.author().sees(&b).await["release_id"], json!(null));
    assert_eq!(h.author().sees(&a).await["release_id"], json!(release.id));
}

/// A branch that lacks the integration head is synced before it is queued.
async fn a_branch_behind_is_synced_first(h: &Harness) {
    let change = h.author().edits("pages/a.yml", "name: a\n").submits().await;
    h.reviewer().approves(&change).await;
    h.released(&[("pages/z.yml", "name: z\n")]).await;
    let refused = h.author().does(&change, "queue").await.refused(409, "sync_required");
    assert_eq!(refused["details"]["integration_head"], json!(h.git(&["rev-parse", "main"])));
    let sync = h.author().at(&format!("/workspaces/{}/sync-integration", change.workspace));
    h.author().post(&sync, &json!({"mode": "merge"})).await.ok();
    h.second_author().does(&change, "queue").await.refused(403, "forbidden");
    assert_eq!(h.author().queues(&change).await["state"], "queued");
}
