//! Parameter sets: everything that decides what a run does, frozen under the hash of what it says.

use crate::catalog::{Catalog, Parameter, Values};
use crate::id::{AppId, EnvironmentId};
use crate::name::{EnvironmentName, ParameterName};
use crate::snapshot::{ContentHash, Provenance};
use crate::value::Value;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// What a run varies: parameters with other values than the environment's, and whatever else the program takes, under
/// names like those of parameters.
pub type Factors = Values;

/// The most factors of a set.
pub const MAX_FACTORS: usize = 200;
/// The most bytes that the factors of a set have as JSON.
pub const MAX_FACTORS_BYTES: usize = 64 * 1024;
/// The longest code version, in characters.
pub const MAX_CODE_VERSION: usize = 200;

/// What an environment ran when a set was frozen.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BaseEnvironment {
    /// The app.
    pub app_id: AppId,
    /// The environment.
    pub environment_id: EnvironmentId,
    /// Its name when the config version became active.
    pub environment: EnvironmentName,
    /// Release, tree, profile revision and config version.
    #[serde(flatten)]
    pub provenance: Provenance,
    /// The catalog's coherence rules.
    pub rules: Vec<String>,
    /// The value of every parameter of the set's catalog.
    pub values: Values,
}

/// Parameters as they were, with everything else that decides what a run does.
///
/// Parameters that the catalog excludes from runs are no part of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ParameterSet {
    /// What the environment ran.
    pub base_environment: BaseEnvironment,
    /// The catalog as it was, by parameter name.
    pub catalog: BTreeMap<ParameterName, Parameter>,
    /// What the run varies.
    pub factors: Factors,
    /// The program's own version, as its makers name it.
    pub code_version: String,
    /// The hash of the catalog and its rules: the same where they are the same, whichever release brought them.
    pub catalog_version: ContentHash,
}

/// Something that keeps a set from being frozen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FreezeProblem {
    /// About a factor.
    Factor {
        /// Its name.
        name: ParameterName,
        /// What is wrong, and what would be right.
        message: String,
    },
    /// About the factors together.
    Factors(String),
    /// About the code version.
    CodeVersion(String),
    /// About a value that the environment has.
    Value {
        /// The parameter.
        name: ParameterName,
        /// What is wrong.
        message: String,
    },
}

/// One thing that is not the same in two sets.
#[derive(Debug, Clone, PartialEq)]
pub struct Differing<T> {
    /// In the one; none where it lacks it.
    pub left: Option<T>,
    /// In the other; none where it lacks it.
    pub right: Option<T>,
}

/// How two sets differ; what is the same in both is left out.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct SetDifference {
    /// The values that a run has, the factors laid over the environment's.
    pub values: BTreeMap<ParameterName, Differing<Value>>,
    /// What varies.
    pub factors: BTreeMap<ParameterName, Differing<Value>>,
    /// How parameters are declared.
    pub catalog: BTreeMap<ParameterName, Differing<Parameter>>,
    /// The catalog's rules: those that one has and the other lacks.
    pub rules: BTreeMap<String, Differing<()>>,
}

/// Names are JSON keys, and numbers may be written in several ways: RFC 8785 says one for each.
fn canonical(value: &impl Serialize) -> Vec<u8> {
    serde_json_canonicalizer::to_vec(value).expect("names, values and numbers are always JSON")
}

/// Whether every reader of the JSON has the same value: numbers beyond 2^53 lose digits in many.
fn is_exact(value: &Value) -> bool {
    match value {
        Value::Number(number) => {
            const MOST: u64 = 1 << 53;
            number.as_u64().is_none_or(|n| n <= MOST)
                && number.as_i64().is_none_or(|n| n.unsigned_abs() <= MOST)
        }
        Value::Array(items) => items.iter().all(is_exact),
        Value::Object(fields) => fields.values().all(is_exact),
        Value::Null | Value::Bool(_) | Value::String(_) => true,
    }
}

const NOT_EXACT: &str = "a whole number beyond 2^53 loses digits on the way; write it as text";

