//! The catalog: reading it where it is in use, and the two commonest edits of it, which make a changeset.

use crate::actor::Member;
use crate::error::{Error, FieldProblem, Rejection, Result};
use crate::services::Workflow;
use conman_domain::app::App;
use conman_domain::catalog::{Catalog, DeclarationProblem, Parameter};
use conman_domain::catalog_edit::{self, NotEditable, NotWidened, Widening};
use conman_domain::changeset::{Changeset, ChangesetStatus};
use conman_domain::environment::{Environment, Running};
use conman_domain::id::{EnvironmentId, WorkspaceId};
use conman_domain::name::{ParameterName, Title};
use conman_domain::policy::{AppAction, ChangesetAction};
use conman_domain::workspace::Workspace;
use conman_domain::{BlobId, CommitId, RepoPath};
use conman_git::Edit;
use conman_store::Versioned;
use std::collections::BTreeMap;

/// The name of the workspaces in which the forms make their edits.
const WORKSPACE: &str = "Catalog";

/// The catalog of what an environment runs.
#[derive(Debug, Clone)]
pub struct EnvironmentCatalog {
    /// The environment.
    pub environment: Environment,
    /// What it runs.
    pub running: Running,
    /// Its catalog.
    pub catalog: Catalog,
    /// The environment's own values, by which it differs from the defaults.
    pub own: Vec<ParameterName>,
}

/// The catalog of the integration branch, with the files that it stands in.
#[derive(Debug, Clone)]
pub struct AppCatalog {
    /// The commit.
    pub commit: CommitId,
    /// All parameters and rules.
    pub catalog: Catalog,
    /// Where each parameter is declared.
    pub files: BTreeMap<ParameterName, RepoPath>,
}

/// What a form wants of the catalog.
#[derive(Debug, Clone)]
pub enum CatalogWish {
    /// A parameter that is not there yet.
    Add {
        /// The parameter.
        parameter: Box<Parameter>,
        /// The file to declare it in; where none is named, where its group is.
        file: Option<RepoPath>,
    },
    /// More values for one that is.
    Widen {
        /// Which.
        name: ParameterName,
        /// What else is to be allowed.
        widening: Widening,
    },
}

/// A form that was filled in.
#[derive(Debug, Clone)]
pub struct CatalogForm {
    /// What is wanted.
    pub wish: CatalogWish,
    /// The changeset's title; made up where none is given.
    pub title: Option<Title>,
    /// Why.
    pub description: String,
}

/// One edit of a file of the catalog.
struct CatalogEdit {
    path: RepoPath,
    expected: Option<BlobId>,
    text: String,
}

/// The catalog of a commit, file by file.
struct CatalogFiles {
    commit: CommitId,
    catalog: Catalog,
    files: Vec<(RepoPath, BlobId, String)>,
}

impl CatalogFiles {
    /// The file that declares a parameter for which this holds.
    fn declaring(&self, wanted: impl Fn(&Parameter) -> bool) -> Option<&(RepoPath, BlobId, String)> {
        self.files
            .iter()
            .find(|(_, _, text)| Catalog::of_file(text).unwrap_or_default().parameters.values().any(&wanted))
    }
}

impl Workflow {
    /// The catalog of what an environment runs; refused where it runs nothing yet.
    pub async fn environment_catalog(
        &self,
        member: &Member,
        id: EnvironmentId,
    ) -> Result<EnvironmentCatalog> {
        let environment = self.environment(member, id).await?.doc;
        let running = environment.running.clone().ok_or_else(|| {
            Error::conflict("wrong_state", "the environment runs nothing yet, and so has no parameters")
        })?;
        let catalog = self.running_catalog(member.app_id(), &running).await?;
        let revision = running.provenance.profile_revision;
        let profile = self.profile_revision(environment.profile_id, revision).await?;
        let own = catalog.own_values(&profile.env_vars).into_keys().collect();
        Ok(EnvironmentCatalog { environment, running, catalog, own })
    }

