//! Where something stands within a file.

use std::fmt;

/// One step down.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Step {
    /// Into one document of several, by what it is called.
    Document(String),
    /// Into a mapping, by key.
    Key(String),
    /// Into a sequence, to the item whose `key` has this `value`.
    Item {
        /// The key that tells the items apart.
        key: String,
        /// Its value.
        value: String,
    },
    /// Into a sequence, by place, from 0.
    Index(usize),
}

/// The way from a file's root to a node, such as `spec.containers[name=web].image`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct KeyPath(Vec<Step>);

impl KeyPath {
    /// The file's root.
    pub fn root() -> Self {
        Self::default()
    }

    /// True for the root.
    pub fn is_root(&self) -> bool {
        self.0.is_empty()
    }

    /// The steps from the root.
    pub fn steps(&self) -> &[Step] {
        &self.0
    }

    /// Goes one step down; names of more than 200 characters are cut off, as many paths may lead through one.
    pub fn push(&mut self, step: Step) {
        self.0.push(match step {
            Step::Document(name) => Step::Document(shortened(name)),
            Step::Key(key) => Step::Key(shortened(key)),
            Step::Item { key, value } => Step::Item { key: shortened(key), value: shortened(value) },
            Step::Index(index) => Step::Index(index),
        });
    }

    /// Goes down to a key.
    pub fn push_key(&mut self, key: &str) {
        self.push(Step::Key(key.to_owned()));
    }

    /// Goes down to an item by its place.
    pub fn push_index(&mut self, index: usize) {
        self.push(Step::Index(index));
    }

    /// Goes one step up.
    pub fn pop(&mut self) {
        self.0.pop();
    }

    /// This path and one step more.
    #[must_use]
    pub fn with(&self, step: Step) -> Self {
        let mut path = self.clone();
        path.push(step);
        path
    }
}

impl FromIterator<Step> for KeyPath {
    fn from_iter<T: IntoIterator<Item = Step>>(steps: T) -> Self {
        let mut path = Self::root();
        steps.into_iter().for_each(|step| path.push(step));
        path
    }
}

impl fmt::Display for KeyPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, step) in self.0.iter().enumerate() {
            match step {
                // What is said of the whole document needs no colon.
                Step::Document(name) if at + 1 == self.0.len() => f.write_str(name)?,
                Step::Document(name) => write!(f, "{name}:")?,
                Step::Key(key) => {
                    if at > 0 && !matches!(self.0[at - 1], Step::Document(_)) {
                        f.write_str(".")?;
                    }
                    f.write_str(&quoted(key))?;
                }
                Step::Item { key, value } => write!(f, "[{}={}]", quoted(key), quoted_value(value))?,
                Step::Index(index) => write!(f, "[{index}]")?,
            }
        }
        Ok(())
    }
}

fn shortened(mut name: String) -> String {
    if let Some((end, _)) = name.char_indices().nth(200) {
        name.truncate(end);
        name.push('…');
    }
    name
}

/// A key as it is written in a path: in quotes where it could be taken for something else.
fn quoted(key: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '/' | '$' | '@' | '<' | '…');
    if !key.is_empty() && key.chars().all(plain) { key.to_owned() } else { in_quotes(key) }
}

fn quoted_value(value: &str) -> String {
    let plain = |c: char| !c.is_control() && !matches!(c, ']' | '[' | '"' | '=');
    if !value.is_empty() && value.chars().all(plain) { value.to_owned() } else { in_quotes(value) }
}

fn in_quotes(text: &str) -> String {
    serde_json::to_string(text).unwrap_or_else(|_| format!("{text:?}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_read_well() {
        let path: KeyPath = [
            Step::Document("Deployment/web".to_owned()),
            Step::Key("spec".to_owned()),
            Step::Key("containers".to_owned()),
            Step::Item { key: "name".to_owned(), value: "web".to_owned() },
            Step::Key("app.properties".to_owned()),
            Step::Index(2),
        ]
        .into_iter()
        .collect();
        assert_eq!(path.to_string(), "Deployment/web:spec.containers[name=web].\"app.properties\"[2]");
    }
}
