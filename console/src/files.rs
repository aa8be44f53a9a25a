//! Files by their path, with their media types.

use std::borrow::Cow;

/// What the index page carries where the nonce of an answer belongs.
pub const NONCE_PLACE: &str = "__CSP_NONCE__";

/// One file of the console.
#[derive(Debug, Clone)]
pub struct Asset {
    /// Its bytes, compressed or not.
    pub bytes: Cow<'static, [u8]>,
    /// Its media type.
    pub media_type: &'static str,
    /// True where the bytes are compressed by Brotli.
    pub brotli: bool,
    /// True where its name changes with its content.
    pub immutable: bool,
}

/// Gives the index page, with [`NONCE_PLACE`] in it; `None` in a build without the console.
pub fn index() -> Option<String> {
    let bytes = source::read("index.html")?;
    String::from_utf8(bytes.into_owned()).ok()
}

/// Gives the file at a path below the root, without the leading slash; compressed where the client takes that.
///
/// The index page is none of them: it is made anew for each answer.
pub fn asset(path: &str, takes_brotli: bool) -> Option<Asset> {
    let media_type = media_type(path)?;
    let immutable = path.starts_with("assets/");
    let compressed = if takes_brotli { source::read(&format!("{path}.br")) } else { None };
    let brotli = compressed.is_some();
    let bytes = compressed.or_else(|| source::read(path))?;
    Some(Asset { bytes, media_type, brotli, immutable })
}

/// The media type of what the console is made of; nothing else is served.
fn media_type(path: &str) -> Option<&'static str> {
    let (_, extension) = path.rsplit_once('.')?;
    match extension {
        "js" => Some("text/javascript; charset=utf-8"),
        "css" => Some("text/css; charset=utf-8"),
        "svg" => Some("image/svg+xml"),
        "png" => Some("image/png"),
        "woff2" => Some("font/woff2"),
        "txt" => Some("text/plain; charset=utf-8"),
        _ => None,
    }
}

#[cfg(not(debug_assertions))]
mod source {
    use std::borrow::Cow;

    #[derive(rust_embed::RustEmbed)]
    #[folder = "../web-ui/dist"]
    #[allow_missing = true]
    struct Dist;

    pub(super) fn read(path: &str) -> Option<Cow<'static, [u8]>> {
        Dist::get(path).map(|file| file.data)
    }
}

#[cfg(debug_assertions)]
mod source {
    use std::borrow::Cow;
    use std::path::{Component, Path};

    /// Reads from the disk, so that a console built anew needs no new server.
    pub(super) fn read(path: &str) -> Option<Cow<'static, [u8]>> {
        let path = Path::new(path);
        let plain = path.components().all(|part| matches!(part, Component::Normal(_)));
        if !plain {
            return None;
        }
        let dist = Path::new(env!("CARGO_MANIFEST_DIR")).join("../web-ui/dist");
        std::fs::read(dist.join(path)).ok().map(Cow::Owned)
    }
}

#[cfg(test)]
mod tests {
    use super::{asset, media_type};

    #[test]
    fn nothing_outside_the_console_is_a_file_of_it() {
        for path in ["../package.json", "/etc/passwd", "assets/../../package.json", "", ".", "index.html"] {
            assert!(asset(path, false).is_none(), "{path}");
        }
    }

    #[test]
    fn files_have_the_types_that_browsers_ask_for() {
        assert_eq!(media_type("assets/index-a.js"), Some("text/javascript; charset=utf-8"));
        assert_eq!(media_type("favicon.svg"), Some("image/svg+xml"));
        assert_eq!(media_type("index.html"), None);
        assert_eq!(media_type("assets"), None);
    }
}
