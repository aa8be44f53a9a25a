//! The main job, end to end.

use crate::harness::{Harness, LIST_PAGE};
use serde_json::json;

on_both! {
    an_edit_reaches_production,
}

/// An edit becomes a release, and the release runs on every stage.
async fn an_edit_reaches_production(h: &Harness) {
    let page = LIST_PAGE.replace("footer: none", "footer: short");
    let change =
        h.author().edits("pages/list.yml", &page).at_home().titled("Shorten the footer").submits().await;
    assert_eq!(change.number, 1);
    let diff = h.reviewer().get(&h.reviewer().at(&format!("/changesets/{}/diff", change.id))).await.ok();
    assert_eq!(diff["files"][0]["path"], "pages/list.yml");
    assert_eq!(diff["files"].as_array().map(Vec::len), Some(1));
    let approved = h.reviewer().approves(&change).await;
    assert_eq!(
        (&approved["state"], &approved["approvals"][0]["user"]["name"]),
        (&json!("approved"), &json!("Rita"))
    );
    let queued = h.author().queues(&change).await;
    assert_eq!((&queued["state"], &queued["queue_position"]), (&json!("queued"), &json!(1)));

    let begin = h.git(&["rev-parse", "main"]);
    let (release, composed) = h.composed(&[&change]).await;
    assert_eq!(composed["state"], "validated");
    assert_eq!(composed["members"][0]["result"], "merged");
    assert_eq!(h.git(&["rev-parse", "main"]), begin, "composing moves nothing");
    let preview = h.manager().get(&h.manager().at(&format!("/releases/{}/preview", release.id))).await.ok();
    assert_eq!(preview["files"], diff["files"]);

    let published = h.publishes(&release).await;
    let tag = published["tag"].as_str().unwrap();
    assert!(tag.starts_with('r') && tag.ends_with(".1"), "{tag}");
    assert_eq!(published["state"], "published");
    assert_eq!(h.git(&["cat-file", "-t", &format!("refs/tags/{tag}")]), "tag", "an annotated tag");
    let tagged = h.git(&["rev-parse", &format!("refs/tags/{tag}^{{commit}}")]);
    assert_eq!(h.git(&["rev-parse", "main"]), tagged);
    assert_eq!(published["commit"].as_str(), Some(tagged.as_str()));
    assert_eq!(h.git(&["show", "main:pages/list.yml"]), page.trim());
    assert_eq!(
        published["notes"],
        "- #1 Shorten the footer (Ana)\n\nWhat changed:\n\n- `pages/list.yml`: 1 modified\n"
    );
    let released = h.author().sees(&change).await;
    assert_eq!((&released["state"], released["release_tag"].as_str()), (&json!("released"), Some(tag)));

    h.sets_variables("staging", json!({"beds": 25})).await.ok();
    h.deploys(&release, "dev").await;
    assert_eq!(h.release(&release).await["state"], "deployed_partial");
    h.promotes("staging").await;
    h.promotes("prod").await;
    assert_eq!(h.release(&release).await["state"], "deployed_full");
    for (name, beds, revision) in [("dev", 10, 1), ("staging", 25, 2), ("prod", 10, 1)] {
        let running = h.environment(name).await["running"].clone();
        assert_eq!(running["release_tag"].as_str(), Some(tag), "{name}");
        assert_eq!(
            running["tree_id"].as_str(),
            Some(h.git(&["rev-parse", "main^{tree}"]).as_str()),
            "{name}"
        );
        assert_eq!(running["profile_revision"], revision, "{name}");
        let path = h.author().at(&format!("/environments/{}/config", h.environments[name]));
        let config = h.author().get(&path).await.ok();
        assert_eq!(config["parameters"]["beds"]["value"], beds, "{name}");
        assert_eq!(config["parameters"]["visiting"]["hot_reloadable"], false, "{name}");
        assert_eq!((&config["config_version"], &config["release_tag"]), (&json!(1), &json!(tag)), "{name}");
        let snapshot = h.workflow.snapshot(h.app.parse().unwrap(), h.environments[name].parse().unwrap());
        let snapshot = snapshot.await.unwrap().unwrap();
        assert_eq!(snapshot.provenance.release_tag.as_str(), tag, "{name}");
        assert_eq!(
            snapshot.files.len(),
            h.git(&["ls-tree", "-r", "--name-only", "main"]).lines().count(),
            "{name}"
        );
    }
}
