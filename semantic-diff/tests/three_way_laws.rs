//! Laws of the three-way comparison, against one that is written as simply as can be.

use proptest::prelude::*;
use semantic_diff::Format;
use semantic_diff::three_way::{Clash, ThreeWay, Versions, compare, judge};
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;

/// A mapping of scalars, mappings, and lists whose items have names.
fn document() -> impl Strategy<Value = Value> {
    let scalar = prop_oneof![
        (0..3_u8).prop_map(Value::from),
        "[x-y]".prop_map(Value::from),
        Just(Value::Null),
        Just(Value::Bool(true))
    ];
    let leaves = prop::collection::btree_map("[a-c]", scalar, 0..3);
    let leaves = leaves.prop_map(|map| Value::Object(map.into_iter().collect()));
    let named =
        prop::collection::btree_map("[p-r]", leaves.clone(), 0..4).prop_perturb(|items, mut random| {
            let mut items: Vec<Value> = items
                .into_iter()
                .map(|(name, mut item)| {
                    item["name"] = Value::from(name);
                    item
                })
                .collect();
            if items.len() > 1 && random.random_bool(0.3) {
                items.swap(0, 1);
            }
            Value::Array(items)
        });
    let value = prop_oneof![3 => leaves, 2 => named, 1 => (0..3_u8).prop_map(Value::from)];
    prop::collection::btree_map("[d-g]", value, 0..4).prop_map(|map| Value::Object(map.into_iter().collect()))
}

/// Three documents of which the second and third are the first with some keys taken from others.
fn versions() -> impl Strategy<Value = [Value; 3]> {
    let mixed = |from: Value, other: Value, which: u32| mix(&from, &other, &mut { which });
    (document(), document(), document(), any::<u32>(), any::<u32>()).prop_map(
        move |(base, one, two, first, second)| {
            [base.clone(), mixed(base.clone(), one, first), mixed(base, two, second)]
        },
    )
}

/// Takes a key of the other, keeps it or goes into it, by two bits of a number for each.
fn mix(from: &Value, other: &Value, bits: &mut u32) -> Value {
    let (Value::Object(old), Value::Object(new)) = (from, other) else { return other.clone() };
    let mut mixed = Map::new();
    for key in old.keys().chain(new.keys()).collect::<BTreeSet<_>>() {
        *bits = bits.rotate_right(2);
        let chosen = match (*bits % 4, old.get(key), new.get(key)) {
            (0, _, there) => there.cloned(),
            (1, Some(here), Some(there)) => Some(mix(here, there, bits)),
            (_, here, _) => here.cloned(),
        };
        if let Some(value) = chosen {
            mixed.insert(key.clone(), value);
        }
    }
    Value::Object(mixed)
}

type Three<'v> = [Option<&'v Value>; 3];

/// The simplest comparison: the paths in conflict, and the merged value where there is none.
fn naive(path: &str, [base, ours, theirs]: Three<'_>, conflicts: &mut BTreeSet<String>) -> Option<Value> {
    if ours == theirs {
        return ours.cloned();
    }
    if let (Some(Value::Object(b)), Some(Value::Object(o)), Some(Value::Object(t))) = (base, ours, theirs) {
        let mut merged = Map::new();
        for key in b.keys().chain(o.keys()).chain(t.keys()).collect::<BTreeSet<_>>() {
            let below = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
            if let Some(value) = naive(&below, [b.get(key), o.get(key), t.get(key)], conflicts) {
                merged.insert(key.clone(), value);
            }
        }
        return Some(Value::Object(merged));
    }
    if let (Some(Value::Array(b)), Some(Value::Array(o)), Some(Value::Array(t))) = (base, ours, theirs) {
        let mut names: Vec<&Value> = Vec::new();
        for item in b.iter().chain(o).chain(t) {
            if !names.contains(&&item["name"]) {
                names.push(&item["name"]);
            }
        }
        let find = |list: &'_ [Value], name: &Value| list.iter().position(|item| item["name"] == *name);
        let common: Vec<&&Value> =
            names.iter().filter(|name| [b, o, t].iter().all(|list| find(list, name).is_some())).collect();
        let order = |list: &[Value]| {
            let mut common = common.clone();
            common.sort_by_key(|name| find(list, name));
            common
        };
        if order(b) != order(o) && order(b) != order(t) && order(o) != order(t) {
            conflicts.insert(path.to_owned());
        }
        let mut merged = Vec::new();
        for name in names {
            let item = |list: &'_ Vec<Value>| list.iter().find(|item| item["name"] == *name).cloned();
            let (b, o, t) = (item(b), item(o), item(t));
            let below = format!("{path}[name={}]", name.as_str().unwrap_or_default());
            merged.extend(naive(&below, [b.as_ref(), o.as_ref(), t.as_ref()], conflicts));
        }
        return Some(Value::Array(merged));
    }
    if base == ours {
        return theirs.cloned();
    }
    if base != theirs {
        conflicts.insert(path.to_owned());
    }
    ours.cloned()
}

