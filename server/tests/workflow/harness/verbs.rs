//! What people do.

use super::{Answer, Changeset, Harness, Person, Release, Someone};
use serde_json::{Value, json};

impl Person {
    /// Posts one of the changeset's verbs that take nothing: `submit`, `queue`, `move-to-draft`, `clone`, …
    pub(crate) async fn does(&self, changeset: &Changeset, verb: &str) -> Answer {
        self.post(&self.at(&format!("/changesets/{}/{verb}", changeset.id)), &json!({})).await
    }

    /// Reads a changeset.
    pub(crate) async fn sees(&self, changeset: &Changeset) -> Value {
        self.get(&self.at(&format!("/changesets/{}", changeset.id))).await.ok()
    }

    /// Decides on a revision.
    pub(crate) async fn reviews(&self, changeset: &Changeset, revision: u64, verdict: &str) -> Answer {
        let body = json!({"revision": revision, "verdict": verdict, "comment": "As I see it."});
        self.post(&self.at(&format!("/changesets/{}/review", changeset.id)), &body).await
    }

    /// Approves the newest revision.
    pub(crate) async fn approves(&self, changeset: &Changeset) -> Value {
        let newest = self.sees(changeset).await["revision"]["number"].as_u64().expect("it was submitted");
        self.reviews(changeset, newest, "approve").await.ok()
    }

    /// Puts a changeset into the queue.
    pub(crate) async fn queues(&self, changeset: &Changeset) -> Value {
        self.does(changeset, "queue").await.ok()
    }

    /// Drafts a release.
    pub(crate) async fn drafts_release(&self, changesets: &[&Changeset]) -> Release {
        let ids: Vec<&str> = changesets.iter().map(|changeset| changeset.id.as_str()).collect();
        let made = self.post(&self.at("/releases"), &json!({"changeset_ids": ids})).await.ok();
        Release { id: made["id"].as_str().expect("an id").to_owned() }
    }

    /// Posts one of a release's verbs.
    pub(crate) async fn does_to(&self, release: &Release, verb: &str, body: Value) -> Answer {
        self.post(&self.at(&format!("/releases/{}/{verb}", release.id)), &body).await
    }

    /// Reads a file of a workspace; null if there is none.
    pub(crate) async fn reads(&self, workspace: &str, path: &str) -> Value {
        let path = self.at(&format!("/workspaces/{workspace}/files?path={}", super::enc(path)));
        let answer = self.get(&path).await;
        if answer.status == 404 { Value::Null } else { answer.ok()["text"].clone() }
    }
}

impl Someone<'_> {
    /// Asks for a release on an environment.
    pub(crate) async fn asks_to_deploy(&self, release: &Release, environment: &str) -> Answer {
        let path = self.at(&format!("/environments/{}/deploy", self.h.environments[environment]));
        self.post(&path, &json!({"release_id": release.id})).await
    }

    /// Goes back to a release.
    pub(crate) async fn asks_to_go_back(&self, release: &Release, environment: &str) -> Answer {
        let path = self.at(&format!("/environments/{}/rollback", self.h.environments[environment]));
        self.post(&path, &json!({"mode": "redeploy", "release_id": release.id})).await
    }

    /// Asks for what the stage before runs.
    pub(crate) async fn asks_to_promote(&self, environment: &str) -> Answer {
        let path = self.at(&format!("/environments/{}/promote", self.h.environments[environment]));
        self.post(&path, &json!({})).await
    }
}

impl Harness {
    /// Waits until a changeset's validation has ended, and answers the changeset.
    pub(crate) async fn validated(&self, changeset: &Changeset) -> Value {
        let admin = self.admin();
        let ended = |now: &Value| {
            now["state"] != "submitted" || now["findings"].as_array().is_some_and(|f| !f.is_empty())
        };
        self.until("a revision is validated", || async { Some(admin.sees(changeset).await).filter(ended) })
            .await
    }

    /// Has a change written, submitted, approved and queued.
    pub(crate) async fn queued(&self, person: Someone<'_>, path: &str, text: &str) -> Changeset {
        let changeset = person.edits(path, text).submits().await;
        self.approved_and_queued(&changeset).await;
        changeset
    }

    /// Has a changeset that is in review approved and queued.
    pub(crate) async fn approved_and_queued(&self, changeset: &Changeset) {
        self.reviewer().approves(changeset).await;
        self.manager().queues(changeset).await;
    }

