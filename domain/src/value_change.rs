//! Changing values of an environment's parameters: what a change makes of them, and whether it may be made.

use crate::catalog::{Catalog, ValueProblem, Values};
use crate::name::ParameterName;
use crate::snapshot::SnapshotParameter;
use crate::value::Value;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What becomes of an environment's own value of a parameter.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ValueChange {
    /// It becomes this.
    Set(Value),
    /// The environment has none any more, and the catalog's default counts.
    Delete,
}

/// Changes by parameter name.
pub type ValueChanges = BTreeMap<ParameterName, ValueChange>;

/// What a change makes of an environment.
#[derive(Debug, Clone, PartialEq)]
pub struct ChangedValues {
    /// All variables of the profile then.
    pub variables: Values,
    /// Every parameter with its resolved value then.
    pub parameters: BTreeMap<ParameterName, SnapshotParameter>,
    /// The environment's own values of what really changes, before; none where there was none.
    pub before: BTreeMap<ParameterName, Option<Value>>,
    /// The same, after.
    pub after: BTreeMap<ParameterName, Option<Value>>,
}

impl ChangedValues {
    /// Applies changes to a profile's variables, under the rules of a catalog; all problems are told at once.
    pub fn of(
        catalog: &Catalog,
        variables: &Values,
        changes: &ValueChanges,
    ) -> Result<Self, Vec<ValueProblem>> {
        let mut changed = Self {
            variables: variables.clone(),
            parameters: BTreeMap::new(),
            before: BTreeMap::new(),
            after: BTreeMap::new(),
        };
        let mut problems = Vec::new();
        for (name, change) in changes {
            let problem =
                |message: &str| ValueProblem { name: name.clone(), other: None, message: message.to_owned() };
            if !catalog.parameters.contains_key(name) {
                problems.push(problem("the catalog has no such parameter"));
                continue;
            }
            let value = match change {
                ValueChange::Set(value) => Some(value.clone()),
                ValueChange::Delete => None,
            };
            if let Some(reason) = value.as_ref().and_then(unkept) {
                problems.push(problem(reason));
                continue;
            }
            let before = changed.variables.get(name).cloned();
            match &value {
                Some(value) => changed.variables.insert(name.clone(), value.clone()),
                None => changed.variables.remove(name),
            };
            if before != value {
                changed.before.insert(name.clone(), before);
                changed.after.insert(name.clone(), value);
            }
        }
        match snapshot_parameters(catalog, &changed.variables) {
            Ok(parameters) => changed.parameters = parameters,
            Err(found) => problems.extend(found),
        }
        if problems.is_empty() { Ok(changed) } else { Err(problems) }
    }

    /// True if the environment is as it was.
    pub fn is_empty(&self) -> bool {
        self.after.is_empty()
    }
}

/// Those of the changed parameters whose change needs an approval.
pub fn critical(catalog: &Catalog, variables: &Values, changes: &ValueChanges) -> Vec<ParameterName> {
    let is_critical = |name: &ParameterName| catalog.parameters.get(name).is_some_and(|p| p.critical);
    let differs = |name: &ParameterName, change: &ValueChange| match change {
        ValueChange::Set(value) => variables.get(name) != Some(value),
        ValueChange::Delete => variables.contains_key(name),
    };
    let critical = changes.iter().filter(|(name, change)| is_critical(name) && differs(name, change));
    critical.map(|(name, _)| name.clone()).collect()
}

/// Every parameter of a catalog as a snapshot holds it, with the values that a profile's variables give.
pub fn snapshot_parameters(
    catalog: &Catalog,
    variables: &Values,
) -> Result<BTreeMap<ParameterName, SnapshotParameter>, Vec<ValueProblem>> {
    let values = catalog.resolve(&catalog.own_values(variables))?;
    let declared = values.into_iter().filter_map(|(name, value)| {
        let declared = catalog.parameters.get(&name)?;
        let (kind, category, hot_reloadable) = (declared.kind, declared.category, declared.hot_reloadable);
        Some((name, SnapshotParameter { value, kind, category, hot_reloadable }))
    });
    Ok(declared.collect())
}

