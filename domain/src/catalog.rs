//! The catalog: which parameters an app has, and what their values may be.

use crate::name::ParameterName;
use crate::path::RepoPath;
use crate::value::{ParameterType, Value};
use crate::yaml::{self, Placed};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

/// Values by parameter name.
pub type Values = BTreeMap<ParameterName, Value>;

/// What a parameter steers; decides the boundary at which a worker may take a new value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Category {
    /// A limit that decisions compare with.
    Threshold,
    /// A switch that lets things through or holds them.
    FilterFlag,
    /// A waiting time.
    Cooldown,
    /// A bound on what may be at stake.
    RiskLimit,
}

/// One declared parameter.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Parameter {
    /// Unique in the app.
    pub name: ParameterName,
    /// The type that every value must have.
    #[serde(rename = "type")]
    pub kind: ParameterType,
    /// The only values allowed; needed for an `enum`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub allowed_values: Option<Vec<Value>>,
    /// The least value: a number, or a duration for durations.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min: Option<Value>,
    /// The greatest value: a number, or a duration for durations.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max: Option<Value>,
    /// The value where an environment gives none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default: Option<Value>,
    /// Whether there must be a value, by default or by the environment.
    #[serde(default)]
    pub required: bool,
    /// The heading it stands under.
    #[serde(default)]
    pub group: String,
    /// What it does, for people.
    #[serde(default)]
    pub description: String,
    /// What it steers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub category: Option<Category>,
    /// Whether a running worker may take a new value.
    #[serde(default = "yes")]
    pub hot_reloadable: bool,
    /// Whether changing it needs an approval.
    #[serde(default)]
    pub critical: bool,
    /// Who answers for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    /// Whether it is on its way out.
    #[serde(default)]
    pub deprecated: bool,
    /// Whether runs leave it out of their parameter sets.
    #[serde(default)]
    pub excluded_from_runs: bool,
}

fn yes() -> bool {
    true
}

/// How two sides of a rule compare.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Comparison {
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    Equal,
    NotEqual,
}

/// A coherence rule between two parameters or a parameter and a number, written `low < high` or `age <= 3d`.
#[derive(Debug, Clone, PartialEq)]
pub struct Rule {
    text: String,
    left: ParameterName,
    comparison: Comparison,
    right: Operand,
}

#[derive(Debug, Clone, PartialEq)]
enum Operand {
    Parameter(ParameterName),
    Number(f64),
}

/// Says that a text is not a rule.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "a rule is written `name OP name`, `name OP number` or `name OP duration`, OP one of < <= > >= == !="
)]
pub struct InvalidRule;

impl FromStr for Rule {
    type Err = InvalidRule;

    fn from_str(text: &str) -> Result<Self, InvalidRule> {
        let parts: Vec<&str> = text.split_whitespace().collect();
        let [left, op, right] = parts.as_slice() else {
            return Err(InvalidRule);
        };
        let comparison = match *op {
            "<" => Comparison::Less,
            "<=" => Comparison::LessOrEqual,
            ">" => Comparison::Greater,
            ">=" => Comparison::GreaterOrEqual,
            "==" => Comparison::Equal,
            "!=" => Comparison::NotEqual,
            _ => return Err(InvalidRule),
        };
        let number = right.parse::<f64>().ok().filter(|number| number.is_finite());
        // A duration literal compares in milliseconds, as durations do.
        let number = number.or_else(|| crate::value::duration_millis(right).map(|millis| millis as f64));
        let right = match number {
            Some(number) => Operand::Number(number),
            None => Operand::Parameter(right.parse().map_err(|_| InvalidRule)?),
        };
        Ok(Self { text: parts.join(" "), left: left.parse().map_err(|_| InvalidRule)?, comparison, right })
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// All parameters and rules of an app at one commit.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Catalog {
    /// By name.
    pub parameters: BTreeMap<ParameterName, Parameter>,
    /// In the order of the files.
    pub rules: Vec<Rule>,
}

/// Something wrong in a catalog file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{path}: {message}")]
pub struct CatalogProblem {
    /// The file.
    pub path: RepoPath,
    /// One-based line, where known.
    pub line: Option<u32>,
    /// One-based column in characters, where known.
    pub column: Option<u32>,
    /// What is wrong, and what would be right.
    pub message: String,
}

/// What is wrong with a parameter's declaration, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct DeclarationProblem {
    /// The field that it is about, as catalog files spell it.
    pub field: &'static str,
    /// What is wrong with it.
    pub message: String,
}

