//! The built-in validation and the analysis, through the API.

use crate::harness::{Harness, git};
use serde_json::{Value, json};

on_both! {
    a_broken_reference_holds_a_changeset_back,
    members_that_break_each_others_references_are_found,
    an_analysis_names_what_a_changeset_breaks,
}

embedded! {
    what_was_wrong_before_holds_nobody_back,
    a_stricter_schema_is_told_where_it_does_not_fit,
    an_app_replaces_a_schema,
}

const ENTITY: &str =
    "type: entity\nname: visit\nfields:\n  - name: id\n    type: string\n  - name: email\n    type: string\n";
const PAGE: &str = "type: page\nname: visit\nentity: visit\nfields:\n  - name: email\n";

fn places(findings: &Value) -> Vec<String> {
    let findings = findings.as_array().unwrap().iter();
    findings
        .map(|f| {
            let path = f["path"].as_str().unwrap_or_default();
            format!(
                "{} {} {path}:{}:{}",
                f["severity"].as_str().unwrap(),
                f["rule"].as_str().unwrap(),
                f["line"],
                f["column"]
            )
        })
        .collect()
}

/// The finding has its rule, severity, place and hint; a warning alone holds nothing back.
async fn a_broken_reference_holds_a_changeset_back(h: &Harness) {
    let page = PAGE.replace("name: email", "name: emial").replace("fields", "titel: Visit\nfields");
    let change = h.author().edits("entities/visit.yml", ENTITY).puts("pages/visit.yml", &page);
    let change = change.submits_unchecked().await;
    let now = h.validated(&change).await;
    assert_eq!(now["state"], "submitted", "{now}");
    assert_eq!(
        places(&now["findings"]),
        ["warning unknown_key pages/visit.yml:4:1", "error reference pages/visit.yml:6:11"],
        "{now}"
    );
    assert_eq!(now["findings"][1]["hint"], "did you mean `email`?");
    let fixed = page.replace("emial", "email");
    h.author().opens().of(&change).puts("pages/visit.yml", &fixed).submits().await;
    // What passed tells its warnings with the revision.
    let path = h.author().at(&format!("/changesets/{}/revisions", change.id));
    let revisions = h.author().get(&path).await.ok();
    let newest = &revisions["data"][1];
    assert_eq!(newest["validation"], "passed");
    assert_eq!(places(&newest["findings"]), ["warning unknown_key pages/visit.yml:4:1"], "{newest}");
}

/// Each holds for itself: one takes a field away, the other shows it.
async fn members_that_break_each_others_references_are_found(h: &Harness) {
    h.released(&[("entities/visit.yml", ENTITY)]).await;
    let shows = h.queued(h.author(), "pages/visit.yml", PAGE).await;
    let without = ENTITY.replace("  - name: email\n    type: string\n", "");
    let removes = h.queued(h.second_author(), "entities/visit.yml", &without).await;
    let (_, now) = h.composed(&[&shows, &removes]).await;
    assert_eq!(now["state"], "validated", "{now}");
    let seen = h.second_author().sees(&removes).await;
    assert_eq!(seen["state"], "needs_revalidation", "{seen}");
    // Told where it breaks, which is in the other's file.
    assert_eq!(places(&seen["findings"]), ["error reference pages/visit.yml:5:11"], "{seen}");
}

/// The places that refer to what a changeset takes away, with the id of the semantic change.
async fn an_analysis_names_what_a_changeset_breaks(h: &Harness) {
    h.released(&[("entities/visit.yml", ENTITY)]).await;
    h.released(&[("pages/visit.yml", PAGE)]).await;
    let without = ENTITY.replace("  - name: email\n    type: string\n", "");
    let change = h.author().edits("entities/visit.yml", &without).submits_unchecked().await;
    h.validated(&change).await;
    let path = h.author().at(&format!("/changesets/{}/analyze", change.id));
    let analysis = h.author().post(&path, &json!({})).await.ok();
    assert_eq!(analysis["summary"], json!({"critical": 1, "warning": 0, "info": 0}), "{analysis}");
    let impact = &analysis["data"][0];
    assert_eq!(
        (&impact["severity"], &impact["subject"], &impact["total_places"]),
        (&json!("critical"), &json!("field `email` of entity `visit`"), &json!(1))
    );
    let place = &impact["places"][0];
    assert_eq!(
        (&place["path"], &place["line"], &place["key"], &place["broken"]),
        (&json!("pages/visit.yml"), &json!(5), &json!("fields[name=email]"), &json!(true))
    );
    let path_of_diff = h.author().at(&format!("/changesets/{}/diff?mode=semantic", change.id));
    let diff = h.author().get(&path_of_diff).await.ok();
    assert_eq!(diff["changes"][0]["id"], impact["change_id"], "{diff}");
    assert_eq!(analysis["total_changes"], 1);
    for wrong in ["page=0", "limit=201", "deep=1"] {
        h.author().post(&format!("{path}?{wrong}"), &json!({})).await.refused(400, "invalid");
    }
    let draft = h.author().edits("pages/other.yml", "type: page\nname: other\n").drafts().await;
    let path = h.author().at(&format!("/changesets/{}/analyze", draft.id));
    h.author().post(&path, &json!({})).await.refused(409, "no_revision");
}

