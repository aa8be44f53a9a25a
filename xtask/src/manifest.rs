//! Reading what this program needs out of a Cargo.toml: its tables' keys, and its dependencies by their real names.
//!
//! This reads the TOML that manifests are written in, not all of TOML: a key with a value on a line, inline tables,
//! arrays over several lines, and `[dependencies.NAME]` tables.

/// What a dependency is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Normal,
    Build,
    Dev,
}

/// One dependency.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Dependency {
    /// The package's real name, whatever the manifest calls it.
    pub(crate) package: String,
    pub(crate) kind: Kind,
    /// Whether its version comes from the workspace.
    pub(crate) from_workspace: bool,
    pub(crate) line: usize,
}

/// What there is to know of a member's manifest.
#[derive(Debug, Default)]
pub(crate) struct Manifest {
    pub(crate) dependencies: Vec<Dependency>,
    keys: Vec<Entry>,
}

#[derive(Debug)]
struct Entry {
    table: String,
    key: String,
    value: String,
    line: usize,
}

/// The workspace's dependencies that have another name than their package: the name, and the package.
pub(crate) type Renames = Vec<(String, String)>;

/// Reads the renamed dependencies out of the workspace's manifest.
pub(crate) fn renames(workspace: &str) -> Renames {
    entries(workspace)
        .into_iter()
        .filter_map(|entry| {
            let (name, rest) = dependency_name(&entry, "workspace.dependencies")?;
            let package = package_in(rest.as_deref(), &entry.value)?;
            Some((name, package))
        })
        .collect()
}

impl Manifest {
    /// Reads a member's manifest.
    pub(crate) fn parse(text: &str, renames: &Renames) -> Self {
        let keys = entries(text);
        let mut dependencies: Vec<(String, Dependency)> = Vec::new();
        for entry in &keys {
            let Some((kind, table)) = dependency_table(&entry.table) else {
                continue;
            };
            let Some((name, rest)) = dependency_name(entry, table) else {
                continue;
            };
            let from_workspace = match rest.as_deref() {
                Some(key) => key == "workspace" && entry.value == "true",
                None => entry.value.starts_with('{') && compact(&entry.value).contains("workspace=true"),
            };
            let package = package_in(rest.as_deref(), &entry.value);
            // `x.workspace = true` and `x.features = […]` are two lines of one dependency.
            let known =
                dependencies.iter_mut().find(|(known, dependency)| *known == name && dependency.kind == kind);
            match known {
                Some((_, dependency)) => {
                    dependency.from_workspace |= from_workspace;
                    if let Some(package) = package {
                        dependency.package = package;
                    }
                }
                None => {
                    let renamed =
                        renames.iter().find(|(known, _)| *known == name).map(|(_, package)| package.clone());
                    let package = package.or(renamed).unwrap_or_else(|| name.clone());
                    dependencies.push((name, Dependency { package, kind, from_workspace, line: entry.line }));
                }
            }
        }
        Self { dependencies: dependencies.into_iter().map(|(_, dependency)| dependency).collect(), keys }
    }

    /// The value of a key, as it is written.
    pub(crate) fn value(&self, table: &str, key: &str) -> Option<&str> {
        self.keys
            .iter()
            .find(|entry| entry.table == table && entry.key == key)
            .map(|entry| entry.value.as_str())
    }
}

/// Tells a table of dependencies: its kind, and the table's name without a platform and without a dependency's name.
fn dependency_table(table: &str) -> Option<(Kind, &str)> {
    let rest = match table.strip_prefix("target.") {
        // The platform may hold dots within quotes; the table's own name comes after it.
        Some(rest) => {
            let start = ["dev-dependencies", "build-dependencies", "dependencies"]
                .iter()
                .find_map(|name| rest.rfind(&format!(".{name}")))?;
            &table["target.".len() + start + 1..]
        }
        None => table,
    };
    let first = rest.split('.').next().unwrap_or(rest);
    let kind = match first {
        "dependencies" => Kind::Normal,
        "build-dependencies" => Kind::Build,
        "dev-dependencies" => Kind::Dev,
        _ => return None,
    };
    let start = table.len() - rest.len();
    Some((kind, &table[..start + first.len()]))
}

/// Splits an entry into the dependency's name and the key below it, if there is one.
fn dependency_name(entry: &Entry, table: &str) -> Option<(String, Option<String>)> {
    if entry.table == table {
        return Some(match entry.key.split_once('.') {
            Some((name, rest)) => (unquoted(name), Some(unquoted(rest))),
            None => (unquoted(&entry.key), None),
        });
    }
    let name = entry.table.strip_prefix(table)?.strip_prefix('.')?;
    Some((unquoted(name), Some(unquoted(&entry.key))))
}

