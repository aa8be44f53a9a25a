//! Paths of files in a repository, and the guard that every entrance passes.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::collections::HashMap;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use unicode_normalization::{UnicodeNormalization, is_nfc};

/// The longest path, in bytes.
pub const MAX_PATH_BYTES: usize = 1024;
/// The longest component, in bytes: what every file system can hold.
pub const MAX_COMPONENT_BYTES: usize = 255;
/// The deepest nesting of folders.
pub const MAX_DEPTH: usize = 32;

/// Names a file in a repository: relative, `/`-separated, safe on every file system.
///
/// Parsing is the only way to make one, and refuses whatever some file system, shell or Git itself could read as
/// something else: `..`, absolute paths, anything that could be `.git` (case, NTFS short names and streams, ignorable
/// code points), Git's own dot files, reserved device names, control and direction characters, names that are not NFC.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RepoPath(Arc<str>);

/// Says which rule a path breaks; the rule's name is stable.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct InvalidPath {
    /// The rule, e.g. `dot_git`.
    pub rule: &'static str,
    /// The reason, in a sentence for the person who typed the path; never echoes the path.
    pub reason: &'static str,
}

const fn refuse(rule: &'static str, reason: &'static str) -> InvalidPath {
    InvalidPath { rule, reason }
}

impl RepoPath {
    /// Parses a path, or says which rule it breaks.
    pub fn parse(text: &str) -> Result<Self, InvalidPath> {
        if text.is_empty() {
            return Err(refuse("empty", "the path is empty"));
        }
        if text.len() > MAX_PATH_BYTES {
            return Err(refuse("too_long", "the path is longer than 1,024 bytes"));
        }
        if text.starts_with('/') {
            return Err(refuse("absolute", "the path is absolute; paths are relative to the repository"));
        }
        if text.split('/').count() > MAX_DEPTH {
            return Err(refuse("too_deep", "the path has more than 32 components"));
        }
        text.split('/').try_for_each(check_component)?;
        Ok(Self(text.into()))
    }

    /// Parses raw bytes, as Git trees hold them.
    pub fn parse_bytes(bytes: &[u8]) -> Result<Self, InvalidPath> {
        let text =
            std::str::from_utf8(bytes).map_err(|_| refuse("not_utf8", "the path is not valid UTF-8"))?;
        Self::parse(text)
    }

    /// The path as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The last component.
    pub fn file_name(&self) -> &str {
        self.0.rsplit('/').next().unwrap_or(&self.0)
    }

    /// The part of the file name behind its last dot, in lower case; empty if there is none.
    pub fn extension(&self) -> String {
        self.file_name().rsplit_once('.').map(|(_, ext)| ext.to_lowercase()).unwrap_or_default()
    }

    /// The components, outermost first.
    pub fn components(&self) -> impl Iterator<Item = &str> {
        self.0.split('/')
    }

    /// The folder that the file lies in; `None` at the top.
    pub fn parent(&self) -> Option<&str> {
        self.0.rsplit_once('/').map(|(parent, _)| parent)
    }

    /// True for the file types that are read as YAML.
    pub fn is_yaml(&self) -> bool {
        matches!(self.extension().as_str(), "yml" | "yaml")
    }

    /// True for JSON.
    pub fn is_json(&self) -> bool {
        self.extension() == "json"
    }
}

/// Checks one component of a path (a name in a tree) on its own.
pub fn check_component(name: &str) -> Result<(), InvalidPath> {
    match name {
        "" => return Err(refuse("empty_component", "the path has an empty component")),
        "." | ".." => return Err(refuse("dot_component", "the path has a component `.` or `..`")),
        _ => {}
    }
    if name.len() > MAX_COMPONENT_BYTES {
        return Err(refuse("component_too_long", "a component of the path is longer than 255 bytes"));
    }
    for c in name.chars() {
        match c {
            '\\' => return Err(refuse("backslash", "the path has a backslash")),
            '\0' => return Err(refuse("nul", "the path has a NUL")),
            ':' | '*' | '?' | '"' | '<' | '>' | '|' => {
                return Err(refuse(
                    "reserved_character",
                    "the path has one of the characters : * ? \" < > |",
                ));
            }
            c if c.is_control() => {
                return Err(refuse("control_character", "the path has a control character"));
            }
            c if is_ignorable(c) => {
                return Err(refuse(
                    "invisible_character",
                    "the path has an invisible or direction character",
                ));
            }
            _ => {}
        }
    }
    if is_encoded(name) {
        return Err(refuse(
            "percent_encoding",
            "the path has an encoded dot, slash, backslash or NUL, such as %2e",
        ));
    }
    if name.starts_with('-') {
        return Err(refuse("leading_dash", "a component of the path starts with a dash"));
    }
    if name.starts_with(' ') || name.ends_with(' ') || name.ends_with('.') {
        return Err(refuse(
            "trailing_dot_or_space",
            "a component of the path starts or ends with a space, or ends with a dot",
        ));
    }
    if !is_nfc(name) {
        return Err(refuse("not_nfc", "the path is not in Unicode normal form C"));
    }
    check_dot_git(name)?;
    check_device_name(name)
}

