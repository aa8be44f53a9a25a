//! All rules over all files.

use std::path::Path;

use crate::failure::Outcome;
use crate::manifest::{Manifest, renames};
use crate::tidy::finding::Finding;
use crate::tidy::walk::{TextFile, text_files};
use crate::tidy::{manifest_rules, source_rules, text_rules};

/// Checks the repository below the root, and gives what was found in order of place.
pub(crate) fn check(root: &Path) -> Outcome<Vec<Finding>> {
    Ok(check_files(&text_files(root)?))
}

fn check_files(files: &[TextFile]) -> Vec<Finding> {
    let mut findings = Vec::new();
    let text_of = |path: &str| files.iter().find(|file| file.path == path).map(|file| file.text.as_str());
    match text_of("Cargo.toml") {
        None => findings.push(Finding::new("Cargo.toml", 1, "there is no workspace")),
        Some(text) => findings.extend(manifest_rules::check_workspace(text)),
    }
    if text_of("LICENSE").is_none() {
        findings.push(Finding::new("LICENSE", 1, "the licence's text is missing"));
    }
    let renames = renames(text_of("Cargo.toml").unwrap_or_default());
    for file in files {
        findings.extend(text_rules::check(&file.path, &file.text));
        let parts: Vec<&str> = file.path.split('/').collect();
        match parts.as_slice() {
            // A workspace of its own takes nothing from this one.
            ["fuzz", "Cargo.toml"] => {}
            [room, "Cargo.toml"] => {
                findings.extend(manifest_rules::check_member(room, &Manifest::parse(&file.text, &renames)));
            }
            [room, .., name] if name.ends_with(".rs") && text_of(&format!("{room}/Cargo.toml")).is_some() => {
                findings.extend(source_rules::check(&file.path, &file.text));
            }
            _ => {}
        }
    }
    findings.sort();
    findings.dedup();
    findings
}

#[cfg(test)]
mod tests {
    use super::{TextFile, check_files};

    fn files(contents: &[(&str, &str)]) -> Vec<TextFile> {
        contents
            .iter()
            .map(|(path, text)| TextFile { path: (*path).to_owned(), text: (*text).to_owned() })
            .collect()
    }

    const WORKSPACE: &str = "\
[workspace.package]
license = \"Apache-2.0\"
[workspace.dependencies]
conman-domain = { path = \"domain\" }
documents = { package = \"mongodb\", version = \"3\" }
";
    const MEMBER: &str = "\
[package]
name = \"conman-git\"
license.workspace = true
[lints]
workspace = true
[dependencies]
";

    #[test]
    fn a_clean_repository_has_no_findings() {
        let clean = files(&[
            ("Cargo.toml", WORKSPACE),
            ("LICENSE", "Apache License"),
            ("git/Cargo.toml", &format!("{MEMBER}conman-domain.workspace = true\n")),
            ("git/src/lib.rs", "//! Repositories.\n\nmod object;\npub use object::Object;\n"),
            ("git/src/object.rs", "//! Objects.\n\npub struct Object(git2::Oid);\n"),
        ]);
        assert_eq!(check_files(&clean), []);
    }

    #[test]
    fn a_driver_behind_another_name_is_still_a_driver() {
        let found = check_files(&files(&[
            ("Cargo.toml", WORKSPACE),
            ("LICENSE", "Apache License"),
            ("git/Cargo.toml", &format!("{MEMBER}documents.workspace = true\n")),
        ]));
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!(found[0].file, "git/Cargo.toml");
        assert_eq!(found[0].line, 7);
        assert!(found[0].sentence.contains("`mongodb`"), "{}", found[0]);
    }

    #[test]
    fn a_repository_without_its_licence_is_not_clean() {
        let found = check_files(&files(&[("Cargo.toml", WORKSPACE)]));
        assert_eq!(found.iter().map(|finding| finding.file.as_str()).collect::<Vec<_>>(), ["LICENSE"]);
    }
}
