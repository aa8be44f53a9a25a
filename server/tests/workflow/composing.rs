//! Composing: what does not fit is isolated and named, and the others go on.

use crate::harness::{Changeset, Harness, LIST_PAGE};
use serde_json::{Value, json};

on_both! {
    a_text_conflict_is_isolated,
    a_clean_merge_with_a_duplicate_key_is_isolated,
    the_member_that_set_the_key_is_named,
    a_key_of_a_moved_file_is_told_as_well,
    an_item_that_two_members_add_is_told_once,
    the_member_that_breaks_the_tree_is_found,
    a_release_returns_to_its_draft,
    an_isolated_member_stays_out,
}

embedded! {
    equal_changes_do_not_collide,
    editing_throws_the_candidate_away,
}

fn member<'r>(release: &'r Value, changeset: &Changeset) -> &'r Value {
    let members = release["members"].as_array().unwrap();
    members.iter().find(|m| m["changeset_id"] == changeset.id.as_str()).unwrap()
}

fn nurses(file: &str) -> String {
    format!("parameters:\n  - name: nurses\n    type: int\n    default: 3\n    description: Of {file}\n")
}

/// A member that changes the same lines as an earlier one is isolated, and says where and with whom.
async fn a_text_conflict_is_isolated(h: &Harness) {
    let one = h.queued(h.author(), "pages/list.yml", &LIST_PAGE.replace("All patients", "Everybody")).await;
    let two =
        h.queued(h.second_author(), "pages/list.yml", &LIST_PAGE.replace("All patients", "Nobody")).await;
    let three =
        h.queued(h.author(), "pages/list.yml", &LIST_PAGE.replace("footer: none", "footer: long")).await;
    let (release, now) = h.composed(&[&one, &two, &three]).await;
    assert_eq!(now["state"], "validated");
    assert_eq!(member(&now, &one)["result"], "merged");
    assert_eq!(member(&now, &three)["result"], "merged");
    let isolated = member(&now, &two);
    assert_eq!((&isolated["result"], &isolated["commit"]), (&json!("conflicted"), &json!(null)));
    let collision = &isolated["collisions"][0];
    assert_eq!(
        (&collision["path"], &collision["with"]),
        (&json!("pages/list.yml"), &json!(one.name())),
        "{collision}"
    );
    assert!(!collision["reason"].as_str().unwrap().is_empty());
    let held = |text: &str| json!({"text": format!("\"{text}\""), "line_start": 3, "line_end": 3});
    assert_eq!((&collision["key"], &collision["key_total"]), (&json!("title"), &json!(1)), "{collision}");
    assert_eq!(
        collision["keys"],
        json!([{"key": "title", "clash": "both_changed", "with": one.name(),
            "base": held("All patients"), "ours": held("Everybody"), "theirs": held("Nobody")}])
    );
    let seen = h.second_author().sees(&two).await;
    assert_eq!((&seen["state"], &seen["collisions"]), (&json!("conflicted"), &isolated["collisions"]));
    assert_eq!(seen["release_id"], json!(null), "no release holds it any more");
    h.publishes(&release).await;
    let page = h.git(&["show", "main:pages/list.yml"]);
    assert!(page.contains("Everybody") && page.contains("footer: long"), "{page}");
    assert_eq!(h.author().sees(&three).await["state"], "released");
    h.is_quiet().await;
    let mails = h.all("/api/outbox").await;
    let told: Vec<_> =
        mails.iter().filter(|mail| mail["event"] == "changeset.isolated").map(|mail| &mail["to"]).collect();
    assert_eq!(told, ["ben@lab.example"]);

    // Its author takes it back, syncs, resolves, and it goes with the next release.
    h.second_author().does(&two, "queue").await.refused(409, "wrong_state");
    h.second_author().does(&two, "move-to-draft").await.ok();
    let at = |verb: &str| h.second_author().at(&format!("/workspaces/{}/{verb}", two.workspace));
    let conflicted = h.second_author().post(&at("sync-integration"), &json!({"mode": "merge"})).await.ok();
    assert_eq!(conflicted["conflicts"][0]["path"], "pages/list.yml");
    let settled = page.replace("Everybody", "All or nobody");
    let resolution = json!({"path": "pages/list.yml", "resolution": {"kind": "content", "text": settled}});
    h.second_author().post(&at("sync/resolve"), &resolution).await.ok();
    h.second_author().post(&at("sync/continue"), &json!({})).await.ok();
    h.second_author().opens().of(&two).submits().await;
    h.approved_and_queued(&two).await;
    let (release, now) = h.composed(&[&two]).await;
    assert_eq!(member(&now, &two)["result"], "merged", "{now}");
    h.publishes(&release).await;
    assert!(h.git(&["show", "main:pages/list.yml"]).contains("All or nobody"));
}

