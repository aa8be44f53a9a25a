//! What several routes say in the same way.

use crate::extract::{PageLimit, PageNumber};
use conman_domain::access::Role;
use conman_workflow::Page;
use conman_workflow::accounts::Listed;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// One page of a list.
#[derive(Debug, Serialize, ToSchema)]
pub struct List<T> {
    /// What stands on the page.
    pub data: Vec<T>,
    /// The page's number, from 1.
    pub page: u32,
    /// How many rows a page has at most.
    pub limit: u32,
    /// How many rows there are on all pages.
    pub total: u32,
}

impl<T> List<T> {
    /// Puts a page of rows into the form that clients get.
    pub fn new<U>(page: Page, listed: Listed<U>, convert: impl FnMut(U) -> T) -> Self {
        Self::of(page, listed.total, listed.items.into_iter().map(convert).collect())
    }

    /// Puts converted rows into the form that clients get.
    pub fn of(page: Page, total: u64, data: Vec<T>) -> Self {
        Self { data, page: page.page, limit: page.limit, total: u32::try_from(total).unwrap_or(u32::MAX) }
    }
}

/// Which part of a list is wanted.
#[derive(Debug, Clone, Copy, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Paging {
    /// The page's number, from 1.
    #[serde(default)]
    #[param(value_type = Option<u32>, minimum = 1, default = 1)]
    page: PageNumber,
    /// How many rows a page has, 1 to 200.
    #[serde(default)]
    #[param(value_type = Option<u32>, minimum = 1, maximum = 200, default = 50)]
    limit: PageLimit,
}

impl Paging {
    /// The part of the list that is wanted.
    pub fn page(self) -> Page {
        self.page.of(self.limit)
    }
}

/// What an account may do in one app; each role includes the ones before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = Role)]
pub enum RoleName {
    /// Edits in workspaces, submits changesets, comments.
    User,
    /// Reviews changesets.
    Reviewer,
    /// Composes, publishes, deploys and promotes releases.
    ConfigManager,
    /// Sets up the app and its people.
    AppAdmin,
}

impl From<Role> for RoleName {
    fn from(role: Role) -> Self {
        match role {
            Role::User => Self::User,
            Role::Reviewer => Self::Reviewer,
            Role::ConfigManager => Self::ConfigManager,
            Role::AppAdmin => Self::AppAdmin,
        }
    }
}

impl From<RoleName> for Role {
    fn from(role: RoleName) -> Self {
        match role {
            RoleName::User => Self::User,
            RoleName::Reviewer => Self::Reviewer,
            RoleName::ConfigManager => Self::ConfigManager,
            RoleName::AppAdmin => Self::AppAdmin,
        }
    }
}

/// An empty object: what is posted where there is nothing to say.
#[derive(Debug, Clone, Copy, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Nothing {}

/// How a diff is shown.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum DiffMode {
    /// Line by line.
    #[default]
    Raw,
    /// In the domain's words.
    Semantic,
}

/// How a diff is wanted.
#[derive(Debug, Clone, Copy, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct DiffQuery {
    /// `raw`, which is also the default, or `semantic`.
    #[serde(default)]
    pub mode: DiffMode,
    /// Which part of the files (`raw`) or of the changes (`semantic`), from 1.
    #[serde(default)]
    #[param(value_type = u32)]
    pub page: PageNumber,
    /// How many files or changes a part has, 200 at most; all of them if left out.
    #[serde(default)]
    #[param(value_type = Option<u32>)]
    pub limit: Option<PageLimit>,
}

impl DiffQuery {
    /// The places of what is asked for.
    pub fn part(&self) -> std::ops::Range<usize> {
        let Some(limit) = self.limit else { return 0..usize::MAX };
        let page = self.page.of(limit);
        let start = (page.page as usize - 1).saturating_mul(page.limit as usize);
        start..start.saturating_add(page.limit as usize)
    }
}