impl ParameterSet {
    /// Freezes what an environment runs, or says everything that is in the way.
    ///
    /// A factor that names a parameter is a value of it, and the catalog's bounds and rules hold for what results.
    pub fn freeze(
        base: BaseEnvironment,
        catalog: &Catalog,
        factors: Factors,
        code_version: String,
    ) -> Result<Self, Vec<FreezeProblem>> {
        let mut problems = Vec::new();
        check_code_version(&code_version, &mut problems);
        check_factors(&factors, catalog, &mut problems);
        let inexact = base.values.iter().filter(|(_, value)| !is_exact(value)).map(|(name, _)| name);
        problems.extend(
            inexact.map(|name| FreezeProblem::Value { name: name.clone(), message: NOT_EXACT.to_owned() }),
        );
        let with_factors = laid_over(&base.values, &factors);
        if let (true, Err(refused)) = (problems.is_empty(), catalog.resolve(&with_factors)) {
            problems.extend(refused.into_iter().map(|problem| {
                let named = [Some(&problem.name), problem.other.as_ref()];
                let varied = named.into_iter().flatten().find(|name| factors.contains_key(*name)).cloned();
                match varied {
                    Some(name) => FreezeProblem::Factor { name, message: problem.message },
                    None => FreezeProblem::Value { name: problem.name, message: problem.message },
                }
            }));
        }
        if !problems.is_empty() {
            return Err(problems);
        }
        let rules: Vec<String> = catalog.rules.iter().map(ToString::to_string).collect();
        let catalog_version = ContentHash::of(&canonical(&(&catalog.parameters, &rules)));
        let pinned = |name: &ParameterName| {
            catalog.parameters.get(name).is_some_and(|parameter| !parameter.excluded_from_runs)
        };
        let mut base_environment = BaseEnvironment { rules, ..base };
        base_environment.values.retain(|name, _| pinned(name));
        let catalog = catalog.parameters.iter().filter(|(name, _)| pinned(name));
        Ok(Self {
            base_environment,
            catalog: catalog.map(|(name, parameter)| (name.clone(), parameter.clone())).collect(),
            factors,
            code_version,
            catalog_version,
        })
    }

    /// SHA-256 over the canonical JSON (RFC 8785) of the whole set.
    pub fn hash(&self) -> ContentHash {
        ContentHash::of(&canonical(self))
    }

    /// The values that a run has: the environment's, with the factors that name parameters laid over them.
    pub fn values(&self) -> Values {
        laid_over(&self.base_environment.values, &self.factors)
    }

    /// How two sets differ.
    pub fn compare(&self, other: &Self) -> SetDifference {
        let rules = |set: &Self| -> BTreeMap<String, ()> {
            set.base_environment.rules.iter().map(|rule| (rule.clone(), ())).collect()
        };
        SetDifference {
            values: differing(&self.values(), &other.values()),
            factors: differing(&self.factors, &other.factors),
            catalog: differing(&self.catalog, &other.catalog),
            rules: differing(&rules(self), &rules(other)),
        }
    }
}

fn laid_over(values: &Values, factors: &Factors) -> Values {
    let mut values = values.clone();
    for (name, value) in factors {
        if let Some(present) = values.get_mut(name) {
            *present = value.clone();
        }
    }
    values
}

fn differing<K: Ord + Clone, V: PartialEq + Clone>(
    left: &BTreeMap<K, V>,
    right: &BTreeMap<K, V>,
) -> BTreeMap<K, Differing<V>> {
    let names: BTreeSet<&K> = left.keys().chain(right.keys()).collect();
    let pairs = names.into_iter().map(|name| (name, left.get(name), right.get(name)));
    pairs
        .filter(|(_, left, right)| left != right)
        .map(|(name, left, right)| (name.clone(), Differing { left: left.cloned(), right: right.cloned() }))
        .collect()
}

fn check_code_version(code_version: &str, problems: &mut Vec<FreezeProblem>) {
    let length = code_version.chars().count();
    if code_version.trim().is_empty()
        || length > MAX_CODE_VERSION
        || code_version.chars().any(char::is_control)
    {
        let message = format!(
            "the program's own version, e.g. a commit or a tag, in 1 to {MAX_CODE_VERSION} printable characters"
        );
        problems.push(FreezeProblem::CodeVersion(message));
    }
}