/// A merge that Git finds clean but that makes a key twice is a conflict, with the key.
async fn a_clean_merge_with_a_duplicate_key_is_isolated(h: &Harness) {
    let early = LIST_PAGE.replace("title: All patients\n", "title: All patients\nowner: ward\n");
    let late = LIST_PAGE.replace("footer: none\n", "footer: none\nowner: desk\n");
    let one = h.queued(h.author(), "pages/list.yml", &early).await;
    let two = h.queued(h.second_author(), "pages/list.yml", &late).await;
    let (_, now) = h.composed(&[&one, &two]).await;
    assert_eq!(now["state"], "validated");
    let isolated = member(&now, &two);
    assert_eq!(isolated["result"], "conflicted", "{now}");
    let collision = &isolated["collisions"][0];
    assert_eq!(
        (&collision["path"], &collision["key"], &collision["with"]),
        (&json!("pages/list.yml"), &json!("owner"), &json!(one.name())),
        "{collision}"
    );
}

/// Two members set one key in places that Git finds unrelated; a third one touched the file last, and is not blamed.
/// What the sides hold stands in the result alone: neither in the job, nor in the audit log, nor in mails.
async fn the_member_that_set_the_key_is_named(h: &Harness) {
    let page = |from: &str, to: &str| LIST_PAGE.replace(from, to);
    let anchored = page("# The filters.\n", "limits:\n  size: 5\n# The filters.\n");
    h.released(&[("pages/list.yml", &anchored)]).await;
    let page = |from: &str, to: &str| anchored.replace(from, to);
    let one =
        h.queued(h.author(), "pages/list.yml", &page("title: All", "owner: canary-ward\ntitle: All")).await;
    let innocent = h.queued(h.author(), "pages/list.yml", &page("footer: none", "footer: long")).await;
    let two = h
        .queued(
            h.second_author(),
            "pages/list.yml",
            &page("# The actions.\n", "owner: canary-desk\n# The actions.\n"),
        )
        .await;
    let (release, now) = h.composed(&[&one, &innocent, &two]).await;
    assert_eq!(member(&now, &one)["result"], "merged", "{now}");
    assert_eq!(member(&now, &innocent)["result"], "merged", "{now}");
    let isolated = member(&now, &two);
    assert_eq!(isolated["collisions"].as_array().map(Vec::len), Some(1), "{isolated}");
    let collision = &isolated["collisions"][0];
    assert_eq!(
        (&collision["path"], &collision["key"], &collision["with"]),
        (&json!("pages/list.yml"), &json!("owner"), &json!(one.name())),
        "{collision}"
    );
    assert_eq!(
        collision["keys"],
        json!([{"key": "owner", "clash": "both_added", "with": one.name(), "base": null,
            "ours": {"text": "\"canary-ward\"", "line_start": 3, "line_end": 3},
            "theirs": {"text": "\"canary-desk\"", "line_start": 15, "line_end": 15}}])
    );
    assert!(!collision["reason"].as_str().unwrap().contains("canary"), "{collision}");
    let audit = h.all(&format!("/api/audit?app={}", h.app)).await;
    let elsewhere = [audit, h.all("/jobs").await, h.all("/api/outbox").await].concat();
    let told = elsewhere.iter().find(|told| told.to_string().contains("canary"));
    assert_eq!(told, None);
    h.publishes(&release).await;
    h.is_quiet().await;
    assert_eq!(h.author().sees(&innocent).await["state"], "released");
}

/// A member moves the page and sets a key, another sets it where the page was: Git follows the move and finds it clean.
async fn a_key_of_a_moved_file_is_told_as_well(h: &Harness) {
    let page = |from: &str, to: &str| LIST_PAGE.replace(from, to);
    let text = page("title: All", "owner: ward\ntitle: All");
    let moving = h.author().opens().deletes("pages/list.yml").puts("pages/patients.yml", &text);
    let one = moving.submits().await;
    h.approved_and_queued(&one).await;
    let two = h
        .queued(
            h.second_author(),
            "pages/list.yml",
            &page("# The actions.\n", "owner: desk\n# The actions.\n"),
        )
        .await;
    let (_, now) = h.composed(&[&one, &two]).await;
    assert_eq!(member(&now, &one)["result"], "merged", "{now}");
    let isolated = member(&now, &two);
    let collision = &isolated["collisions"][0];
    assert_eq!(
        (&collision["path"], &collision["key"], &collision["with"]),
        (&json!("pages/patients.yml"), &json!("owner"), &json!(one.name())),
        "{isolated}"
    );
    let key = &collision["keys"][0];
    assert_eq!(
        (&key["clash"], &key["base"], &key["ours"]["text"], &key["theirs"]["text"]),
        (&json!("both_added"), &json!(null), &json!("\"ward\""), &json!("\"desk\"")),
        "{collision}"
    );
}