/// True for names that become others once somebody decodes them, as programs behind URLs do.
fn is_encoded(name: &str) -> bool {
    name.split('%')
        .skip(1)
        .filter_map(|rest| rest.get(..2))
        .any(|code| matches!(code.to_ascii_lowercase().as_str(), "2e" | "2f" | "5c" | "00"))
}

/// Refuses what any file system could take for `.git` or for one of Git's own control files.
fn check_dot_git(name: &str) -> Result<(), InvalidPath> {
    let folded: String = name.nfkc().collect::<String>().to_lowercase();
    let folded = folded.trim_end_matches(['.', ' ']);
    if folded == ".git" || is_short_name(folded, "git", "gi7eba") {
        return Err(refuse("dot_git", "a component of the path could be read as `.git`"));
    }
    const CONTROL: [(&str, &str, &str); 4] = [
        (".gitmodules", "gitmod", "gi7eba"),
        (".gitattributes", "gitatt", "gi7d29"),
        (".lfsconfig", "lfscon", "lf0000"),
        (".mailmap", "mailma", "maba30"),
    ];
    for (full, short, hashed) in CONTROL {
        if folded == full || is_short_name(folded, short, hashed) {
            return Err(refuse("git_control_file", "the path names a file that steers Git itself"));
        }
    }
    Ok(())
}

/// True for an NTFS short name (`GIT~1`, `GI7EBA~2`) of a file whose long name begins with `stem`.
fn is_short_name(folded: &str, stem: &str, hashed: &str) -> bool {
    let Some((head, tail)) = folded.split_once('~') else {
        return false;
    };
    let digits = tail.split('.').next().unwrap_or(tail);
    !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()) && (head == stem || head == hashed)
}

fn check_device_name(name: &str) -> Result<(), InvalidPath> {
    let stem = name.split('.').next().unwrap_or(name).trim_end().to_lowercase();
    let numbered = |prefix: &str| {
        stem.strip_prefix(prefix).is_some_and(|n| {
            matches!(
                n,
                "0" | "1" | "2" | "3" | "4" | "5" | "6" | "7" | "8" | "9" | "\u{b9}" | "\u{b2}" | "\u{b3}"
            )
        })
    };
    if matches!(stem.as_str(), "con" | "prn" | "aux" | "nul" | "conin$" | "conout$")
        || numbered("com")
        || numbered("lpt")
    {
        return Err(refuse("device_name", "a component of the path is a reserved device name"));
    }
    Ok(())
}

/// True for code points that file systems or readers ignore or that change the direction of text.
fn is_ignorable(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}'
        | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}'
        | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}')
}

impl fmt::Display for RepoPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for RepoPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&*self.0, f)
    }
}

impl FromStr for RepoPath {
    type Err = InvalidPath;

    fn from_str(text: &str) -> Result<Self, InvalidPath> {
        Self::parse(text)
    }
}

