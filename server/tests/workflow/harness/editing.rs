//! Edits in the making: `ana.edits("a.yml", "…").deletes("b.yml").submits().await`.

use super::{Answer, Changeset, Harness, Person, Someone, enc};
use serde_json::{Value, json};

/// Edits that somebody is about to save, in one write.
#[derive(Clone)]
pub(crate) struct Editing<'h> {
    h: &'h Harness,
    pub(crate) person: Person,
    /// Where; none for a workspace that is yet to be made.
    place: Place,
    wishes: Vec<Wish>,
    title: String,
}

#[derive(Debug, Clone)]
enum Place {
    /// A new workspace.
    Fresh,
    /// The default one.
    Home,
    /// One that is there.
    At(String),
    /// The one of a changeset.
    Of(Changeset),
}

#[derive(Debug, Clone)]
enum Wish {
    Put(String, String),
    Delete(String),
    Move(String, String),
}

impl<'h> Someone<'h> {
    /// Begins edits, in a new workspace.
    pub(crate) fn opens(&self) -> Editing<'h> {
        Editing {
            h: self.h,
            person: self.person.clone(),
            place: Place::Fresh,
            wishes: Vec::new(),
            title: String::new(),
        }
    }

    /// Begins edits in a new workspace by writing a file, whatever it holds.
    pub(crate) fn edits(&self, path: &str, text: &str) -> Editing<'h> {
        self.opens().puts(path, text)
    }
}

impl<'h> Editing<'h> {
    /// In the person's default workspace instead.
    pub(crate) fn at_home(mut self) -> Self {
        self.place = Place::Home;
        self
    }

    /// In a workspace that is there instead.
    pub(crate) fn at(mut self, workspace: &str) -> Self {
        self.place = Place::At(workspace.to_owned());
        self
    }

    /// In the workspace of a changeset instead.
    pub(crate) fn of(mut self, changeset: &Changeset) -> Self {
        self.place = Place::Of(changeset.clone());
        self
    }

    /// Writes a file, whatever it holds.
    pub(crate) fn puts(mut self, path: &str, text: &str) -> Self {
        self.wishes.push(Wish::Put(path.to_owned(), text.to_owned()));
        self
    }

    /// Deletes a file.
    pub(crate) fn deletes(mut self, path: &str) -> Self {
        self.wishes.push(Wish::Delete(path.to_owned()));
        self
    }

    /// Moves a file.
    pub(crate) fn moves(mut self, from: &str, to: &str) -> Self {
        self.wishes.push(Wish::Move(from.to_owned(), to.to_owned()));
        self
    }

    /// Gives the changeset a title.
    pub(crate) fn titled(mut self, title: &str) -> Self {
        self.title = title.to_owned();
        self
    }

    /// The workspace, made where it is missing.
    pub(crate) async fn workspace(&self) -> String {
        let person = &self.person;
        match &self.place {
            Place::Fresh => {
                let made = person.post(&person.at("/workspaces"), &json!({"name": "Further"})).await.ok();
                made["id"].as_str().expect("an id").to_owned()
            }
            Place::Home => {
                let all = person.get(&person.at("/workspaces")).await.ok();
                all["data"][0]["id"].as_str().expect("an id").to_owned()
            }
            Place::At(workspace) => workspace.clone(),
            Place::Of(changeset) => changeset.workspace.clone(),
        }
    }

    /// Saves, as one write that names what every file holds now; answers the workspace too.
    pub(crate) async fn tries_to_save(&self) -> (String, Answer) {
        let workspace = self.workspace().await;
        let files = self.person.at(&format!("/workspaces/{workspace}/files"));
        let blob = async |path: &str| {
            let answer = self.person.get(&format!("{files}?path={}", enc(path))).await;
            if answer.status == 404 { Value::Null } else { answer.ok()["blob"].clone() }
        };
        let mut edits = Vec::new();
        for wish in &self.wishes {
            edits.push(match wish {
                Wish::Put(path, text) => {
                    json!({"op": "put", "path": path, "expected_blob": blob(path).await, "text": text})
                }
                Wish::Delete(path) => {
                    json!({"op": "delete", "path": path, "expected_blob": blob(path).await})
                }
                Wish::Move(from, to) => {
                    json!({"op": "move", "from": from, "to": to, "expected_blob": blob(from).await})
                }
            });
        }
        let answer = self.person.put(&files, &json!({"edits": edits})).await;
        (workspace, answer)
    }

    /// Saves, and answers the workspace's id.
    pub(crate) async fn saves(self) -> String {
        let (workspace, answer) = self.tries_to_save().await;
        answer.ok();
        workspace
    }

    /// Saves, and starts a changeset.
    pub(crate) async fn drafts(self) -> Changeset {
        let (person, title) = (self.person.clone(), self.title.clone());
        let title = if title.is_empty() { "A change".to_owned() } else { title };
        let workspace = self.saves().await;
        let wish = json!({"workspace_id": workspace, "title": title, "description": "Why it is good."});
        let made = person.post(&person.at("/changesets"), &wish).await.ok();
        let id = made["id"].as_str().expect("an id").to_owned();
        Changeset { id, number: made["number"].as_u64().expect("a number"), workspace }
    }

    /// Saves and submits: the first revision of a new changeset, or the next one of an old one. It is in review then.
    pub(crate) async fn submits(self) -> Changeset {
        let (h, person) = (self.h, self.person.clone());
        let changeset = self.submits_unchecked().await;
        let now = h.validated(&changeset).await;
        assert_eq!(now["state"], "in_review", "{} of {}: {now}", changeset.name(), person.name);
        changeset
    }

    /// Saves and submits, without waiting for the validation.
    pub(crate) async fn submits_unchecked(self) -> Changeset {
        let person = self.person.clone();
        match self.place.clone() {
            Place::Of(changeset) => {
                if !self.wishes.is_empty() {
                    self.saves().await;
                }
                let state =
                    person.get(&person.at(&format!("/changesets/{}", changeset.id))).await.ok()["state"]
                        .clone();
                let verb = if state == "draft" { "submit" } else { "resubmit" };
                person.does(&changeset, verb).await.ok();
                changeset
            }
            Place::Fresh | Place::Home | Place::At(_) => {
                let changeset = self.drafts().await;
                person.does(&changeset, "submit").await.ok();
                changeset
            }
        }
    }
}
