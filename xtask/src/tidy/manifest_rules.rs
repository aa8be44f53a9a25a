//! Rules on manifests: the arrows between crates, and who depends on which driver.

use crate::manifest::{Kind, Manifest};
use crate::tidy::finding::Finding;

/// The rooms, their packages, and which of our packages each may lean on.
const ROOMS: [Room; 14] = [
    Room { folder: "console", package: "conman-console", may_use: &[] },
    Room { folder: "domain", package: "conman-domain", may_use: &[] },
    Room { folder: "semantic-diff", package: "semantic-diff", may_use: &[] },
    Room { folder: "validation", package: "conman-validation", may_use: &["domain", "semantic-diff"] },
    Room { folder: "store", package: "conman-store", may_use: &["domain"] },
    Room { folder: "git", package: "conman-git", may_use: &["domain"] },
    Room { folder: "distribution", package: "conman-distribution", may_use: &["domain"] },
    Room { folder: "worker", package: "conman-worker", may_use: &["domain"] },
    Room {
        folder: "workflow",
        package: "conman-workflow",
        may_use: &["domain", "store", "git", "distribution", "semantic-diff", "validation"],
    },
    Room { folder: "jobs", package: "conman-jobs", may_use: &["workflow", "store", "domain"] },
    Room {
        folder: "server",
        package: "conman-server",
        may_use: &["console", "jobs", "workflow", "store", "git", "distribution", "domain"],
    },
    // The composition root opens every port that the server is then given.
    Room {
        folder: "cli",
        package: "conman-cli",
        may_use: &[
            "server",
            "semantic-diff",
            "validation",
            "worker",
            "jobs",
            "workflow",
            "store",
            "git",
            "distribution",
            "domain",
        ],
    },
    // For development only: whatever a test needs, except what stands on top of everything.
    Room {
        folder: "testkit",
        package: "conman-testkit",
        may_use: &[
            "domain",
            "semantic-diff",
            "store",
            "git",
            "distribution",
            "workflow",
            "jobs",
            "server",
            "worker",
        ],
    },
    Room { folder: "xtask", package: "xtask", may_use: &[] },
];

/// What development may use besides: tests watch one room's effect through another's eyes.
const DEV_ARROWS: [(&str, &[&str]); 3] = [
    // A worker is tested against what a deployment really writes.
    ("worker", &["distribution"]),
    // The same, from the other side: what is written reaches a real worker.
    ("distribution", &["worker"]),
    // What differs between two trees is measured up to the words for it.
    ("git", &["semantic-diff"]),
];

struct Room {
    folder: &'static str,
    package: &'static str,
    may_use: &'static [&'static str],
}

/// Packages that only some rooms may name.
pub(crate) const CONFINED: [(&str, &[&str]); 14] = [
    ("mongodb", &["store"]),
    ("bson", &["store"]),
    ("rusqlite", &["store", "distribution"]),
    ("libsqlite3-sys", &["store", "distribution"]),
    ("sqlx", &["store", "distribution"]),
    ("git2", &["git"]),
    ("libgit2-sys", &["git"]),
    ("tokio-postgres", &["distribution", "worker"]),
    ("deadpool-postgres", &["distribution", "worker"]),
    ("postgres", &["distribution", "worker"]),
    ("anyhow", &["cli", "testkit", "xtask"]),
    ("axum", &["server"]),
    ("axum-core", &["server"]),
    ("axum-extra", &["server"]),
];

/// What a pure room must not even depend on: I/O, async, clocks and randomness.
const IMPURE: [&str; 13] = [
    "async-std",
    "async-trait",
    "fastrand",
    "futures",
    "getrandom",
    "hyper",
    "rand",
    "reqwest",
    "tempfile",
    "tokio",
    "tokio-util",
    "tower",
    "tracing",
];
/// The rooms without I/O.
pub(crate) const PURE: [&str; 2] = ["domain", "semantic-diff"];

/// The rooms that know no HTTP, and what they would know it by.
const WITHOUT_HTTP: [&str; 4] = ["domain", "git", "store", "workflow"];
const HTTP: [&str; 5] = ["http", "hyper", "reqwest", "tower", "tower-http"];