    /// Has a release drafted and composed; answers it as it is then.
    pub(crate) async fn composed(&self, changesets: &[&Changeset]) -> (Release, Value) {
        let release = self.manager().drafts_release(changesets).await;
        let now = self.composes(&release, "continue").await;
        (release, now)
    }

    /// Has a draft composed; answers it as it is then.
    pub(crate) async fn composes(&self, release: &Release, on_isolation: &str) -> Value {
        let started =
            self.manager().does_to(release, "assemble", json!({"on_isolation": on_isolation})).await.ok();
        let job = self.job_ends(started["job_id"].as_str().expect("an id")).await;
        assert_eq!(job["state"], "succeeded", "{job}");
        self.release(release).await
    }

    /// Has a composed release published; answers it as it is then.
    pub(crate) async fn publishes(&self, release: &Release) -> Value {
        let started = self.manager().does_to(release, "publish", json!({})).await.ok();
        let job = self.job_ends(started["job_id"].as_str().expect("an id")).await;
        assert_eq!(job["state"], "succeeded", "{job}");
        self.release(release).await
    }

    /// Has changes to files released, each by a changeset of its own; answers the release.
    pub(crate) async fn released(&self, files: &[(&str, &str)]) -> Release {
        let mut changesets = Vec::new();
        for (path, text) in files {
            changesets.push(self.queued(self.second_author(), path, text).await);
        }
        let (release, composed) = self.composed(&changesets.iter().collect::<Vec<_>>()).await;
        assert_eq!(composed["state"], "validated", "{composed}");
        self.publishes(&release).await;
        release
    }

    /// Waits until a deployment has ended, and answers it.
    pub(crate) async fn deployment_ends(&self, asked: Answer) -> Value {
        let id = asked.ok()["id"].as_str().expect("an id").to_owned();
        let admin = self.admin();
        let path = admin.at(&format!("/deployments/{id}"));
        let ended =
            |now: &Value| !["pending", "running"].contains(&now["state"].as_str().unwrap_or_default());
        self.until("a deployment has ended", || async { Some(admin.get(&path).await.ok()).filter(ended) })
            .await
    }

    /// Puts a release on an environment, which must work.
    pub(crate) async fn deploys(&self, release: &Release, environment: &str) -> Value {
        let asked = self.manager().asks_to_deploy(release, environment).await;
        let ended = self.deployment_ends(asked).await;
        assert_eq!(ended["state"], "succeeded", "{ended}");
        ended
    }

    /// Promotes, which must work.
    pub(crate) async fn promotes(&self, environment: &str) -> Value {
        let asked = self.manager().asks_to_promote(environment).await;
        let ended = self.deployment_ends(asked).await;
        assert_eq!(ended["state"], "succeeded", "{ended}");
        ended
    }

    /// An environment as it is now.
    pub(crate) async fn environment(&self, name: &str) -> Value {
        let admin = self.admin();
        let all = admin.get(&admin.at("/environments")).await.ok();
        let found = all["data"].as_array().expect("a list").iter().find(|e| e["name"] == name);
        found.unwrap_or_else(|| panic!("there is no {name}")).clone()
    }

    /// Replaces the variables of an environment's profile.
    pub(crate) async fn sets_variables(&self, environment: &str, variables: Value) -> Answer {
        let admin = self.admin();
        let profile = self.environment(environment).await["profile_id"].clone();
        let path = admin.at(&format!("/runtime-profiles/{}", profile.as_str().expect("an id")));
        let etag = admin.get(&path).await.etag();
        admin.patch_if(&path, &etag, &json!({"env_vars": variables, "reason": "A test."})).await
    }

    /// All rows of one of the app's lists.
    pub(crate) async fn all(&self, list: &str) -> Vec<Value> {
        let admin = self.admin();
        let mark = if list.contains('?') { '&' } else { '?' };
        let mut rows = Vec::new();
        for page in 1.. {
            let path = format!("{list}{mark}page={page}&limit=200");
            let path = if path.starts_with("/api") { path } else { admin.at(&path) };
            let answer = admin.get(&path).await.ok();
            let found = answer["data"].as_array().expect("a list").clone();
            if found.is_empty() {
                break;
            }
            rows.extend(found);
        }
        rows
    }

    /// The actions in the audit log about one thing, oldest first.
    pub(crate) async fn audited(&self, entity: &str) -> Vec<String> {
        let events = self.all(&format!("/api/audit?app={}&entity={entity}", self.app)).await;
        events.iter().rev().map(|event| event["action"].as_str().expect("a text").to_owned()).collect()
    }
}
