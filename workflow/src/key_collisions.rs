//! Keys on which the sides of a merge collide: read from the files, and told.

use crate::validation::must_read;
use conman_domain::RepoPath;
use conman_domain::collision::{
    Collision, HeldValue, KeyClash, KeyCollision, KeyComparison, UnreadableVersion,
};
use conman_git::{
    CheckFailure, CollidesWith, ComposeConflict, ComposeHooks, Contents, Explained, MergedPath,
};
use semantic_diff::three_way::{
    Clash, Held, KeyConflict, Side, ThreeWay, Versions, compare, judge, last_changes,
};
use semantic_diff::{Format, KeyPath, Problem, strict};

/// The most keys that are told of one file of a merge.
const MAX_KEYS: usize = 20;
/// The most keys of which it is kept what the sides hold, of one changeset.
const MAX_KEPT: usize = 20;

/// What compositions call back: reads what merges make of files, strictly and key by key beside what the sides hold. As
/// text they may fit, as configuration they need not.
pub fn reading_hooks() -> ComposeHooks {
    ComposeHooks {
        check: Box::new(|check| {
            let failures: Vec<CheckFailure> =
                check.paths.iter().flat_map(|merged| read_merged(merged, &check.contents)).collect();
            if failures.is_empty() { Ok(()) } else { Err(failures) }
        }),
        explain: Box::new(explain),
        ..ComposeHooks::default()
    }
}

/// Reads a file whose lines a merge combined: strictly, and key by key beside what the sides hold.
fn read_merged(merged: &MergedPath, contents: &Contents<'_>) -> Vec<CheckFailure> {
    let (Some(format), Some(blob)) = (must_read(merged), merged.merged) else { return Vec::new() };
    let failure = |key: Option<String>, line: Option<u32>, reason: String| CheckFailure {
        path: merged.path.clone(),
        key,
        line,
        with: None,
        reason,
        keys: Vec::new(),
        key_total: 0,
    };
    let Ok(bytes) = contents.bytes(blob) else {
        return vec![failure(None, None, "the merged content could not be read".to_owned())];
    };
    // A file that both sides added has no base: only the result can be read.
    let sides = (merged.base, merged.ours, merged.theirs);
    let answer = match sides {
        (Some(_), Some(_), Some(_)) => {
            compared(merged, contents, |versions| judge(format, versions, &bytes)).unwrap_or_default()
        }
        _ => ThreeWay::default(),
    };
    let key_total = answer.total as u32;
    let told = &answer.conflicts[..answer.conflicts.len().min(MAX_KEYS)];
    let setters = setters(format, merged, contents, told);
    let mut failures: Vec<CheckFailure> = told
        .iter()
        .zip(setters)
        .map(|(conflict, with)| {
            let reason = format!("the lines merge cleanly, but {}", said(conflict));
            let keys = vec![key_collision(conflict, with.as_ref())];
            let line = conflict.merged.map(|lines| lines.start);
            CheckFailure { with, keys, key_total, ..failure(key_name(conflict), line, reason) }
        })
        .collect();
    let known = |problem: &Problem| {
        let mut places = answer.conflicts.iter().filter_map(|conflict| conflict.merged);
        places.any(|lines| lines.start == problem.line)
    };
    let problems = strict::problems(format, &bytes).into_iter().filter(|problem| !known(problem));
    failures.extend(problems.map(|problem| {
        let reason = format!("the text merges cleanly, but the result does not hold: {}", problem.message);
        failure(problem.key, Some(problem.line), reason)
    }));
    failures
}

/// The same for a sync, which has to do with files that did not hold before: they are no reason to stop it.
pub(crate) fn read_synced(merged: &MergedPath, contents: &Contents<'_>) -> Vec<CheckFailure> {
    let failures = read_merged(merged, contents);
    if failures.iter().any(|failure| !failure.keys.is_empty()) {
        return failures;
    }
    let held_before = [merged.ours, merged.theirs].into_iter().flatten().all(|blob| {
        let (format, bytes) = (Format::of(merged.path.file_name()), contents.bytes(blob));
        format.zip(bytes.ok()).is_some_and(|(format, bytes)| strict::problems(format, &bytes).is_empty())
    });
    if held_before { failures } else { Vec::new() }
}

/// Looks for the keys behind a text conflict.
fn explain(conflict: &MergedPath, contents: &Contents<'_>) -> Explained {
    let Some(format) = Format::of(conflict.path.file_name()) else { return Explained::default() };
    let Some(answer) = compared(conflict, contents, |versions| compare(format, versions)) else {
        return Explained::default();
    };
    let told = &answer.conflicts[..answer.conflicts.len().min(MAX_KEYS)];
    let setters = setters(format, conflict, contents, told);
    let keys = told.iter().zip(&setters).map(|(told, with)| key_collision(told, with.as_ref())).collect();
    Explained {
        key: told.first().and_then(key_name),
        with: setters.into_iter().next().flatten(),
        keys,
        key_total: answer.total as u32,
    }
}

