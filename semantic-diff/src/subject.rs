//! What a file is about: its config type and its name.

use crate::SemanticConfigType;
use crate::document::Document;

/// What a file is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Subject {
    pub(crate) config_type: SemanticConfigType,
    /// How sentences begin, such as "Entity `patient`"; none where a file says nothing of the domain.
    pub(crate) title: Option<String>,
}

const PROGRAMS: [&str; 14] =
    ["js", "mjs", "cjs", "ts", "py", "sh", "bash", "rb", "sql", "lua", "ps1", "groovy", "pl", "rs"];

/// What the file is about: its top-level `type` says so, else its folder.
pub(crate) fn subject(path: &str, document: Option<&Document<'_>>) -> Subject {
    let root = document.and_then(Document::root);
    let text = |key: &str| root.zip(document).and_then(|(root, document)| document.get_text(root, key));
    let stem = stem(path);
    if let Some(kind) = text("type").and_then(SemanticConfigType::named) {
        return Subject { config_type: kind, title: Some(titled(kind, text("name").unwrap_or(stem))) };
    }
    let folder = folder(path);
    if folder == Some("catalog") && document.is_some() {
        return Subject { config_type: SemanticConfigType::Asset, title: Some(format!("Catalog `{stem}`")) };
    }
    let by_folder = folder.and_then(of_folder);
    match (by_folder, document) {
        (Some(kind), Some(_)) if text("name").is_some() || kind != SemanticConfigType::Asset => {
            Subject { config_type: kind, title: Some(titled(kind, text("name").unwrap_or(stem))) }
        }
        (Some(kind), _) => Subject { config_type: kind, title: None },
        (None, _) => {
            let program = path.rsplit_once('.').is_some_and(|(_, end)| PROGRAMS.contains(&end));
            let kind = if program { SemanticConfigType::Script } else { SemanticConfigType::Asset };
            Subject { config_type: kind, title: None }
        }
    }
}

/// The config that a file declares: its type and its name; none for assets, scripts and unknown files.
pub fn named_config(path: &str, document: Option<&Document<'_>>) -> Option<(SemanticConfigType, String)> {
    let document = document?;
    let root = document.root()?;
    let kind = subject(path, Some(document)).config_type;
    if matches!(kind, SemanticConfigType::Asset | SemanticConfigType::Script) {
        return None;
    }
    Some((kind, document.get_text(root, "name").unwrap_or_else(|| stem(path)).to_owned()))
}

fn titled(kind: SemanticConfigType, name: &str) -> String {
    let mut word = kind.name().to_owned();
    word[..1].make_ascii_uppercase();
    format!("{word} {}", crate::words::code(name))
}

/// The file's name without its folder and ending.
pub fn stem(path: &str) -> &str {
    let name = path.rsplit('/').next().unwrap_or(path);
    name.split_once('.').filter(|(stem, _)| !stem.is_empty()).map_or(name, |(stem, _)| stem)
}

fn folder(path: &str) -> Option<&str> {
    path.split_once('/').map(|(folder, _)| folder)
}

fn of_folder(folder: &str) -> Option<SemanticConfigType> {
    Some(match folder {
        "entities" => SemanticConfigType::Entity,
        "pages" => SemanticConfigType::Page,
        "queues" => SemanticConfigType::Queue,
        "providers" => SemanticConfigType::Provider,
        "workflows" => SemanticConfigType::Workflow,
        "tenants" => SemanticConfigType::Tenant,
        "menus" => SemanticConfigType::Menu,
        "assets" => SemanticConfigType::Asset,
        "scripts" => SemanticConfigType::Script,
        _ => return None,
    })
}