/// A value as YAML in blocks, with comments and in quotes that mean nothing.
fn yaml(value: &Value, indent: usize, text: &mut String) {
    let pad = " ".repeat(indent);
    match value {
        Value::Object(map) if !map.is_empty() => {
            for (key, value) in map.iter().rev() {
                text.push_str(&format!("\n{pad}# of {key}\n{pad}'{key}':"));
                yaml(value, indent + 2, text);
            }
        }
        Value::Array(items) if !items.is_empty() => {
            for item in items {
                text.push_str(&format!("\n{pad}-"));
                yaml(item, indent + 2, text);
            }
        }
        other => text.push_str(&format!(" {other}  # as it is\n")),
    }
}

fn in_blocks(value: &Value) -> String {
    let mut text = String::new();
    yaml(value, 0, &mut text);
    text
}

fn run(format: Format, texts: &[String; 3]) -> ThreeWay {
    let [base, ours, theirs] = texts.each_ref().map(|text| Some(text.as_bytes()));
    compare(format, Versions { base, ours, theirs })
}

fn paths(answer: &ThreeWay) -> BTreeSet<String> {
    answer.conflicts.iter().map(|conflict| conflict.path.to_string()).collect()
}

/// The order of named items does not count.
fn sorted(value: &Value) -> Value {
    match value {
        Value::Object(map) => {
            Value::Object(map.iter().map(|(key, value)| (key.clone(), sorted(value))).collect())
        }
        Value::Array(items) => {
            let mut items: Vec<Value> = items.iter().map(sorted).collect();
            items.sort_by_key(|item| item["name"].to_string());
            Value::Array(items)
        }
        other => other.clone(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_key_conflicts_exactly_if_both_changed_it_to_unequal_values(values in versions()) {
        let texts = values.each_ref().map(Value::to_string);
        let answer = run(Format::Json, &texts);
        let mut expected = BTreeSet::new();
        let [base, ours, theirs] = values.each_ref().map(Some);
        let merged = naive("", [base, ours, theirs], &mut expected);
        prop_assert_eq!(&paths(&answer), &expected);
        prop_assert_eq!(answer.total, expected.len());

        // Comments, quotes, formatting and the order of keys never conflict.
        let [base, ours, theirs] = &values;
        let restyled = [base.to_string(), in_blocks(ours), in_blocks(theirs)];
        prop_assert_eq!(&paths(&run(Format::Yaml, &restyled)), &expected);
        let same = [in_blocks(base), base.to_string(), serde_json::to_string_pretty(base).unwrap_or_default()];
        prop_assert_eq!(run(Format::Yaml, &same), ThreeWay::default());

        // What both sides make together holds; what leaves something out does not.
        let Some(merged) = merged.filter(|_| expected.is_empty()) else { return Ok(()) };
        for candidate in [&merged, base, ours, theirs] {
            let [base, ours, theirs] = texts.each_ref().map(|text| Some(text.as_bytes()));
            let versions = Versions { base, ours, theirs };
            let judged = judge(Format::Yaml, versions, in_blocks(candidate).as_bytes());
            prop_assert_eq!(judged.total == 0, sorted(candidate) == sorted(&merged), "{:?}", judged);
            prop_assert!(judged.conflicts.iter().all(|conflict| conflict.clash == Clash::Lost));
        }
    }

    #[test]
    fn a_side_that_changed_nothing_is_in_no_conflict(values in versions()) {
        let [base, ours, _] = values.each_ref().map(Value::to_string);
        for (left, right) in [(&base, &ours), (&ours, &base)] {
            let answer = run(Format::Json, &[base.clone(), left.clone(), right.clone()]);
            prop_assert_eq!((answer.total, answer.conflicts.len()), (0, 0));
            let alone = if left == &base { answer.only_ours } else { answer.only_theirs };
            prop_assert_eq!(alone, 0);
            prop_assert_eq!(answer.only_ours + answer.only_theirs > 0, values[0] != values[1]);
        }
    }

    #[test]
    fn swapping_the_sides_swaps_the_answer(values in versions(), lists in prop::collection::vec("[a-c]{0,5}", 3)) {
        // Lists without names too.
        let texts: Vec<String> = values
            .iter()
            .zip(&lists)
            .map(|(value, list)| {
                let list: Vec<Value> = list.chars().map(|item| json!(item.to_string())).collect();
                json!({"values": value, "list": list}).to_string()
            })
            .collect();
        let [base, ours, theirs] = [&texts[0], &texts[1], &texts[2]].map(Clone::clone);
        let one = run(Format::Json, &[base.clone(), ours.clone(), theirs.clone()]);
        let mut other = run(Format::Json, &[base, theirs, ours]);
        std::mem::swap(&mut other.only_ours, &mut other.only_theirs);
        for conflict in &mut other.conflicts {
            std::mem::swap(&mut conflict.ours, &mut conflict.theirs);
        }
        prop_assert_eq!(one, other);
    }

    #[test]
    fn lists_without_names_conflict_where_both_changed_them(base in "[a-c]{0,5}", ours in "[a-c]{0,5}", theirs in "[a-c]{0,5}") {
        let list = |text: &str| json!({"l": text.chars().map(|item| item.to_string()).collect::<Vec<_>>()}).to_string();
        let answer = run(Format::Json, &[list(&base), list(&ours), list(&theirs)]);
        if base == ours || base == theirs || ours == theirs {
            prop_assert_eq!(answer.total, 0);
        }
    }

    #[test]
    fn any_text_gets_an_answer(
        base in "[ -~\\n\\t:\\[\\]{}&*!|>'\"é\u{feff}-]{0,60}",
        ours in "\\PC{0,40}",
        theirs in "[a-c:*&<{}\\[\\]\\n -]{0,40}"
    ) {
        for format in [Format::Yaml, Format::Json] {
            for [base, ours, theirs] in [[&base, &ours, &theirs], [&theirs, &base, &ours], [&ours, &theirs, &base]] {
                let side = |text: &'_ String| Some(text.clone().into_bytes());
                let (base, ours, theirs) = (side(base), side(ours), side(theirs));
                for absent in 0..4 {
                    let version = |place: usize, bytes: &'_ Option<Vec<u8>>| bytes.clone().filter(|_| place != absent);
                    let sides = [version(0, &base), version(1, &ours), version(2, &theirs)];
                    let [b, o, t] = sides.each_ref().map(Option::as_deref);
                    let versions = Versions { base: b, ours: o, theirs: t };
                    let answer = compare(format, versions);
                    prop_assert!(answer.conflicts.len() <= answer.total);
                    judge(format, versions, theirs.as_deref().unwrap_or_default());
                }
            }
        }
    }
}