/// Checks the workspace's own manifest.
pub(crate) fn check_workspace(text: &str) -> Vec<Finding> {
    let manifest = Manifest::parse(text, &Vec::new());
    match manifest.value("workspace.package", "license") {
        Some("\"Apache-2.0\"") => Vec::new(),
        _ => vec![Finding::new("Cargo.toml", 1, "[workspace.package] states license = \"Apache-2.0\"")],
    }
}

/// Checks the manifest of the member in this folder.
pub(crate) fn check_member(folder: &str, manifest: &Manifest) -> Vec<Finding> {
    let file = format!("{folder}/Cargo.toml");
    let mut findings = Vec::new();
    let mut find = |line: usize, sentence: String| findings.push(Finding::new(&file, line, sentence));
    if manifest.value("package", "license.workspace") != Some("true")
        && manifest.value("package", "license").is_none()
    {
        find(1, "states no licence: write `license.workspace = true` under [package]".to_owned());
    }
    if manifest.value("lints", "workspace") != Some("true") {
        find(1, "does not take the workspace's lints: write `workspace = true` under [lints]".to_owned());
    }
    let Some(room) = ROOMS.iter().find(|room| room.folder == folder) else {
        find(1, format!("`{folder}` is a new room: give it its arrows, in xtask/src/tidy/manifest_rules.rs"));
        return findings;
    };
    if manifest.value("package", "name") != Some(format!("\"{}\"", room.package).as_str()) {
        find(1, format!("this package is called `{}`", room.package));
    }
    for dependency in &manifest.dependencies {
        let package = dependency.package.as_str();
        let line = dependency.line;
        let dev = dependency.kind == Kind::Dev;
        if folder == "xtask" {
            find(line, format!("xtask has no dependencies, and `{package}` is one"));
            continue;
        }
        if let Some(ours) = ROOMS.iter().find(|room| room.package == package) {
            let for_tests = DEV_ARROWS.iter().any(|(from, to)| *from == folder && to.contains(&ours.folder));
            let allowed =
                room.may_use.contains(&ours.folder) || (dev && (ours.folder == "testkit" || for_tests));
            if !allowed {
                find(line, format!("no arrow leads from `{folder}` to `{}`", ours.folder));
            }
        }
        if !dev
            && folder != "testkit"
            && let Some(rooms) = confinement(package)
            && !rooms.contains(&folder)
        {
            find(line, format!("`{package}` belongs to {}, not to `{folder}`", list(rooms)));
        }
        if !dev && PURE.contains(&folder) && IMPURE.contains(&package) {
            find(line, format!("`{folder}` is pure: no I/O, async, clock or randomness, so no `{package}`"));
        }
        if !dev && WITHOUT_HTTP.contains(&folder) && HTTP.contains(&package) {
            find(line, format!("`{folder}` knows no HTTP, so no `{package}`"));
        }
        if !dependency.from_workspace {
            find(
                line,
                format!(
                    "the version of `{package}` belongs into the workspace: `{package}.workspace = true`"
                ),
            );
        }
    }
    findings
}

/// The rooms that may name a package, if it is confined to some.
pub(crate) fn confinement(package: &str) -> Option<&'static [&'static str]> {
    CONFINED.iter().find(|(name, _)| *name == package).map(|(_, rooms)| *rooms)
}