fn package_in(key: Option<&str>, value: &str) -> Option<String> {
    match key {
        Some("package") => Some(unquoted(value)),
        Some(_) => None,
        None => {
            let compact = compact(value);
            let start = ["{package=\"", ",package=\""]
                .iter()
                .find_map(|lead| Some(compact.find(lead)? + lead.len()))?;
            let end = compact[start..].find('"')?;
            Some(compact[start..start + end].to_owned())
        }
    }
}

fn compact(value: &str) -> String {
    value.chars().filter(|c| !c.is_whitespace()).collect()
}

fn unquoted(name: &str) -> String {
    name.trim().trim_matches(['"', '\'']).to_owned()
}

fn entries(text: &str) -> Vec<Entry> {
    let mut entries: Vec<Entry> = Vec::new();
    let mut table = String::new();
    // Brackets and braces that a value opened and has not closed: it goes on on the next line.
    let mut open = 0_i32;
    for (index, line) in text.lines().enumerate() {
        let line = without_comment(line).trim();
        if line.is_empty() {
            continue;
        }
        if open > 0 {
            open += depth(line);
            if let Some(entry) = entries.last_mut() {
                entry.value.push(' ');
                entry.value.push_str(line);
            }
        } else if let Some(header) = line.strip_prefix('[') {
            table = header.trim_matches(['[', ']', ' ']).to_owned();
        } else if let Some((key, value)) = line.split_once('=') {
            let key = key.split('.').map(str::trim).collect::<Vec<_>>().join(".");
            let value = value.trim().to_owned();
            open = depth(&value);
            entries.push(Entry { table: table.clone(), key, value, line: index + 1 });
        }
    }
    entries
}

fn without_comment(line: &str) -> &str {
    let mut quote = None;
    for (index, c) in line.char_indices() {
        match (quote, c) {
            (None, '#') => return &line[..index],
            (None, '"' | '\'') => quote = Some(c),
            (Some(open), c) if open == c => quote = None,
            _ => {}
        }
    }
    line
}

fn depth(text: &str) -> i32 {
    let mut quote = None;
    let mut depth = 0;
    for c in text.chars() {
        match (quote, c) {
            (None, '"' | '\'') => quote = Some(c),
            (Some(open), c) if open == c => quote = None,
            (None, '[' | '{') => depth += 1,
            (None, ']' | '}') => depth -= 1,
            _ => {}
        }
    }
    depth
}

#[cfg(test)]
mod tests {
    use super::{Kind, Manifest, renames};

    #[test]
    fn dependencies_are_found_in_every_way_of_writing_them() {
        let text = r#"
[package]
name = "x" # a comment with = and [
license.workspace = true

[dependencies]
one.workspace = true
two = "1"
three = { workspace = true, features = ["a", # why
  "b"] }
"four" = { package = "real-four", version = "4" }
[dependencies.five]
workspace = true
features = ["x"]
[target.'cfg(target_os = "linux")'.dependencies]
six = "6"
[build-dependencies]
seven.workspace = true
[target.'cfg(unix)'.dev-dependencies.eight]
version = "8"
[dev-dependencies]
one.workspace = true
nine.workspace = true
nine.features = ["y"]
[features]
two = []
"#;
        let manifest = Manifest::parse(text, &vec![("one".to_owned(), "real-one".to_owned())]);
        let found: Vec<(&str, Kind, bool, usize)> = manifest
            .dependencies
            .iter()
            .map(|dependency| {
                (dependency.package.as_str(), dependency.kind, dependency.from_workspace, dependency.line)
            })
            .collect();
        assert_eq!(
            found,
            [
                ("real-one", Kind::Normal, true, 7),
                ("two", Kind::Normal, false, 8),
                ("three", Kind::Normal, true, 9),
                ("real-four", Kind::Normal, false, 11),
                ("five", Kind::Normal, true, 13),
                ("six", Kind::Normal, false, 16),
                ("seven", Kind::Build, true, 18),
                ("eight", Kind::Dev, false, 20),
                ("real-one", Kind::Dev, true, 22),
                ("nine", Kind::Dev, true, 23),
            ]
        );
        assert_eq!(manifest.value("package", "name"), Some("\"x\""));
        assert_eq!(manifest.value("package", "license.workspace"), Some("true"));
    }

    #[test]
    fn the_workspace_says_what_a_name_really_is() {
        let text = "[workspace.dependencies]\na = \"1\"\nb = { version = \"1\", package = \"c\" }\n\
                    [workspace.dependencies.d]\npackage = \"e\"\n";
        let expected = vec![("b".to_owned(), "c".to_owned()), ("d".to_owned(), "e".to_owned())];
        assert_eq!(renames(text), expected);
    }
}
