//! Paths have one spelling.

/// False for paths that a proxy in front could read differently from this server: empty, dotted or parametrised
/// segments, and encoded separators.
pub(super) fn is_plain(path: &str) -> bool {
    // Nearly all paths have no letter in them that another spelling needs.
    if !path.contains(['%', ';', '\\', '.']) {
        return !path.contains("//");
    }
    let lower = path.to_ascii_lowercase();
    let odd = ["//", ";", "\\", "%2f", "%5c", "%00", "%3b", "%25", "%0d", "%0a"];
    !odd.iter().any(|text| lower.contains(text))
        && !lower.split('/').any(|part| matches!(part.replace("%2e", ".").as_str(), "." | ".."))
}

#[cfg(test)]
mod tests {
    use super::is_plain;

    #[test]
    fn odd_spellings_are_seen() {
        for path in ["/", "/api/me", "/api/docs/", "/git/lab.git/info/refs", "/api/apps/a%20b"] {
            assert!(is_plain(path), "{path}");
        }
        for path in [
            "//api/me",
            "/api//me",
            "/api/me;x=1",
            "/api%2Fme",
            "/api/%2e%2E/x",
            "/api/../me",
            "/a\\b",
            "/a%5Cb",
        ] {
            assert!(!is_plain(path), "{path}");
        }
    }
}
