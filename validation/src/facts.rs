//! What one file says: what is wrong with it, what it declares, what it refers to.

use crate::extract::extract;
use crate::schemas::Schemas;
use crate::thing::{MemberKind, Thing};
use conman_domain::RepoPath;
use conman_domain::changeset::{Finding, Severity};
use semantic_diff::document::{Document, NodeId};
use semantic_diff::{Format, SemanticConfigType, named_config};

/// What one file says. It depends on the file's path, its bytes and the schemas, and on nothing else.
#[derive(Debug, Clone)]
pub struct FileFacts {
    pub(crate) path: RepoPath,
    pub(crate) findings: Vec<Finding>,
    pub(crate) config: Option<Config>,
    pub(crate) members: Vec<Member>,
    pub(crate) roles: Vec<(String, Place)>,
    pub(crate) parameters: Vec<(String, Place)>,
    /// Entities whose members are this entity's too.
    pub(crate) partials: Vec<String>,
    pub(crate) references: Vec<Reference>,
}

/// Where something stands; lines and columns from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) line: u32,
    pub(crate) column: u32,
    pub(crate) end_line: u32,
}

impl Place {
    pub(crate) const TOP: Self = Self { line: 1, column: 1, end_line: u32::MAX };

    pub(crate) fn of(document: &Document<'_>, node: NodeId) -> Self {
        let (line, column) = document.position(node);
        Self { line, column, end_line: document.lines(node).end }
    }
}

/// The config that a file declares.
#[derive(Debug, Clone)]
pub(crate) struct Config {
    pub(crate) kind: SemanticConfigType,
    pub(crate) name: String,
    /// Where its name stands.
    pub(crate) at: Place,
}

/// A named part of a config.
#[derive(Debug, Clone)]
pub(crate) struct Member {
    pub(crate) kind: MemberKind,
    pub(crate) name: String,
    pub(crate) at: Place,
    /// The entity that a relation leads to.
    pub(crate) leads_to: Option<String>,
    /// Whether anything may stand below it, as in a field of JSON.
    pub(crate) is_open: bool,
}

/// A name in a file that stands for something elsewhere.
#[derive(Debug, Clone)]
pub(crate) struct Reference {
    pub(crate) target: Target,
    pub(crate) severity: Severity,
    /// The way to it, such as `columns[name=age].name`.
    pub(crate) key: String,
    pub(crate) at: Place,
}

/// What a reference stands for.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Target {
    Config(SemanticConfigType, String),
    Member {
        of: SemanticConfigType,
        config: String,
        kind: MemberKind,
        name: String,
    },
    /// A field, by way of relations: `sample.container.code`.
    Field {
        entity: String,
        path: String,
    },
    Parameter(String),
    Role(String),
    File(String),
}

impl Target {
    /// The name as the reference has it.
    pub(crate) fn name(&self) -> &str {
        match self {
            Self::Config(_, name)
            | Self::Member { name, .. }
            | Self::Field { path: name, .. }
            | Self::Parameter(name)
            | Self::Role(name)
            | Self::File(name) => name,
        }
    }

    /// The one thing that it stands for; a field can be reached by way of several.
    pub(crate) fn thing(&self) -> Option<Thing> {
        Some(match self {
            Self::Field { .. } => return None,
            Self::Config(kind, name) => Thing::Config(*kind, name.clone()),
            Self::Member { of, config, kind, name } => {
                Thing::Member { of: *of, config: config.clone(), kind: *kind, name: name.clone() }
            }
            Self::Parameter(name) => Thing::Parameter(name.clone()),
            Self::Role(name) => Thing::Role(name.clone()),
            Self::File(path) => Thing::File(path.trim_start_matches("./").to_owned()),
        })
    }
}

impl FileFacts {
    /// Reads a file. Whatever is wrong with it is a finding.
    pub fn read(path: &RepoPath, bytes: &[u8], schemas: &Schemas) -> Self {
        let mut facts = Self::empty(path.clone());
        let Some(format) = Format::of(path.file_name()) else {
            return facts;
        };
        let rule = match format {
            Format::Yaml => "yaml",
            Format::Json => "json",
        };
        let document = match Document::read(format, bytes) {
            Ok(document) => document,
            Err(broken) => {
                let problems = broken.before.into_iter().chain([broken.problem]);
                facts.findings = problems.map(|problem| of_problem(rule, path, problem)).collect();
                return facts;
            }
        };
        facts.findings =
            document.problems().iter().map(|problem| of_problem(rule, path, problem.clone())).collect();
        let is_sound = facts.findings.is_empty();
        if let Some((kind, name)) = named_config(path.as_str(), Some(&document)) {
            if is_sound {
                facts.findings.extend(schemas.findings(kind, path, &document));
            }
            let at = document.root().and_then(|root| document.get(root, "name")).or(document.root());
            let at = at.map_or(Place::TOP, |node| Place::of(&document, node));
            facts.config = Some(Config { kind, name, at });
        }
        extract(&document, &mut facts);
        facts
    }

    /// What is known of a file that is not read, such as an image.
    pub fn empty(path: RepoPath) -> Self {
        Self {
            path,
            findings: Vec::new(),
            config: None,
            members: Vec::new(),
            roles: Vec::new(),
            parameters: Vec::new(),
            partials: Vec::new(),
            references: Vec::new(),
        }
    }

    /// Whether reading a file can tell more than its path does.
    pub fn needs_content(path: &RepoPath) -> bool {
        Format::of(path.file_name()).is_some()
    }

    /// About how much memory it takes, in bytes.
    pub fn weight(&self) -> usize {
        400 + 200 * (self.references.len() + self.members.len() + self.findings.len())
    }
}

fn of_problem(rule: &str, path: &RepoPath, problem: semantic_diff::Problem) -> Finding {
    Finding {
        column: Some(problem.column),
        ..Finding::error(rule, path, Some(problem.line), problem.message)
    }
}