/// Something wrong with the value of one parameter.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{name}`: {message}")]
pub struct ValueProblem {
    /// The parameter.
    pub name: ParameterName,
    /// The other parameter, where a rule between two does not hold.
    pub other: Option<ParameterName>,
    /// What is wrong, and what would be right.
    pub message: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CatalogFile {
    #[serde(default)]
    parameters: Vec<Placed<Parameter>>,
    #[serde(default)]
    rules: Vec<Placed<String>>,
}

/// A line and a column, where known.
type At = (Option<u32>, Option<u32>);

impl Catalog {
    /// The folder whose YAML files make the catalog.
    pub const FOLDER: &'static str = "catalog";

    /// True for the files that make the catalog.
    pub fn holds(path: &RepoPath) -> bool {
        path.is_yaml() && path.components().next() == Some(Self::FOLDER) && path.parent().is_some()
    }

    /// Loads the catalog from its files, in the order given; all problems are told at once.
    pub fn parse<'a>(
        files: impl IntoIterator<Item = (&'a RepoPath, &'a [u8])>,
    ) -> Result<Self, Vec<CatalogProblem>> {
        let (mut catalog, mut problems) = (Self::default(), Vec::new());
        let mut rules: Vec<(RepoPath, At, Rule)> = Vec::new();
        for (path, bytes) in files {
            let mut problem = |at: At, message| {
                problems.push(CatalogProblem { path: path.clone(), line: at.0, column: at.1, message });
            };
            let file: CatalogFile = match yaml::from_slice(bytes) {
                Ok(file) => file,
                Err(error) => {
                    problem((error.line, error.column), error.message);
                    continue;
                }
            };
            for placed in file.parameters {
                let (at, parameter) = (placed.at(), placed.into_value());
                for wrong in parameter.problems() {
                    problem(at, format!("parameter `{}`: {wrong}", parameter.name));
                }
                let name = parameter.name.clone();
                if catalog.parameters.insert(name.clone(), parameter).is_some() {
                    problem(at, format!("parameter `{name}` is declared twice"));
                }
            }
            for placed in file.rules {
                let (at, text) = (placed.at(), placed.into_value());
                match text.parse::<Rule>() {
                    Ok(rule) => rules.push((path.clone(), at, rule)),
                    Err(error) => problem(at, format!("rule `{text}`: {error}")),
                }
            }
        }
        for (path, at, rule) in rules {
            for name in rule.names() {
                if !catalog.parameters.contains_key(name) {
                    let message = format!("rule `{rule}` names `{name}`, which is not declared");
                    problems.push(CatalogProblem { path: path.clone(), line: at.0, column: at.1, message });
                }
            }
            catalog.rules.push(rule);
        }
        if problems.is_empty() { Ok(catalog) } else { Err(problems) }
    }

    /// What one file declares by itself: whether its rules name what another file declares is not asked. `None` where
    /// it cannot be read, or declares a parameter twice.
    pub fn of_file(text: &str) -> Option<Self> {
        let file: CatalogFile = yaml::from_slice(text.as_bytes()).ok()?;
        let mut catalog = Self::default();
        for parameter in file.parameters.into_iter().map(Placed::into_value) {
            if catalog.parameters.insert(parameter.name.clone(), parameter).is_some() {
                return None;
            }
        }
        for rule in file.rules {
            catalog.rules.push(rule.into_value().parse().ok()?);
        }
        Some(catalog)
    }