fn check_factors(factors: &Factors, catalog: &Catalog, problems: &mut Vec<FreezeProblem>) {
    if factors.len() > MAX_FACTORS {
        problems.push(FreezeProblem::Factors(format!("at most {MAX_FACTORS} factors")));
        return;
    }
    if canonical(factors).len() > MAX_FACTORS_BYTES {
        problems.push(FreezeProblem::Factors(format!("at most {MAX_FACTORS_BYTES} bytes of JSON")));
        return;
    }
    for (name, value) in factors {
        let declared = catalog.parameters.get(name);
        let message = if !is_exact(value) {
            NOT_EXACT.to_owned()
        } else if declared.is_some_and(|parameter| parameter.excluded_from_runs) {
            "the catalog excludes this parameter from runs".to_owned()
        } else {
            match declared.map(|parameter| parameter.check(value)) {
                Some(Err(message)) => message,
                Some(Ok(())) | None => continue,
            }
        };
        problems.push(FreezeProblem::Factor { name: name.clone(), message });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::name::ReleaseTag;
    use crate::path::RepoPath;
    use crate::snapshot::ConfigVersion;
    use serde_json::json;
    use uuid::Uuid;

    fn catalog() -> Catalog {
        let text = "parameters:\n  - {name: low, type: number, default: 1}\n  - {name: high, type: number, default: 2, max: 10}\n  - {name: label, type: string, default: a, excluded_from_runs: true}\nrules: [low < high]\n";
        let path = RepoPath::parse("catalog/a.yml").unwrap();
        Catalog::parse([(&path, text.as_bytes())]).unwrap()
    }

    fn base(values: Value) -> BaseEnvironment {
        BaseEnvironment {
            app_id: AppId::new(Uuid::from_u128(1)),
            environment_id: EnvironmentId::new(Uuid::from_u128(2)),
            environment: "dev".parse().unwrap(),
            provenance: Provenance {
                release_tag: ReleaseTag::parse("r2026.11.26.1").unwrap(),
                release_commit: "1".repeat(40).parse().unwrap(),
                tree_id: "2".repeat(40).parse().unwrap(),
                profile_revision: 1,
                config_version: ConfigVersion(3),
            },
            rules: Vec::new(),
            values: serde_json::from_value(values).unwrap(),
        }
    }

    fn freeze(values: Value, factors: Value) -> Result<ParameterSet, Vec<FreezeProblem>> {
        let factors = serde_json::from_value(factors).unwrap();
        ParameterSet::freeze(base(values), &catalog(), factors, "v1".to_owned())
    }

    #[test]
    fn the_same_content_has_the_same_hash_however_it_is_written() {
        let values = json!({"low": 1, "high": 2, "label": "a"});
        let one = freeze(values.clone(), json!({"seed": 7.0, "high": 3})).unwrap();
        let two = freeze(json!({"high": 2.0, "label": "another", "low": 1}), json!({"high": 3, "seed": 7}));
        assert_eq!(one.hash(), two.unwrap().hash(), "labels are excluded, and 7.0 is 7");
        let three = freeze(values.clone(), json!({"seed": 8, "high": 3})).unwrap();
        assert_ne!(one.hash(), three.hash());
        let mut other_code = one.clone();
        other_code.code_version = "v2".to_owned();
        assert_ne!(one.hash(), other_code.hash());
        // A hash that others compute: sha256 of the RFC 8785 text.
        let text = serde_json_canonicalizer::to_string(&one).unwrap();
        assert!(text.starts_with(r#"{"base_environment":{"app_id":"0000"#), "{text}");
        assert_eq!(one.hash(), ContentHash::of(text.as_bytes()));
    }

    #[test]
    fn a_set_survives_being_written_and_read() {
        let set =
            freeze(json!({"low": 1.25, "high": 2}), json!({"note": "\u{10FFFF}é", "n": 1e300})).unwrap();
        let read: ParameterSet = serde_json::from_str(&serde_json::to_string(&set).unwrap()).unwrap();
        assert_eq!((&read, read.hash()), (&set, set.hash()));
    }

    #[test]
    fn factors_obey_the_catalog() {
        let values = json!({"low": 1, "high": 2, "label": "a"});
        let refused = |factors: Value| -> Vec<String> {
            let problems = freeze(values.clone(), factors).unwrap_err();
            problems
                .into_iter()
                .map(|problem| match problem {
                    FreezeProblem::Factor { name, message } => format!("{name}: {message}"),
                    other => format!("{other:?}"),
                })
                .collect()
        };
        assert_eq!(refused(json!({"high": 11})), ["high: must be at most 10"]);
        assert_eq!(refused(json!({"label": "b"})), ["label: the catalog excludes this parameter from runs"]);
        assert_eq!(refused(json!({"high": 0.5})), ["high: the rule `low < high` does not hold"]);
        assert_eq!(refused(json!({"seed": 9_007_199_254_740_993_i64})), [format!("seed: {NOT_EXACT}")]);
        assert!(freeze(values, json!({"anything": {"of": ["its", "own"]}})).is_ok());
    }

    #[test]
    fn two_sets_are_compared_by_what_a_run_would_have() {
        let one = freeze(json!({"low": 1, "high": 2}), json!({"high": 3})).unwrap();
        let two = freeze(json!({"low": 1, "high": 3}), json!({"seed": 1})).unwrap();
        let difference = one.compare(&two);
        assert!(difference.values.is_empty(), "both runs have high: 3");
        let names: Vec<_> = difference.factors.keys().map(ParameterName::as_str).collect();
        assert_eq!(names, ["high", "seed"]);
        assert_eq!(one.compare(&one), SetDifference::default());
    }
}
