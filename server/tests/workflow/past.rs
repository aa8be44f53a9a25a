//! What became of a file, as a reviewer and an author ask for it: releases, changesets, people, and lines.

use crate::harness::{Answer, Harness, enc};
use serde_json::{Value, json};

on_both! {
    a_file_tells_who_changed_it_and_who_approved,
}

embedded! {
    a_file_that_was_moved_keeps_its_past,
    what_has_no_past_says_so,
}

const FILE: &str = "docs/guide.txt";

/// What the changes of a file came with: release, changeset number, author, approvers.
fn origins(list: &Value) -> Vec<(Value, Value, Value, Value)> {
    let show = |origin: &Value| {
        let (release, changeset) = (&origin["release"]["tag"], &origin["changeset"]);
        let approved = changeset["approved_by"].as_array();
        let approved = approved.map(|all| all.iter().map(|one| one["name"].clone()).collect::<Vec<_>>());
        (release.clone(), changeset["number"].clone(), changeset["author"]["name"].clone(), json!(approved))
    };
    list.as_array().unwrap().iter().map(show).collect()
}

impl Harness {
    async fn past_of(&self, of: &str, what: &str, path: &str, more: &str) -> Answer {
        let path = format!("{of}/files/{what}?path={}{more}", enc(path));
        self.reviewer().get(&self.reviewer().at(&path)).await
    }
}

/// The lines that come from one place of the list of origins, or from none.
fn lines(blame: &Value) -> Vec<(u64, u64, Value)> {
    let show = |lines: &Value| {
        assert_eq!(lines["is_older"], false);
        (lines["first"].as_u64().unwrap(), lines["last"].as_u64().unwrap(), lines["origin"].clone())
    };
    blame["lines"].as_array().unwrap().iter().map(show).collect()
}

/// Two releases changed a file; whoever reviews or edits it next sees which, by whom, approved by whom, line by line.
async fn a_file_tells_who_changed_it_and_who_approved(h: &Harness) {
    let first = h.released(&[(FILE, "one\ntwo\nthree\n"), ("docs/other.txt", "other\n")]).await;
    let second = h.released(&[("docs/more.txt", "more\n"), (FILE, "one\nTWO\nthree\n")]).await;
    let tags = [&first, &second].map(async |release| h.release(release).await["tag"].clone());
    let [first, second] = tags;
    let (first, second) = (first.await, second.await);
    let change = h.author().edits(FILE, "zero\none\nTWO\nthree\n").submits().await;
    let at = format!("/changesets/{}", change.id);
    let history = h.past_of(&at, "history", FILE, "").await.ok();
    let (author, approved) = (json!("Ben"), json!(["Rita"]));
    assert_eq!(
        origins(&history["data"]),
        [
            (second.clone(), json!(4), author.clone(), approved.clone()),
            (first.clone(), json!(1), author.clone(), approved.clone()),
        ]
    );
    assert_eq!(
        (&history["data"][0]["kind"], &history["data"][1]["kind"]),
        (&json!("modified"), &json!("added"))
    );
    assert_eq!((&history["has_more"], &history["is_cut"]), (&json!(false), &json!(false)));
    let page = h.past_of(&at, "history", FILE, "&limit=1").await.ok();
    assert_eq!((origins(&page["data"])[0].0.clone(), &page["has_more"]), (second, &json!(true)));
    let page = h.past_of(&at, "history", FILE, "&limit=1&page=2").await.ok();
    assert_eq!((origins(&page["data"])[0].0.clone(), &page["has_more"]), (first, &json!(false)));
    let beyond = h.past_of(&at, "history", FILE, "&page=4294967295&limit=200").await.ok();
    assert_eq!((&beyond["data"], &beyond["has_more"]), (&json!([]), &json!(false)));

    let blame = h.past_of(&at, "blame", FILE, "&revision=1").await.ok();
    assert_eq!(blame["text"], "zero\none\nTWO\nthree\n");
    assert_eq!(origins(&blame["origins"]), origins(&history["data"]));
    let expected = [(1, 1, json!(null)), (2, 2, json!(1)), (3, 3, json!(0)), (4, 4, json!(1))];
    assert_eq!(lines(&blame), expected);
    // The author sees the same where the edit is made, in what is saved.
    let workspace = h.author().edits(FILE, "one\nTWO\nTHREE\n").saves().await;
    let author = h.author();
    let path = |what: &str| author.at(&format!("/workspaces/{workspace}/files/{what}?path={}", enc(FILE)));
    let seen = author.get(&path("blame")).await.ok();
    assert_eq!(lines(&seen), [(1, 1, json!(1)), (2, 2, json!(0)), (3, 3, json!(null))]);
    assert_eq!(author.get(&path("history")).await.ok()["data"], history["data"]);
    h.reviewer().get(&path("blame")).await.refused(403, "forbidden");
}

/// A file that a changeset moves, or that a release moved, is followed to its former names.
async fn a_file_that_was_moved_keeps_its_past(h: &Harness) {
    let text = "one\ntwo\nthree\nfour\nfive\nsix\n";
    h.released(&[(FILE, text)]).await;
    let moved = h.second_author().opens().moves(FILE, "docs/manual.txt").submits().await;
    h.approved_and_queued(&moved).await;
    let (release, _) = h.composed(&[&moved]).await;
    h.publishes(&release).await;
    let again = h.author().opens().moves("docs/manual.txt", "docs/book.txt").submits().await;
    let at = format!("/changesets/{}", again.id);
    let history = h.past_of(&at, "history", "docs/book.txt", "").await.ok();
    let told: Vec<_> =
        history["data"].as_array().unwrap().iter().map(|o| (&o["kind"], &o["old_path"])).collect();
    assert_eq!(told, [(&json!("renamed"), &json!(FILE)), (&json!("added"), &json!(null))]);
    let blame = h.past_of(&at, "blame", "docs/book.txt", "").await.ok();
    assert_eq!(lines(&blame), [(1, 6, json!(0))]);
    assert_eq!(blame["origins"][0]["kind"], "added", "moving sets no line");
}

/// New files, files that are gone, no text, and what is not there.
async fn what_has_no_past_says_so(h: &Harness) {
    let change = h.author().edits("docs/new.txt", "new\n").puts("docs/data.bin", "a\0b").submits().await;
    let at = format!("/changesets/{}", change.id);
    let history = h.past_of(&at, "history", "docs/new.txt", "").await.ok();
    assert_eq!((&history["data"], &history["is_cut"]), (&json!([]), &json!(false)));
    let blame = h.past_of(&at, "blame", "docs/new.txt", "").await.ok();
    assert_eq!((lines(&blame), &blame["origins"]), (vec![(1, 1, json!(null))], &json!([])));
    h.past_of(&at, "blame", "docs/data.bin", "").await.refused(409, "no_text");
    h.past_of(&at, "blame", "docs/none.txt", "").await.refused(404, "not_found");
    h.past_of(&at, "blame", "docs/new.txt", "&revision=7").await.refused(404, "not_found");
    h.past_of(&at, "history", "../etc", "").await.refused(400, "invalid");
    let draft = h.author().edits("docs/new.txt", "new\n").drafts().await;
    h.past_of(&format!("/changesets/{}", draft.id), "history", "docs/new.txt", "")
        .await
        .refused(409, "no_revision");
}