    /// The variables that are values of parameters; the others are plain variables.
    pub fn own_values(&self, variables: &Values) -> Values {
        let of_parameters = |(name, _): &(&ParameterName, &Value)| self.parameters.contains_key(*name);
        variables.iter().filter(of_parameters).map(|(name, value)| (name.clone(), value.clone())).collect()
    }

    /// The value of every parameter: the environment's own, else the default. Parameters with neither are left out.
    ///
    /// All problems are told at once: unknown names, wrong types, bounds, missing values, broken rules.
    pub fn resolve(&self, own: &Values) -> Result<Values, Vec<ValueProblem>> {
        let mut problems = Vec::new();
        let mut problem = |name: &ParameterName, message: String| {
            problems.push(ValueProblem { name: name.clone(), other: None, message })
        };
        for name in own.keys().filter(|name| !self.parameters.contains_key(*name)) {
            problem(name, "the catalog has no such parameter".to_owned());
        }
        let mut resolved = Values::new();
        for (name, parameter) in &self.parameters {
            match own.get(name).or(parameter.default.as_ref()) {
                Some(value) => {
                    if let Err(message) = parameter.check(value) {
                        problem(name, message);
                    }
                    resolved.insert(name.clone(), value.clone());
                }
                None if parameter.required => {
                    problem(name, "a value is required and there is no default".to_owned())
                }
                None => {}
            }
        }
        for rule in &self.rules {
            if rule.holds(self, &resolved) == Some(false) {
                let other = rule.names().nth(1).cloned();
                let message = format!("the rule `{rule}` does not hold");
                problems.push(ValueProblem { name: rule.left.clone(), other, message });
            }
        }
        if problems.is_empty() { Ok(resolved) } else { Err(problems) }
    }
}

impl Rule {
    fn names(&self) -> impl Iterator<Item = &ParameterName> {
        let right = match &self.right {
            Operand::Parameter(name) => Some(name),
            Operand::Number(_) => None,
        };
        [Some(&self.left), right].into_iter().flatten()
    }

    /// Whether the rule holds; `None` while one side has no comparable value.
    fn holds(&self, catalog: &Catalog, values: &Values) -> Option<bool> {
        let magnitude = |name| catalog.parameters.get(name)?.kind.magnitude(values.get(name)?);
        let left = magnitude(&self.left)?;
        let right = match &self.right {
            Operand::Parameter(name) => magnitude(name)?,
            Operand::Number(number) => *number,
        };
        Some(match self.comparison {
            Comparison::Less => left < right,
            Comparison::LessOrEqual => left <= right,
            Comparison::Greater => left > right,
            Comparison::GreaterOrEqual => left >= right,
            Comparison::Equal => left == right,
            Comparison::NotEqual => left != right,
        })
    }
}

impl Parameter {
    /// Says what is wrong with a value, if anything.
    pub fn check(&self, value: &Value) -> Result<(), String> {
        self.kind.check(value)?;
        if let Some(allowed) = &self.allowed_values
            && !allowed.contains(value)
        {
            let list: Vec<String> = allowed.iter().map(crate::value::plain_text).collect();
            return Err(format!("must be one of {}", list.join(", ")));
        }
        if let Some(magnitude) = self.kind.magnitude(value) {
            let bound = |bound: &Option<Value>| {
                bound.as_ref().and_then(|b| Some((self.kind.magnitude(b)?, crate::value::plain_text(b))))
            };
            if let Some((least, text)) = bound(&self.min)
                && magnitude < least
            {
                return Err(format!("must be at least {text}"));
            }
            if let Some((greatest, text)) = bound(&self.max)
                && magnitude > greatest
            {
                return Err(format!("must be at most {text}"));
            }
        }
        Ok(())
    }