/// Two members that add the same named item in two places make it stand there twice, even if they mean the same.
async fn an_item_that_two_members_add_is_told_once(h: &Harness) {
    let field = |name: &str| format!("  - name: {name}\n    type: string\n");
    let entity = |names: &[&str]| {
        let fields: String = names.iter().map(|name| field(name)).collect();
        format!("type: entity\nname: patient\nfields:\n{fields}")
    };
    h.released(&[("entities/patient.yml", &entity(&["id", "born", "ward", "bed"]))]).await;
    let first = entity(&["id", "email", "born", "ward", "bed"]);
    let one = h.queued(h.author(), "entities/patient.yml", &first).await;
    let last = entity(&["id", "born", "ward", "bed", "email"]);
    let two = h.queued(h.second_author(), "entities/patient.yml", &last).await;
    let same = h.queued(h.author(), "entities/patient.yml", &first).await;
    let (_, now) = h.composed(&[&one, &two, &same]).await;
    assert_eq!(member(&now, &same)["result"], "merged", "the same at the same place is no conflict: {now}");
    let isolated = member(&now, &two);
    let collision = &isolated["collisions"][0];
    assert_eq!(
        (&collision["key"], &collision["with"], &collision["keys"][0]["clash"]),
        (&json!("fields[name=email]"), &json!(one.name()), &json!("twice")),
        "{isolated}"
    );
    assert_eq!(collision["keys"][0]["ours"]["text"], "{\"name\":\"email\",\"type\":\"string\"}");
}

/// Members that hold each for itself but not together: the one with which the tree stops to hold is found.
async fn the_member_that_breaks_the_tree_is_found(h: &Harness) {
    let mut fine = Vec::new();
    for n in 0..3 {
        fine.push(h.queued(h.author(), &format!("pages/p{n}.yml"), &format!("name: p{n}\n")).await);
    }
    let one = h.queued(h.author(), "catalog/one.yml", &nurses("one")).await;
    let two = h.queued(h.second_author(), "catalog/two.yml", &nurses("two")).await;
    let upper = h.queued(h.author(), "pages/Case.yml", "name: upper\n").await;
    let lower = h.queued(h.second_author(), "pages/case.yml", "name: lower\n").await;
    let order = [&fine[0], &one, &fine[1], &upper, &two, &fine[2], &lower];
    let (release, now) = h.composed(&order).await;
    assert_eq!(now["state"], "validated", "{now}");
    for good in [&fine[0], &fine[1], &fine[2], &one, &upper] {
        assert_eq!(member(&now, good)["result"], "merged", "{}", good.name());
    }
    let isolated = member(&now, &two);
    let finding = &isolated["findings"][0];
    assert_eq!((&isolated["result"], &finding["rule"]), (&json!("invalid"), &json!("catalog")), "{isolated}");
    assert!(finding["message"].as_str().unwrap().contains("nurses"), "{finding}");
    let seen = h.second_author().sees(&two).await;
    assert_eq!((&seen["state"], &seen["findings"]), (&json!("needs_revalidation"), &isolated["findings"]));
    // Names that differ only in case collide at once.
    let isolated = member(&now, &lower);
    assert_eq!(
        (&isolated["result"], &isolated["collisions"][0]["with"]),
        (&json!("conflicted"), &json!(upper.name())),
        "{isolated}"
    );
    h.publishes(&release).await;
    assert_eq!(h.author().does(&two, "move-to-draft").await.status, 403);
    assert_eq!(h.manager().does(&two, "move-to-draft").await.ok()["state"], "draft");
}