/// Compares the versions of a file key by key; `None` for a file that has no keys.
pub(crate) fn compare_keys(
    path: &RepoPath,
    base: Option<&[u8]>,
    ours: Option<&[u8]>,
    theirs: Option<&[u8]>,
) -> Option<KeyComparison> {
    let answer = compare(Format::of(path.file_name())?, Versions { base, ours, theirs });
    let unreadable = answer.unreadable.into_iter().map(|unreadable| UnreadableVersion {
        version: match unreadable.side {
            Side::Base => "base",
            Side::Ours => "ours",
            Side::Theirs => "theirs",
            Side::Merged => "merged",
        },
        line: unreadable.problem.line,
        message: unreadable.problem.message,
    });
    Some(KeyComparison {
        keys: answer.conflicts.iter().map(|conflict| key_collision(conflict, None)).collect(),
        total: answer.total as u32,
        only_ours: answer.only_ours as u32,
        only_theirs: answer.only_theirs as u32,
        unreadable: unreadable.collect(),
    })
}

/// Conflicts as the workflow records them; what the sides hold is kept of some keys only.
pub(crate) fn collisions(conflicts: &[ComposeConflict]) -> Vec<Collision> {
    let mut left = MAX_KEPT;
    let collisions = conflicts.iter().map(|conflict| {
        let keys: Vec<KeyCollision> = conflict.keys.iter().take(left).cloned().collect();
        left -= keys.len();
        Collision {
            path: conflict.path.to_string(),
            key: conflict.key.clone(),
            with: with_name(&conflict.with),
            reason: conflict.reason.clone(),
            keys,
            key_total: conflict.key_total,
        }
    });
    collisions.collect()
}

fn compared(
    path: &MergedPath,
    contents: &Contents<'_>,
    compare: impl FnOnce(Versions<'_>) -> ThreeWay,
) -> Option<ThreeWay> {
    let read = |blob: Option<conman_domain::BlobId>| blob.map(|blob| contents.bytes(blob)).transpose();
    let (base, ours, theirs) = (read(path.base).ok()?, read(path.ours).ok()?, read(path.theirs).ok()?);
    Some(compare(Versions { base: base.as_deref(), ours: ours.as_deref(), theirs: theirs.as_deref() }))
}

/// Who set each key on our side: the last member that changed it, else what the candidate stands on.
fn setters(
    format: Format,
    path: &MergedPath,
    contents: &Contents<'_>,
    conflicts: &[KeyConflict],
) -> Vec<Option<CollidesWith>> {
    let past = contents.past(path);
    if conflicts.is_empty() || past.is_empty() {
        return vec![None; conflicts.len()];
    }
    let versions: Vec<Option<Vec<u8>>> =
        past.iter().map(|content| contents.bytes(content.blob?).ok()).collect();
    let paths: Vec<KeyPath> = conflicts.iter().map(|conflict| conflict.path.clone()).collect();
    let last = last_changes(format, &versions, &paths).into_iter().zip(conflicts);
    last.map(|(last, conflict)| match (last, conflict.clash) {
        (Some(place), _) => Some(past[place].with.clone()),
        // Their own change got lost: whoever touched the file last is as good a guess as any.
        (None, Clash::Lost | Clash::Reference) => None,
        (None, _) => Some(past[0].with.clone()),
    })
    .collect()
}

fn key_name(conflict: &KeyConflict) -> Option<String> {
    if conflict.path.is_root() { None } else { Some(conflict.path.to_string()) }
}

fn key_collision(conflict: &KeyConflict, with: Option<&CollidesWith>) -> KeyCollision {
    let held = |held: &Option<Held>| {
        held.as_ref().map(|held| HeldValue {
            text: held.text.clone(),
            line_start: held.lines.start,
            line_end: held.lines.end,
        })
    };
    KeyCollision {
        key: conflict.path.to_string(),
        clash: match conflict.clash {
            Clash::BothChanged => KeyClash::BothChanged,
            Clash::RemovedAndChanged => KeyClash::RemovedAndChanged,
            Clash::BothAdded => KeyClash::BothAdded,
            Clash::Order => KeyClash::Order,
            Clash::Twice => KeyClash::Twice,
            Clash::Lost => KeyClash::Lost,
            Clash::Reference => KeyClash::Reference,
        },
        with: with.map(with_name),
        base: held(&conflict.base),
        ours: held(&conflict.ours),
        theirs: held(&conflict.theirs),
    }
}

fn with_name(with: &CollidesWith) -> String {
    match with {
        CollidesWith::Member(label) => label.clone(),
        CollidesWith::Base(commit) => commit.to_string(),
    }
}

/// What is wrong with a key, without what it holds.
fn said(conflict: &KeyConflict) -> String {
    let key = key_name(conflict).map_or_else(|| "the file".to_owned(), |key| format!("`{key}`"));
    match conflict.clash {
        Clash::BothChanged => format!("both sides set {key} to different values"),
        Clash::RemovedAndChanged => format!("one side takes {key} away and the other changes it"),
        Clash::BothAdded => format!("both sides add {key} with different values"),
        Clash::Order => format!("both sides put the items of {key} into another order"),
        Clash::Twice => format!("the result would hold {key} twice"),
        Clash::Lost => format!("the result would not hold what one side makes of {key}"),
        Clash::Reference => format!("the alias at {key} would refer to something else than was meant"),
    }
}