impl Serialize for RepoPath {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for RepoPath {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::parse(&String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

/// Two paths of one tree that some file system would take for one, or a file where another path needs a folder.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{first}` and `{second}` cannot be in one tree: {}", if *.folder { "one is a file where the other needs a folder" } else { "they differ only in case" })]
pub struct PathClash {
    /// The path that came first in order.
    pub first: RepoPath,
    /// The path that clashes with it.
    pub second: RepoPath,
    /// True if a file and a folder clash, false if the names differ only by case.
    pub folder: bool,
}

/// Finds a pair of paths that cannot live side by side on every file system.
///
/// Linear in the number of components. Folders count too: `A/x` clashes with `a/y`.
pub fn find_clash<'a>(paths: impl IntoIterator<Item = &'a RepoPath>) -> Option<PathClash> {
    // Folded prefix -> (its exact spelling, whether it is a file, a path that has it).
    let mut seen: HashMap<String, (String, bool, &'a RepoPath)> = HashMap::new();
    for path in paths {
        let text = path.as_str();
        let ends = text.match_indices('/').map(|(at, _)| at).chain([text.len()]);
        for end in ends {
            let (prefix, is_file) = (&text[..end], end == text.len());
            let folded = fold(prefix);
            match seen.get(&folded) {
                None => {
                    seen.insert(folded, (prefix.to_owned(), is_file, path));
                }
                Some((_, _, first)) if *first == path => {}
                Some((spelling, was_file, first)) => {
                    if spelling != prefix || *was_file || is_file {
                        let folder = spelling == prefix;
                        return Some(PathClash { first: (*first).clone(), second: path.clone(), folder });
                    }
                }
            }
        }
    }
    None
}

/// The form under which case-insensitive file systems compare names.
pub fn fold(text: &str) -> String {
    text.chars().flat_map(char::to_lowercase).nfc().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(text: &str) -> &'static str {
        RepoPath::parse(text).map_or_else(|e| e.rule, |_| "accepted")
    }

    #[test]
    fn ordinary_paths_pass() {
        for good in [
            "entities/patient.yml",
            "a",
            "README.md",
            "scripts/été.sh",
            "x/y/z.json",
            "git",
            "github/x",
            ".gitignore",
            "gitmodules",
            "console.yml",
            "com.yml",
            "a b/c d.yml",
            "日本/項目.yaml",
            "foo~1",
            "common/aux-data.yml",
            "50%.yml",
            "50%25.yml",
        ] {
            assert_eq!(rule(good), "accepted", "{good}");
        }
    }

    #[test]
    fn hostile_paths_are_refused_by_their_rule() {
        for (bad, expected) in [
            ("", "empty"),
            ("../x", "dot_component"),
            ("a/../b", "dot_component"),
            ("/etc/passwd", "absolute"),
            ("a\\..\\b", "backslash"),
            ("a\0b", "nul"),
            ("a//b", "empty_component"),
            ("a/", "empty_component"),
            (".git/config", "dot_git"),
            (".GIT", "dot_git"),
            ("x/.Git/y", "dot_git"),
            ("git~1", "dot_git"),
            ("GIT~2/x", "dot_git"),
            ("gi7eba~1", "dot_git"),
            (".git.", "trailing_dot_or_space"),
            (".git ", "trailing_dot_or_space"),
            (".git::$INDEX_ALLOCATION", "reserved_character"),
            (".g\u{200c}it", "invisible_character"),
            ("\u{202e}.git", "invisible_character"),
            (".ｇｉｔ", "dot_git"),
            (".gitmodules", "git_control_file"),
            ("x/.GitModules", "git_control_file"),
            ("gitmod~1", "git_control_file"),
            (".gitattributes", "git_control_file"),
            (".lfsconfig", "git_control_file"),
            ("CON", "device_name"),
            ("con.yml", "device_name"),
            ("x/LPT1.txt", "device_name"),
            ("a:b", "reserved_character"),
            ("-rf", "leading_dash"),
            ("x/--upload-pack=x", "leading_dash"),
            ("a\nb", "control_character"),
            ("a\u{1b}[0m", "control_character"),
            ("e\u{301}.yml", "not_nfc"),
            ("a\u{7f}", "control_character"),
            ("%2e%2e%2fx", "percent_encoding"),
            ("a%2Fb", "percent_encoding"),
            ("a%5Cb", "percent_encoding"),
            ("a%00", "percent_encoding"),
        ] {
            assert_eq!(rule(bad), expected, "{bad:?}");
        }
        assert_eq!(rule(&"a".repeat(2000)), "too_long");
        assert_eq!(rule(&"a".repeat(256)), "component_too_long");
        assert_eq!(rule(&["a"; 40].join("/")), "too_deep");
        assert_eq!(RepoPath::parse_bytes(b"a\xff").unwrap_err().rule, "not_utf8");
    }

    #[test]
    fn clashes_are_found() {
        let clash = |paths: &[&str]| {
            let paths: Vec<_> = paths.iter().map(|p| RepoPath::parse(p).unwrap()).collect();
            find_clash(&paths).map(|c| (c.first.to_string(), c.second.to_string(), c.folder))
        };
        assert_eq!(clash(&["a/b", "a/c", "a.yml"]), None);
        assert!(clash(&["A.yaml", "a.yaml"]).is_some_and(|c| !c.2));
        assert!(clash(&["A/x", "a/y"]).is_some_and(|c| !c.2));
        assert!(clash(&["a", "a/b"]).is_some_and(|c| c.2));
        assert!(clash(&["a/b", "a"]).is_some_and(|c| c.2));
    }
}