    /// The catalog of the integration branch.
    pub async fn app_catalog(&self, member: &Member) -> Result<AppCatalog> {
        let head = self.integration_head(&member.app.doc).await?;
        let found = self.catalog_files(&member.app.doc, head).await?;
        let mut files = BTreeMap::new();
        for (path, _, text) in &found.files {
            for name in Catalog::of_file(text).unwrap_or_default().parameters.into_keys() {
                files.insert(name, path.clone());
            }
        }
        Ok(AppCatalog { commit: found.commit, catalog: found.catalog, files })
    }

    /// Makes and submits the changeset that a form wants.
    ///
    /// What is wrong with the wish is told before anything is made. The edit is made in a workspace of its own.
    pub async fn change_catalog(&self, member: &Member, form: CatalogForm) -> Result<Versioned<Changeset>> {
        member.may(AppAction::Author)?;
        let app = self.app_again(member).await?.doc;
        let base = self.baseline(&app).await?;
        edit_of(&self.catalog_files(&app, base).await?, &form.wish)?;
        let title = match form.title {
            Some(title) => title,
            None => Title::parse(&made_up(&form.wish))
                .map_err(|error| Error::invalid("/title", error.to_string()))?,
        };
        let (workspace, changeset) = self.claim_workspace(member, title, form.description).await?;
        let open = self.reset_workspace(member, workspace).await?;
        let edit = edit_of(&self.catalog_files(&app, open.working.head).await?, &form.wish)?;
        let edit = Edit::Put { path: edit.path, expected: edit.expected, bytes: edit.text.into_bytes() };
        self.write_files(member, workspace, vec![edit]).await?;
        self.submit_changeset(member, changeset.doc.id, ChangesetAction::Submit).await
    }

    /// A workspace for a form, with its changeset: one that an earlier form has done with, or a new one.
    async fn claim_workspace(
        &self,
        member: &Member,
        title: Title,
        description: String,
    ) -> Result<(WorkspaceId, Versioned<Changeset>)> {
        for workspace in self.list_workspaces(member).await? {
            if workspace.doc.name.as_str() != WORKSPACE {
                continue;
            }
            let id = workspace.doc.id;
            if self.holds_work(member, workspace).await? {
                continue;
            }
            match self.create_changeset(member, id, title.clone(), description.clone()).await {
                Ok(changeset) => return Ok((id, changeset)),
                // Another form took it at the same moment.
                Err(error) if error.conflict_code() == Some("workspace_has_open_changeset") => {}
                Err(error) => return Err(error),
            }
        }
        let name = Title::parse(WORKSPACE).expect("`Catalog` is a title");
        let id = self.create_workspace(member, name).await?.workspace.doc.id;
        Ok((id, self.create_changeset(member, id, title, description).await?))
    }

    /// Whether a reset would lose something: a changeset that is not settled, or edits that are in none.
    async fn holds_work(&self, member: &Member, workspace: Versioned<Workspace>) -> Result<bool> {
        let newest = self.newest_changeset(workspace.doc.id).await?.map(|changeset| changeset.doc);
        let Some(changeset) = newest else {
            let (_, tree) = self.workspace_tree(member, workspace.doc.id).await?;
            return Ok(!tree.changes.is_empty());
        };
        let settled =
            matches!(changeset.status, ChangesetStatus::Released { .. } | ChangesetStatus::Rejected { .. });
        let working = self.open(workspace).await?.working;
        let submitted = changeset.revision.map(|revision| revision.head);
        Ok(!settled || working.dirty || submitted != Some(working.head))
    }

    async fn catalog_files(&self, app: &App, commit: CommitId) -> Result<CatalogFiles> {
        let repository = self.repository(app.id);
        let tree = self.tree_of(&repository, commit).await?;
        let catalog = self.catalog(&repository, tree).await?.map_err(|_| {
            Error::conflict("catalog_broken", "the app's catalog cannot be read; mend its files first")
        })?;
        let files = repository.files(tree, Catalog::holds).await?;
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap_or_default();
        let files =
            files.into_iter().map(|(path, content)| (path, content.blob, text(content.bytes))).collect();
        Ok(CatalogFiles { commit, catalog, files })
    }
}