/// Words in a row for a sentence.
pub(crate) fn list(words: &[&str]) -> String {
    words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::{ROOMS, check_member, check_workspace};
    use crate::manifest::Manifest;

    fn findings(folder: &str, tables: &str) -> Vec<String> {
        let package = ROOMS.iter().find(|room| room.folder == folder).map_or("new", |room| room.package);
        let text = format!(
            "[package]\nname = \"{package}\"\nlicense.workspace = true\n[lints]\nworkspace = true\n{tables}"
        );
        check_member(folder, &Manifest::parse(&text, &Vec::new()))
            .iter()
            .map(|finding| format!("{}: {}", finding.line, finding.sentence))
            .collect()
    }

    fn depends(folder: &str, package: &str) -> Vec<String> {
        findings(folder, &format!("[dependencies]\n{package}.workspace = true\n"))
    }

    fn depends_for_tests(folder: &str, package: &str) -> Vec<String> {
        findings(folder, &format!("[dev-dependencies]\n{package}.workspace = true\n"))
    }

    #[test]
    fn arrows_lead_where_the_architecture_says() {
        for (from, to) in [
            ("store", "conman-domain"),
            ("workflow", "semantic-diff"),
            ("jobs", "conman-workflow"),
            ("server", "conman-console"),
            ("server", "conman-jobs"),
            ("cli", "conman-server"),
            ("worker", "conman-domain"),
        ] {
            assert_eq!(depends(from, to), [] as [String; 0], "{from} -> {to}");
        }
        for (from, to, room) in [
            ("domain", "conman-store", "store"),
            ("store", "conman-git", "git"),
            ("semantic-diff", "conman-domain", "domain"),
            ("jobs", "conman-git", "git"),
            ("workflow", "conman-jobs", "jobs"),
            ("server", "conman-worker", "worker"),
            ("server", "semantic-diff", "semantic-diff"),
            ("worker", "conman-distribution", "distribution"),
            ("server", "conman-testkit", "testkit"),
            ("workflow", "conman-cli", "cli"),
        ] {
            assert_eq!(depends(from, to), [format!("7: no arrow leads from `{from}` to `{room}`")]);
        }
    }

    #[test]
    fn tests_may_use_the_test_kit_and_no_other_arrow_but_those_that_are_named() {
        assert_eq!(depends_for_tests("store", "conman-testkit"), [] as [String; 0]);
        assert_eq!(depends_for_tests("worker", "conman-distribution"), [] as [String; 0]);
        assert_eq!(
            depends_for_tests("store", "conman-server"),
            ["7: no arrow leads from `store` to `server`"]
        );
        assert_eq!(findings("git", "[build-dependencies]\nconman-testkit.workspace = true\n").len(), 1);
    }

    #[test]
    fn drivers_stay_in_their_rooms() {
        for (folder, package) in [
            ("store", "mongodb"),
            ("store", "bson"),
            ("git", "git2"),
            ("distribution", "tokio-postgres"),
            ("worker", "tokio-postgres"),
            ("distribution", "deadpool-postgres"),
            ("distribution", "rusqlite"),
            ("cli", "anyhow"),
            ("server", "axum"),
            ("testkit", "mongodb"),
        ] {
            assert_eq!(depends(folder, package), [] as [String; 0], "{folder} {package}");
        }
        for (folder, package) in [
            ("workflow", "mongodb"),
            ("git", "bson"),
            ("workflow", "git2"),
            ("store", "tokio-postgres"),
            ("server", "deadpool-postgres"),
            ("git", "rusqlite"),
            ("server", "anyhow"),
            ("cli", "axum"),
            ("workflow", "axum"),
        ] {
            assert_eq!(depends(folder, package).len(), 1, "{folder} {package}");
            assert_eq!(depends_for_tests(folder, package), [] as [String; 0], "{folder} {package}, in tests");
        }
    }

    #[test]
    fn pure_rooms_depend_on_nothing_that_acts() {
        assert_eq!(depends("domain", "tokio").len(), 1);
        assert_eq!(depends("semantic-diff", "rand").len(), 1);
        assert_eq!(depends("domain", "serde"), [] as [String; 0]);
        assert_eq!(depends_for_tests("domain", "rand"), [] as [String; 0]);
    }

    #[test]
    fn the_use_cases_know_no_http() {
        assert_eq!(depends("workflow", "http").len(), 1);
        assert_eq!(depends("workflow", "reqwest").len(), 1);
        assert_eq!(depends("server", "tower-http"), [] as [String; 0]);
        assert_eq!(depends("worker", "reqwest"), [] as [String; 0]);
    }

    #[test]
    fn xtask_has_no_dependencies_at_all() {
        assert_eq!(depends("xtask", "serde").len(), 1);
        assert_eq!(depends_for_tests("xtask", "proptest").len(), 1);
    }

    #[test]
    fn versions_and_new_rooms_are_declared_in_one_place() {
        assert_eq!(findings("store", "[dependencies]\nserde = \"1\"\n").len(), 1);
        assert_eq!(findings("cellar", "").len(), 1);
    }

    #[test]
    fn a_member_states_its_licence_and_takes_the_lints() {
        let manifest = Manifest::parse("[package]\nname = \"conman-git\"\n", &Vec::new());
        assert_eq!(check_member("git", &manifest).len(), 2);
        assert_eq!(check_workspace("[workspace.package]\nlicense = \"Apache-2.0\"\n"), []);
        assert_eq!(check_workspace("[workspace.package]\n").len(), 1);
    }
}
