//! Who set a key.

use super::walk::find;
use crate::document::Document;
use crate::{Format, KeyPath};

/// For each path, the place of the last version whose value there is another than that of the version before it; `None`
/// where no version changed it. A version that cannot be read, or is not there, holds nothing.
pub fn last_changes(format: Format, versions: &[Option<Vec<u8>>], paths: &[KeyPath]) -> Vec<Option<usize>> {
    let mut last = vec![None; paths.len()];
    let mut before: Vec<Option<Vec<u64>>> = Vec::new();
    for (place, version) in versions.iter().enumerate() {
        let document = version.as_ref().and_then(|bytes| Document::read(format, bytes).ok());
        let held = |path: &KeyPath| {
            let document = document.as_ref()?;
            if path.is_root() {
                // The file as a whole, of however many documents it is.
                let roots: Vec<u64> = document.roots().iter().map(|root| document.hash(*root)).collect();
                return Some(roots);
            }
            find(document, path).map(|node| vec![document.hash(node)])
        };
        let now: Vec<Option<Vec<u64>>> = paths.iter().map(held).collect();
        for ((last, before), now) in last.iter_mut().zip(&before).zip(&now) {
            if before != now {
                *last = Some(place);
            }
        }
        before = now;
    }
    last
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Step;

    #[test]
    fn the_last_version_that_set_a_key_is_found() {
        let versions = [
            Some("a: 1\nf:\n  - name: x\n    v: 1\n"),
            Some("a: 2\nf:\n  - name: x\n    v: 1\n"),
            Some("f:\n  - name: y\n  - name: x\n    v: 1\na: 2 # moved\n"),
            Some("a: [\n"),
            None,
        ];
        let versions: Vec<_> = versions.map(|text| text.map(|text| text.as_bytes().to_vec())).into();
        let item = |name: &str| -> KeyPath {
            let item = Step::Item { key: "name".to_owned(), value: name.to_owned() };
            [Step::Key("f".to_owned()), item].into_iter().collect()
        };
        let a = KeyPath::root().with(Step::Key("a".to_owned()));
        let paths = [a.clone(), item("x"), item("y"), item("z")];
        assert_eq!(last_changes(Format::Yaml, &versions[..3], &paths), [Some(1), None, Some(2), None]);
        // What cannot be read holds nothing.
        assert_eq!(last_changes(Format::Yaml, &versions, &[a]), [Some(3)]);
        assert_eq!(last_changes(Format::Yaml, &versions[..3], &[KeyPath::root()]), [Some(2)]);
        let in_list = item("x").with(Step::Index(7)).with(Step::Key("v".to_owned()));
        assert_eq!(last_changes(Format::Yaml, &versions[..3], &[in_list]), [None]);
    }
}