fn made_up(wish: &CatalogWish) -> String {
    match wish {
        CatalogWish::Add { parameter, .. } => format!("Add parameter {}", parameter.name),
        CatalogWish::Widen { name, .. } => format!("Widen the values of {name}"),
    }
}

/// The edit that a wish needs, or why it cannot be granted.
fn edit_of(found: &CatalogFiles, wish: &CatalogWish) -> Result<CatalogEdit> {
    match wish {
        CatalogWish::Add { parameter, file } => added(found, parameter, file.as_ref()),
        CatalogWish::Widen { name, widening } => {
            let present = found.catalog.parameters.get(name).ok_or(Rejection::NotFound("parameter"))?;
            let wide = widening.of(present).map_err(not_widened)?;
            let (path, blob, text) = found
                .declaring(|parameter| parameter.name == *name)
                .ok_or_else(|| not_editable(NotEditable))?;
            let text = catalog_edit::widen(text, widening, &wide).map_err(not_editable)?;
            Ok(CatalogEdit { path: path.clone(), expected: Some(*blob), text })
        }
    }
}

fn added(found: &CatalogFiles, parameter: &Parameter, file: Option<&RepoPath>) -> Result<CatalogEdit> {
    if found.catalog.parameters.contains_key(&parameter.name) {
        let message = format!("the catalog has a parameter `{}` already", parameter.name);
        return Err(Error::conflict("parameter_exists", message));
    }
    let problems = parameter.problems();
    if !problems.is_empty() {
        let field = |wrong: DeclarationProblem| FieldProblem {
            pointer: format!("/parameter/{}", wrong.field),
            message: wrong.message,
        };
        return Err(Rejection::Invalid(problems.into_iter().map(field).collect()).into());
    }
    if let Some(path) = file {
        if !Catalog::holds(path) {
            return Err(Error::invalid("/file", "a YAML file in the folder `catalog` is expected"));
        }
        return match found.files.iter().find(|(present, _, _)| present == path) {
            Some((_, blob, text)) => {
                let text = catalog_edit::add(text, parameter).map_err(not_editable)?;
                Ok(CatalogEdit { path: path.clone(), expected: Some(*blob), text })
            }
            None => Ok(in_new_file(path.clone(), parameter)),
        };
    }
    let group = parameter.group.as_str();
    let of_group = found.declaring(|other| !group.is_empty() && other.group == group);
    if let Some((path, blob, text)) = of_group
        && let Ok(text) = catalog_edit::add(text, parameter)
    {
        return Ok(CatalogEdit { path: path.clone(), expected: Some(*blob), text });
    }
    // A file of its own never touches what others wrote.
    let slug: String = group.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
    let slug = slug.trim_matches('-').to_ascii_lowercase();
    let names = [slug.as_str(), parameter.name.as_str()].into_iter().filter(|name| !name.is_empty());
    for name in names {
        let path = RepoPath::parse(&format!("{}/{name}.yml", Catalog::FOLDER));
        if let Ok(path) = path
            && !found.files.iter().any(|(present, _, _)| present.as_str().eq_ignore_ascii_case(path.as_str()))
        {
            return Ok(in_new_file(path, parameter));
        }
    }
    Err(not_editable(NotEditable))
}

fn in_new_file(path: RepoPath, parameter: &Parameter) -> CatalogEdit {
    CatalogEdit { path, expected: None, text: catalog_edit::new_file(parameter) }
}

fn not_widened(refused: Vec<NotWidened>) -> Error {
    let field = |refused: NotWidened| FieldProblem {
        pointer: refused.field.map(|field| format!("/{field}")).unwrap_or_default(),
        message: refused.message,
    };
    Rejection::Invalid(refused.into_iter().map(field).collect()).into()
}

fn not_editable(refused: NotEditable) -> Error {
    Error::conflict("not_editable", refused.to_string())
}