/// By the manager's choice the release returns to its draft, and can be composed again without the isolated.
async fn a_release_returns_to_its_draft(h: &Harness) {
    let one = h.queued(h.author(), "pages/list.yml", &LIST_PAGE.replace("All patients", "Everybody")).await;
    let two =
        h.queued(h.second_author(), "pages/list.yml", &LIST_PAGE.replace("All patients", "Nobody")).await;
    let three = h.queued(h.author(), "pages/c.yml", "name: c\n").await;
    let release = h.manager().drafts_release(&[&one, &two, &three]).await;
    let now = h.composes(&release, "return_to_draft").await;
    assert_eq!(now["state"], "draft_release");
    assert_eq!(member(&now, &two)["result"], "conflicted", "the reason stays to be seen");
    assert_eq!(h.author().sees(&one).await["state"], "queued");
    assert_eq!(h.author().sees(&two).await["state"], "conflicted");
    h.manager().does_to(&release, "publish", json!({})).await.refused(409, "wrong_state");
    // The rest is put in order, and composed.
    let order = json!({"changeset_ids": [three.id, one.id]});
    let now = h.manager().does_to(&release, "reorder", order).await.ok();
    assert_eq!(now["members"][0]["number"], three.number, "{now}");
    let now = h.composes(&release, "return_to_draft").await;
    assert_eq!(now["state"], "validated", "{now}");
    assert_eq!(member(&now, &one)["result"], "merged");
    assert_eq!(member(&now, &three)["result"], "merged");
    // And once more, as it is.
    let now = h.composes(&release, "continue").await;
    assert_eq!(now["state"], "validated", "{now}");
    h.publishes(&release).await;
    assert_eq!(h.author().sees(&one).await["state"], "released");
    assert_eq!(h.author().sees(&two).await["state"], "conflicted");
}

/// A release that went on without a member is composed again without it, too.
async fn an_isolated_member_stays_out(h: &Harness) {
    let one = h.queued(h.author(), "pages/list.yml", &LIST_PAGE.replace("All patients", "Everybody")).await;
    let two =
        h.queued(h.second_author(), "pages/list.yml", &LIST_PAGE.replace("All patients", "Nobody")).await;
    let (release, first) = h.composed(&[&one, &two]).await;
    let second = h.composes(&release, "continue").await;
    assert_eq!(second["state"], "validated", "{second}");
    assert_eq!(member(&second, &two)["result"], "conflicted");
    assert_eq!(second["tree"], first["tree"]);
    // Nothing but conflicting members leave nothing to release.
    let left = h.queued(h.author(), "menus/main.yml", "type: menu\nname: main\nitems: []\n").await;
    let other = h
        .queued(h.second_author(), "menus/main.yml", "type: menu\nname: other\nitems:\n  - page: list\n")
        .await;
    h.publishes(&release).await;
    h.is_quiet().await;
    let (next, now) = h.composed(&[&left]).await;
    assert_eq!(now["state"], "validated");
    h.publishes(&next).await;
    h.is_quiet().await;
    assert_eq!(h.author().sees(&other).await["state"], "conflicted", "found by the revalidation");
    h.manager()
        .post(&h.manager().at("/releases"), &json!({"changeset_ids": [other.id]}))
        .await
        .refused(409, "not_queued");
}

/// Members that say the same twice, or that are in already, are no conflict.
async fn equal_changes_do_not_collide(h: &Harness) {
    let page = LIST_PAGE.replace("All patients", "Everybody");
    let one = h.queued(h.author(), "pages/list.yml", &page).await;
    let two = h.queued(h.second_author(), "pages/list.yml", &page).await;
    let (release, now) = h.composed(&[&one, &two]).await;
    assert_eq!(now["state"], "validated", "{now}");
    assert_eq!(member(&now, &two)["result"], "merged", "{now}");
    h.publishes(&release).await;
    assert_eq!(h.author().sees(&two).await["state"], "released");
}

/// A composed release is what it is: another selection or order throws the candidate away.
async fn editing_throws_the_candidate_away(h: &Harness) {
    let one = h.queued(h.author(), "pages/a.yml", "name: a\n").await;
    let two = h.queued(h.author(), "pages/b.yml", "name: b\n").await;
    let (release, now) = h.composed(&[&one, &two]).await;
    assert_eq!(now["state"], "validated");
    let now = h.manager().does_to(&release, "changesets", json!({"changeset_ids": [two.id]})).await.ok();
    assert_eq!((&now["state"], &now["commit"]), (&json!("draft_release"), &json!(null)));
    h.manager().does_to(&release, "publish", json!({})).await.refused(409, "wrong_state");
    assert_eq!(h.author().sees(&one).await["release_id"], json!(null));
    h.manager().does_to(&release, "changesets", json!({"changeset_ids": []})).await.ok();
    h.manager().does_to(&release, "assemble", json!({})).await.refused(409, "no_members");
    for person in [h.author(), h.reviewer()] {
        person.does_to(&release, "assemble", json!({})).await.refused(403, "forbidden");
        person
            .post(&person.at("/releases"), &json!({"changeset_ids": [two.id]}))
            .await
            .refused(403, "forbidden");
    }
}
