//! Calling cargo.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::failure::{During, Failure, Outcome};
use crate::json::Json;
use crate::manifest::Manifest;
use crate::{paths, shell};

/// The package of the `conman` binary.
pub(crate) const CLI: &str = "conman-cli";
/// The feature of a package that compiles its fault points in.
const FAILPOINTS: &str = "failpoints";

/// A cargo command at the root of the repository, with our own tools on its PATH.
pub(crate) fn cargo() -> Command {
    let program = std::env::var_os("CARGO").map_or_else(|| PathBuf::from("cargo"), PathBuf::from);
    let mut command = Command::new(program);
    command.current_dir(paths::root());
    if let Some(path) = path_with_tools() {
        command.env("PATH", path);
    }
    // Set by the `cargo run` that started this program; a nested cargo would hand them on to build scripts, which
    // then see a changed environment and run again.
    for (name, _) in std::env::vars_os() {
        let ours =
            name.to_str().is_some_and(|n| n.starts_with("CARGO_PKG_") || n.starts_with("CARGO_MANIFEST_"));
        if ours {
            command.env_remove(name);
        }
    }
    command
}

/// Where `cargo xtask test` installs the tools that a machine lacks.
pub(crate) fn tools() -> PathBuf {
    paths::target().join("tools")
}

fn path_with_tools() -> Option<std::ffi::OsString> {
    let path = std::env::var_os("PATH")?;
    let folders = std::iter::once(tools().join("bin")).chain(std::env::split_paths(&path));
    std::env::join_paths(folders).ok()
}

/// The arguments that compile fault points in, wherever one of these packages has some; of all packages when none is
/// named.
pub(crate) fn with_failpoints(packages: &[&str]) -> Outcome<Vec<String>> {
    let root = paths::root();
    let mut features = Vec::new();
    for entry in std::fs::read_dir(root).during(|| format!("cannot read {}", root.display()))?.flatten() {
        let Ok(text) = std::fs::read_to_string(entry.path().join("Cargo.toml")) else {
            continue;
        };
        let manifest = Manifest::parse(&text, &Vec::new());
        let package = manifest.value("package", "name").unwrap_or_default().trim_matches('"');
        let selected = packages.is_empty() || packages.contains(&package);
        if selected && manifest.value("features", FAILPOINTS).is_some() {
            features.push(format!("{package}/{FAILPOINTS}"));
        }
    }
    features.sort();
    if features.is_empty() { Ok(Vec::new()) } else { Ok(vec!["--features".to_owned(), features.join(",")]) }
}

/// Runs a building cargo command, and gives the path of the ordinary (not test) binary of this name if the command
/// built it.
pub(crate) fn build_and_find(command: &mut Command, binary: &str) -> Outcome<Option<PathBuf>> {
    command.arg("--message-format=json-render-diagnostics");
    println!("$ {}", shell::describe(command));
    let line = shell::describe(command);
    let mut child = command.stdout(Stdio::piped()).spawn().during(|| format!("cannot start `{line}`"))?;
    let stdout = child.stdout.take().ok_or_else(|| Failure::new("cargo has no standard output"))?;
    let binary = binary.to_owned();
    let reader = std::thread::spawn(move || {
        let mut found = None;
        for line in std::io::BufRead::lines(std::io::BufReader::new(stdout)).map_while(Result::ok) {
            found = executable(&line, &binary).or(found);
        }
        found
    });
    let status = shell::wait(&mut child)?;
    let found = reader.join().map_err(|_| Failure::new("reading cargo's messages failed"))?;
    if status.success() { Ok(found) } else { Err(Failure::new(format!("`{line}` ended with {status}"))) }
}

/// The executable that one of cargo's messages announces, if it is the ordinary binary of this name.
fn executable(message: &str, binary: &str) -> Option<PathBuf> {
    // Most messages announce libraries; they are not worth reading.
    if !message.contains("\"executable\":\"") {
        return None;
    }
    let message = Json::parse(message)?;
    let target = message.get("target")?;
    let is_binary = target.get("kind")?.items().first().and_then(Json::text) == Some("bin");
    let is_test = message.get("profile")?.get("test") != Some(&Json::Bool(false));
    if target.get("name")?.text() != Some(binary) || !is_binary || is_test {
        return None;
    }
    message.get("executable")?.text().map(PathBuf::from)
}

/// Builds the ordinary `conman` binary in this profile (`dev` or `release`) and gives its path.
pub(crate) fn build_conman(profile: &str) -> Outcome<PathBuf> {
    let mut command = cargo();
    command.args(["build", "--locked", "--package", CLI, "--bin", "conman", "--profile", profile]);
    build_and_find(&mut command, "conman")?.ok_or_else(|| Failure::new("cargo built no conman binary"))
}

/// Builds the `conman` binary with fault points alone, and keeps it.
pub(crate) fn build_failpoints_binary() -> Outcome<PathBuf> {
    let mut command = cargo();
    command.args(["build", "--locked", "--package", CLI, "--bin", "conman", "--features", FAILPOINTS]);
    let built = build_and_find(&mut command, "conman")?;
    keep_failpoints_binary(&built.ok_or_else(|| Failure::new("cargo built no conman binary"))?)
}

/// Copies the binary with fault points to a place of its own, where no later build replaces it.
pub(crate) fn keep_failpoints_binary(built: &Path) -> Outcome<PathBuf> {
    let folder = paths::target().join("failpoints");
    let kept = folder.join("conman");
    let fresh = folder.join(format!("conman-{}", std::process::id()));
    std::fs::create_dir_all(&folder).during(|| format!("cannot make {}", folder.display()))?;
    std::fs::copy(built, &fresh).during(|| format!("cannot copy {}", built.display()))?;
    // A rename, because a binary that someone runs at this moment cannot be written.
    std::fs::rename(&fresh, &kept).during(|| format!("cannot replace {}", kept.display()))?;
    Ok(kept)
}

#[cfg(test)]
mod tests {
    use super::executable;

    fn message(kind: &str, name: &str, test: bool) -> String {
        format!(
            r#"{{"reason":"compiler-artifact","target":{{"kind":["{kind}"],"name":"{name}"}},
            "profile":{{"test":{test}}},"executable":"/t/{name}"}}"#
        )
    }

    #[test]
    fn only_the_ordinary_binary_is_the_binary() {
        assert_eq!(executable(&message("bin", "conman", false), "conman"), Some("/t/conman".into()));
        assert_eq!(executable(&message("bin", "conman", true), "conman"), None);
        assert_eq!(executable(&message("test", "conman", false), "conman"), None);
        assert_eq!(executable(&message("bin", "other", false), "conman"), None);
        assert_eq!(executable("not json", "conman"), None);
    }
}