    /// What is wrong with the declaration itself.
    pub fn problems(&self) -> Vec<DeclarationProblem> {
        let mut problems = Vec::new();
        let mut problem =
            |field: &'static str, message: String| problems.push(DeclarationProblem { field, message });
        let bounded =
            matches!(self.kind, ParameterType::Int | ParameterType::Number | ParameterType::Duration);
        for (word, bound) in [("min", &self.min), ("max", &self.max)] {
            if let Some(bound) = bound
                && (!bounded || self.kind.magnitude(bound).is_none())
            {
                problem(word, format!("`{word}` does not fit the type {}", self.kind.name()));
            }
        }
        if let (Some(min), Some(max)) = (&self.min, &self.max)
            && self.kind.magnitude(min) > self.kind.magnitude(max)
        {
            problem("min", "`min` is greater than `max`".to_owned());
        }
        match &self.allowed_values {
            None if self.kind == ParameterType::Enum => {
                problem("allowed_values", "an enum needs `allowed_values`".to_owned())
            }
            Some(values) if values.is_empty() => {
                problem("allowed_values", "`allowed_values` is empty".to_owned())
            }
            Some(values) => {
                for value in values {
                    if let Err(message) = self.kind.check(value) {
                        problem("allowed_values", format!("allowed value {value}: {message}"));
                    }
                }
            }
            None => {}
        }
        if let Some(default) = &self.default
            && let Err(message) = self.check(default)
        {
            problem("default", format!("its default is refused: {message}"));
        }
        problems
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn parse(text: &str) -> Result<Catalog, Vec<CatalogProblem>> {
        let path = RepoPath::parse("catalog/a.yml").unwrap();
        Catalog::parse([(&path, text.as_bytes())])
    }

    const GOOD: &str = "parameters:\n  - {name: low, type: number, default: 1, min: 0, max: 10}\n  - {name: high, type: number, default: 2}\n  - {name: mode, type: enum, allowed_values: [a, b], required: true}\n  - {name: wait, type: duration, default: 15m, max: 1h}\nrules: [low < high, wait <= 1h]\n";

    #[test]
    fn resolves_defaults_and_own_values() {
        let catalog = parse(GOOD).unwrap();
        let own = Values::from([("mode".parse().unwrap(), json!("a")), ("low".parse().unwrap(), json!(1.5))]);
        let values = catalog.resolve(&own).unwrap();
        assert_eq!(values.len(), 4);
        assert_eq!(values[&"low".parse::<ParameterName>().unwrap()], json!(1.5));
    }

    #[test]
    fn tells_all_problems_at_once() {
        let catalog = parse(GOOD).unwrap();
        let own = Values::from([
            ("low".parse().unwrap(), json!(7)),
            ("nope".parse().unwrap(), json!(1)),
            ("wait".parse().unwrap(), json!("2h")),
        ]);
        let messages: Vec<String> =
            catalog.resolve(&own).unwrap_err().iter().map(ToString::to_string).collect();
        assert_eq!(
            messages,
            [
                "`nope`: the catalog has no such parameter",
                "`mode`: a value is required and there is no default",
                "`wait`: must be at most 1h",
                "`low`: the rule `low < high` does not hold",
                "`wait`: the rule `wait <= 1h` does not hold",
            ]
        );
    }

    #[test]
    fn bad_declarations_are_refused() {
        for bad in [
            "parameters:\n  - {name: a, type: int, default: x}\n",
            "parameters:\n  - {name: a, type: enum}\n",
            "parameters:\n  - {name: a, type: string, min: 1}\n",
            "parameters:\n  - {name: a, type: int, min: 3, max: 2}\n",
            "parameters:\n  - {name: a, type: int}\n  - {name: a, type: int}\n",
            "parameters:\n  - {name: a, type: int, typo: 1}\n",
            "parameters:\n  - {name: a, type: int}\nrules: [a < b]\n",
            "parameters:\n  - {name: a, type: int}\nrules: [a ~ 3]\n",
            "parameters: [\n",
            "a: 1\na: 2\n",
        ] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }
}