/// Why a value would not come back exactly as it is, if it would not.
pub fn unkept(value: &Value) -> Option<&'static str> {
    match value {
        Value::Number(number) if number.is_u64() && !number.is_i64() => {
            Some("a whole number is at most 2^63 - 1; write it as text")
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => None,
        Value::Array(items) => items.iter().find_map(unkept),
        Value::Object(fields) if fields.keys().any(|key| key.contains('\0')) => Some("a key holds NUL"),
        Value::Object(fields) => fields.values().find_map(unkept),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::path::RepoPath;
    use serde_json::json;

    fn catalog() -> Catalog {
        let path = RepoPath::parse("catalog/a.yml").unwrap();
        let text = b"parameters:\n  - {name: low, type: int, default: 1, min: 0}\n  - {name: high, type: int, default: 5, critical: true}\n  - {name: mode, type: enum, allowed_values: [a, b], required: true}\n  - {name: note, type: json}\nrules: [low < high]\n";
        Catalog::parse([(&path, text.as_slice())]).unwrap()
    }

    fn name(text: &str) -> ParameterName {
        text.parse().unwrap()
    }

    fn set(changes: &[(&str, Value)]) -> ValueChanges {
        changes.iter().map(|(name, value)| (name.parse().unwrap(), ValueChange::Set(value.clone()))).collect()
    }

    fn variables() -> Values {
        [("mode".parse().unwrap(), json!("a")), ("PLAIN".parse().unwrap(), json!("x"))].into()
    }

    fn problems(changes: &ValueChanges) -> Vec<String> {
        let problems = ChangedValues::of(&catalog(), &variables(), changes).unwrap_err();
        problems.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_change_says_what_it_makes() {
        let changes = set(&[("low", json!(2)), ("mode", json!("a")), ("note", json!(null))]);
        let changed = ChangedValues::of(&catalog(), &variables(), &changes).unwrap();
        let names: Vec<&str> = changed.after.keys().map(ParameterName::as_str).collect();
        assert_eq!(names, ["low", "note"], "what stays is no change");
        assert_eq!(changed.before[&name("low")], None);
        assert_eq!(changed.variables.len(), 4, "plain variables stay");
        let values: Vec<(&str, &Value)> =
            changed.parameters.iter().map(|(name, p)| (name.as_str(), &p.value)).collect();
        assert_eq!(
            values,
            [("high", &json!(5)), ("low", &json!(2)), ("mode", &json!("a")), ("note", &json!(null))]
        );
        let deleted = [("low".parse().unwrap(), ValueChange::Delete)].into();
        let back = ChangedValues::of(&catalog(), &changed.variables, &deleted).unwrap();
        assert_eq!(back.parameters[&name("low")].value, json!(1));
        assert!(ChangedValues::of(&catalog(), &variables(), &deleted).unwrap().is_empty());
    }

    #[test]
    fn all_that_is_wrong_is_told_at_once() {
        let wrong = set(&[
            ("low", json!(-1)),
            ("mode", json!("c")),
            ("nothing", json!(1)),
            ("note", json!(u64::MAX)),
        ]);
        let told = problems(&wrong);
        assert_eq!(told.len(), 4, "{told:?}");
        let broken = ChangedValues::of(&catalog(), &variables(), &set(&[("low", json!(9))])).unwrap_err();
        let names: Vec<_> =
            broken.iter().map(|p| (p.name.as_str(), p.other.as_ref().map(ParameterName::as_str))).collect();
        assert_eq!(names, [("low", Some("high"))]);
        assert_eq!(
            problems(&[("mode".parse().unwrap(), ValueChange::Delete)].into()).len(),
            1,
            "it is required"
        );
    }

    #[test]
    fn what_is_critical_is_named_only_where_it_changes() {
        let names = |changes: &ValueChanges| critical(&catalog(), &variables(), changes).len();
        assert_eq!(names(&set(&[("high", json!(6)), ("low", json!(2))])), 1);
        assert_eq!(names(&set(&[("high", json!(5))])), 1, "an own value outlives another default");
        assert_eq!(names(&[("high".parse().unwrap(), ValueChange::Delete)].into()), 0, "there is none");
        assert_eq!(names(&set(&[("low", json!(2))])), 0);
    }
}