/// Who changes a schema is told of every file that it makes wrong, and who changes another file is not.
async fn a_stricter_schema_is_told_where_it_does_not_fit(h: &Harness) {
    h.released(&[("entities/visit.yml", ENTITY)]).await;
    h.released(&[("pages/visit.yml", PAGE)]).await;
    let schema = "{\"properties\": {\"owner\": {\"type\": \"string\"}}, \"required\": [\"name\"]}";
    h.released(&[("schemas/page.json", schema)]).await;
    let stricter = schema.replace("[\"name\"]", "[\"name\", \"owner\"]");
    let change = h.author().edits("schemas/page.json", &stricter).submits_unchecked().await;
    let now = h.validated(&change).await;
    let wrong = ["detail", "list", "visit"].map(|page| format!("error schema pages/{page}.yml:1:1"));
    assert_eq!(places(&now["findings"]), wrong, "{now}");
    let other = h.second_author().edits("menus/main.yml", "type: menu\nname: main\n").submits().await;
    assert_eq!(h.second_author().sees(&other).await["state"], "in_review");
}

/// A mistake that came to the branch by another way is told to who changes that file, and to nobody else.
async fn what_was_wrong_before_holds_nobody_back(h: &Harness) {
    let wrong = "type: page\nname: broken\nentity: nobody\n";
    let commit = format!(
        "commit refs/heads/main\ncommitter Somebody <somebody@lab.example> 1700000100 +0000\ndata 4\nPush\nfrom \
         refs/heads/main^0\nM 100644 inline pages/broken.yml\ndata {}\n{wrong}\ndone\n",
        wrong.len()
    );
    git(&h.git_dir(), &["fast-import", "--quiet", "--done"], commit.as_bytes());
    let other = h.author().edits("pages/other.yml", "type: page\nname: other\n").submits().await;
    assert_eq!(h.author().sees(&other).await["state"], "in_review");
    let touched = format!("{wrong}title: Broken\n");
    let change = h.second_author().edits("pages/broken.yml", &touched).submits_unchecked().await;
    let now = h.validated(&change).await;
    assert_eq!(places(&now["findings"]), ["error reference pages/broken.yml:3:9"], "{now}");
    // And who brings what was missing mends it.
    h.released(&[("entities/nobody.yml", "type: entity\nname: nobody\n")]).await;
}

/// A schema of the app takes the shipped one's place; one that is none is refused by its own rule.
async fn an_app_replaces_a_schema(h: &Harness) {
    let change = h.author().edits("schemas/page.json", "{\"type\": \"thing\"}").submits_unchecked().await;
    let now = h.validated(&change).await;
    assert_eq!(now["findings"][0]["rule"], "schema_file", "{now}");
    let bomb: String = (0..40)
        .map(|n| {
            format!(
                "\"d{n}\": {{\"allOf\": [{{\"$ref\": \"#/$defs/d{m}\"}}, {{\"$ref\": \"#/$defs/d{m}\"}}]}}, ",
                m = n + 1
            )
        })
        .collect();
    let bomb = format!("{{\"$ref\": \"#/$defs/d0\", \"$defs\": {{{bomb} \"d40\": {{}}}}}}");
    let pages = h.author().opens().of(&change).puts("schemas/page.json", &bomb);
    pages.puts("pages/a.yml", "type: page\nname: a\n").submits_unchecked().await;
    let now = h.validated(&change).await;
    assert!(now["findings"][0]["message"].as_str().unwrap().contains("too costly"), "{now}");
}
