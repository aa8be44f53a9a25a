//! Measures the semantic diff against difftastic, `git diff`, and the mere reading of both sides.
//!
//! Cases: `many_small`, 1,000 modified files of about 2 KB; `one_big`, one modified file of 5 MB; `sparse_50k`, two commits
//! of one repository that share all but ten of 50,000 files.
//!
//! - `ours_ms`: from the files on disk, or the repository, to the changes as JSON.
//! - `difftastic_ms`: the program `difft` on the two folders, on the two files, and for `sparse_50k` as what `git diff` calls
//!   for every file that differs; null where it cannot be installed. By itself it compares files of more than 1 MB by line
//!   only.
//! - `difftastic_structure_ms`: for `one_big`, difftastic with that limit lifted.
//! - `git_diff_ms`: `git diff` on the same.
//! - `in_memory_ms` and `parse_both_ms`: computing the diff alone, and reading both sides' structure alone with the YAML
//!   parser, of files that are in memory; `ratio_parse` is the former by the latter. `read_both_ms`: the latter as the diff
//!   does it, plain files the short way.
//! - `visit_ms`: for `sparse_50k`, as the server does it: a repository that is open, one file held at a time.
//!
//! All are medians, taken by turns in one run, and everything is written as JSON, a line per case. Arguments: `--rounds N`
//! (7), `--seed S` (1), `--only CASE`, `--edits N` of `one_big` (200), `--without-difftastic`.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::unwrap_used,
    reason = "a bench prints, and stops at the first thing that fails"
)]

use conman_domain::id::AppId;
use conman_domain::name::BranchName;
use conman_domain::{CommitId, RepoPath};
use conman_git::{ImportSource, Ownership, Repositories, compare_revisions};
use semantic_diff::document::Document;
use semantic_diff::{Differ, FilePair, Format, SemanticDiffResponse};
use std::fmt::Write as _;
use std::fs;
use std::hint::black_box;
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;
use uuid::Uuid;

const DIFFTASTIC: &str = "0.72.0";
const BEGIN: i64 = 1_767_225_600;

/// A small generator of numbers: the same seed gives the same files.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) as usize) % limit
    }

    fn of<'w>(&mut self, words: &[&'w str]) -> &'w str {
        words[self.below(words.len())]
    }
}

fn argument(name: &str) -> Option<String> {
    std::env::args().skip_while(|argument| argument != name).nth(1)
}

fn number(name: &str, default: usize) -> usize {
    argument(name).map_or(default, |text| text.parse().unwrap())
}

const NOUNS: [&str; 12] = [
    "sample", "order", "patient", "result", "aliquot", "courier", "invoice", "reagent", "rack", "analyser",
    "panel", "site",
];
const TYPES: [&str; 7] = ["string", "int", "number", "bool", "date", "datetime", "enum"];

/// A field of an entity, as one of ten looks.
fn field(text: &mut String, name: &str, numbers: &mut Numbers) {
    let kind = numbers.of(&TYPES);
    let _ = writeln!(text, "  - name: {name}\n    type: {kind}");
    if numbers.below(2) == 0 {
        let _ = writeln!(
            text,
            "    label: {} {}",
            numbers.of(&NOUNS),
            numbers.of(&["number", "at", "code", "by"])
        );
    }
    match kind {
        "enum" => text.push_str("    values: [new, in_work, done, failed]\n    default: new\n"),
        "string" => {
            let _ = writeln!(text, "    max_length: {}", 8 + numbers.below(60));
        }
        _ => {}
    }
    if numbers.below(3) == 0 {
        text.push_str("    required: true\n");
    }
    if numbers.below(9) == 0 {
        text.push_str(
            "    description: >\n      Printed on every label, and read\n      by the analysers.\n",
        );
    }
}

/// An entity or a page, about 2 KB.
fn small(number: usize, numbers: &mut Numbers) -> (String, String) {
    let noun = numbers.of(&NOUNS);
    let mut text = String::new();
    if number.is_multiple_of(2) {
        let _ = writeln!(
            text,
            "# What a {noun} is\ntype: entity\nname: {noun}_{number}\nlabel: The {noun}\npartials:\n  - audited\n\nfields:"
        );
        for at in 0..26 {
            let name = format!("{}_{at}", numbers.of(&NOUNS));
            field(&mut text, &name, numbers);
        }
        let _ = writeln!(
            text,
            "\nrelations:\n  - name: parent\n    kind: belongs_to\n    entity: {noun}\n    via: parent_id"
        );
        return (format!("entities/{noun}_{number}.yml"), text);
    }
    let _ = writeln!(
        text,
        "type: page\nname: {noun}-{number}\ntitle: \"The {noun}s\"\nroute: /{noun}/{number}\nentity: {noun}\nlayout: table\n\
         roles: [technician, physician]\ndata_sources:\n  - name: rows\n    entity: {noun}\nfields:"
    );
    for at in 0..34 {
        let _ = writeln!(text, "  - name: {}_{at}", numbers.of(&NOUNS));
        if numbers.below(2) == 0 {
            let _ = writeln!(text, "    label: {}", numbers.of(&NOUNS));
        }
        if numbers.below(4) == 0 {
            let _ = writeln!(text, "    lookup: assets/{}.json # kept by hand", numbers.of(&NOUNS));
        }
        if numbers.below(4) == 0 {
            let _ = writeln!(text, "    format: {{kind: fixed, digits: {}}}", numbers.below(5));
        }
    }
    text.push_str("actions:\n");
    for at in 0..6 {
        let _ = writeln!(text, "  - name: act_{at}\n    workflow: {noun}\n    transition: t{at}");
    }
    (format!("pages/{}/{noun}-{number}.yml", number % 20), text)
}

/// A catalogue of parameters of so many bytes.
fn big(bytes: usize, numbers: &mut Numbers) -> String {
    let mut text = "parameters:\n".to_owned();
    let mut at = 0;
    while text.len() < bytes {
        let (noun, owner) = (numbers.of(&NOUNS), numbers.of(&["reception", "laboratory", "billing"]));
        let _ = writeln!(
            text,
            "  - name: {noun}_limit_{at}\n    type: int\n    default: {}\n    min: 0\n    max: {}\n    group: {noun}\n    \
             description: What a {noun} may take, number {at}; asked for at every step\n    hot_reloadable: true\n    \
             owner: {owner}\n    tags: [{}, {}]",
            numbers.below(1000),
            1000 + numbers.below(1000),
            numbers.of(&NOUNS),
            numbers.of(&NOUNS),
        );
        if at % 50 == 0 {
            let _ = writeln!(text, "  # Beginning with {at}");
        }
        at += 1;
    }
    text
}

/// Does one thing that people do to a list of named items, somewhere in the text.
fn edit(lines: &mut Vec<String>, numbers: &mut Numbers) {
    let items: Vec<usize> = lines
        .iter()
        .enumerate()
        .filter(|(_, line)| line.starts_with("  - name: "))
        .map(|(at, _)| at)
        .collect();
    let which = numbers.below(items.len() - 1);
    let (at, next) = (items[which], items[which + 1]);
    match numbers.below(8) {
        0 => lines[at].push_str("_renamed"),
        1 => lines.insert(
            at,
            format!("  - name: new_{}\n    type: string\n    required: true", numbers.below(10_000)),
        ),
        2 => drop(lines.drain(at..next.min(at + 12))),
        3 => lines.insert(at, "  # Asked for by the laboratory".to_owned()),
        4 => {
            let moved: Vec<String> = lines.drain(at..next.min(at + 12)).collect();
            let to = items[0];
            lines.splice(to..to, moved);
        }
        _ => match next - at {
            1 => lines.insert(at + 1, "    required: false".to_owned()),
            // A block's own line would make it end.
            _ if lines[at + 1].ends_with('>') => lines[at + 2].push_str(" As it is."),
            _ => lines[at + 1] = format!("    changed: {}", numbers.below(100)),
        },
    }
}

fn edited(text: &str, edits: usize, numbers: &mut Numbers) -> String {
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    for _ in 0..edits {
        edit(&mut lines, numbers);
    }
    lines.join("\n") + "\n"
}

/// A modified file.
struct Pair {
    path: String,
    old: String,
    new: String,
}

impl Pair {
    fn new(path: String, old: String, edits: usize, numbers: &mut Numbers) -> Self {
        let new = edited(&old, edits, numbers);
        for side in [&old, &new] {
            Document::read(Format::Yaml, side.as_bytes()).unwrap();
        }
        Self { path, old, new }
    }

    fn file(&self) -> FilePair<'_> {
        FilePair {
            path: &self.path,
            old_path: None,
            old: Some(self.old.as_bytes()),
            new: Some(self.new.as_bytes()),
        }
    }
}

fn git(folder: &Path) -> Command {
    let mut command = Command::new("git");
    command.env_clear().env("PATH", std::env::var_os("PATH").unwrap()).env("HOME", "/nonexistent");
    command.env("GIT_CONFIG_NOSYSTEM", "1").env("GIT_CONFIG_GLOBAL", "/dev/null").env("LC_ALL", "C");
    command.args(["-c", "safe.directory=*", "-c", "gc.auto=0", "-c", "maintenance.auto=false"]);
    command.arg("-C").arg(folder);
    command
}

fn git_ok(folder: &Path, arguments: &[&str]) -> String {
    let output = git(folder).args(arguments).output().unwrap();
    assert!(output.status.success(), "git {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// Milliseconds of one run.
fn timed(run: impl FnOnce()) -> f64 {
    let begin = Instant::now();
    run();
    begin.elapsed().as_secs_f64() * 1000.0
}

/// Milliseconds that this thread computed in one run, whoever else used the machine meanwhile; those that passed where the
/// system does not tell.
fn computed(run: impl FnOnce()) -> f64 {
    let busy = || {
        let told = fs::read_to_string("/proc/thread-self/schedstat").ok()?;
        told.split(' ').next()?.parse::<f64>().ok()
    };
    let before = busy();
    let passed = timed(run);
    match (before, busy()) {
        (Some(before), Some(after)) => (after - before) / 1e6,
        (None, _) | (_, None) => passed,
    }
}

/// Milliseconds of one run of a program whose output goes nowhere; both statuses of a diff are good.
fn program(command: &mut Command) -> f64 {
    command.stdout(Stdio::null()).stderr(Stdio::null());
    timed(|| {
        let status = command.status().unwrap();
        assert!(matches!(status.code(), Some(0 | 1)), "{command:?}: {status}");
    })
}

fn median(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    times.get(times.len() / 2).copied().unwrap_or(f64::NAN)
}

/// The medians of several things to measure, by turns; the slow ones take part in the first three rounds only.
fn by_turns(
    rounds: usize,
    runs: &mut [&mut dyn FnMut() -> f64],
    slow: &mut [&mut dyn FnMut() -> f64],
) -> Vec<f64> {
    let mut times = vec![Vec::new(); runs.len()];
    let mut slow_times = vec![Vec::new(); slow.len()];
    for round in 0..=rounds {
        for (run, times) in runs.iter_mut().zip(&mut times) {
            let time = run();
            // The first round only warms up.
            if round > 0 {
                times.push(time);
            }
        }
        for (run, times) in slow.iter_mut().zip(&mut slow_times).filter(|_| (1..=3).contains(&round)) {
            times.push(run());
        }
    }
    times.into_iter().chain(slow_times).map(median).collect()
}

/// A number of JSON: null where there is none.
fn json(number: f64, digits: usize) -> String {
    if number.is_finite() { format!("{number:.digits$}") } else { "null".to_owned() }
}

fn as_json(response: &SemanticDiffResponse) -> usize {
    black_box(serde_json::to_vec(response).unwrap()).len()
}

/// `difft`, installed below the build folder when it is not there; none where that fails.
fn difftastic() -> Option<PathBuf> {
    let target = std::env::current_exe().unwrap().ancestors().nth(3).unwrap().to_owned();
    let root = target.join("tools");
    let program = root.join("bin/difft");
    let is_there =
        |program: &Path| Command::new(program).arg("--version").output().is_ok_and(|o| o.status.success());
    if !is_there(&program) {
        eprintln!("installing difftastic {DIFFTASTIC} below {}; it takes some minutes, once", root.display());
        let mut install = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        install.args(["install", "difftastic", "--version", DIFFTASTIC, "--locked", "--root"]).arg(&root);
        install.arg("--target-dir").arg(root.join("build")).stdout(Stdio::null());
        if !install.status().is_ok_and(|status| status.success()) || !is_there(&program) {
            eprintln!("difftastic cannot be installed: not measured");
            return None;
        }
    }
    Some(program)
}

/// A case of files on disk: all of them, or the one that there is.
fn files(case: &str, pairs: &[Pair], difft: Option<&Path>, rounds: usize) {
    let folder = tempfile::tempdir().unwrap();
    for pair in pairs {
        for (side, text) in [("old", &pair.old), ("new", &pair.new)] {
            let path = folder.path().join(side).join(&pair.path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
    }
    let what = if let [pair] = pairs { format!("/{}", pair.path) } else { String::new() };
    let (old, new) = (format!("old{what}"), format!("new{what}"));
    let mut changes = 0;
    let mut ours = || {
        timed(|| {
            let mut differ = Differ::default();
            for pair in pairs {
                let read = |side: &str| fs::read(folder.path().join(side).join(&pair.path)).unwrap();
                let (old, new) = (read("old"), read("new"));
                differ.add(&FilePair { old: Some(&old), new: Some(&new), ..pair.file() });
            }
            let response = differ.finish("old", "new");
            changes = response.changes.len();
            as_json(&response);
        })
    };
    let mut in_memory = || {
        computed(|| {
            let mut differ = Differ::default();
            pairs.iter().for_each(|pair| differ.add(&pair.file()));
            black_box(differ.finish("old", "new"));
        })
    };
    let texts = || pairs.iter().flat_map(|pair| [&pair.old, &pair.new]);
    let mut parse = || {
        computed(|| {
            for text in texts() {
                black_box(Document::read_by_parser(Format::Yaml, text.as_bytes()).unwrap());
            }
        })
    };
    let mut read = || {
        computed(|| {
            for text in texts() {
                black_box(Document::read(Format::Yaml, text.as_bytes()).unwrap());
            }
        })
    };
    let mut git_diff = || program(git(folder.path()).args(["diff", "--no-index", "--no-color", &old, &new]));
    let by_difft = |limit: &[&str]| {
        difft.map_or(f64::NAN, |difft| {
            let mut command = Command::new(difft);
            program(command.current_dir(folder.path()).arg("--color=never").args(limit).args([&old, &new]))
        })
    };
    let mut slow = || by_difft(&[]);
    let mut structure = || if pairs.len() == 1 { by_difft(&["--byte-limit=1000000000"]) } else { f64::NAN };
    let times = by_turns(
        rounds,
        &mut [&mut ours, &mut in_memory, &mut parse, &mut read, &mut git_diff],
        &mut [&mut slow, &mut structure],
    );
    let [ours, in_memory, parse, read, git_diff, difft, structure] = times.try_into().unwrap();
    let bytes: usize = pairs.iter().map(|pair| pair.old.len() + pair.new.len()).sum();
    println!(
        "{{\"bench\":\"diff\",\"case\":\"{case}\",\"files\":{},\"bytes\":{bytes},\"changes\":{changes},\"ours_ms\":{},\
         \"difftastic_ms\":{},\"git_diff_ms\":{},\"ratio_difftastic\":{},\"in_memory_ms\":{},\"parse_both_ms\":{},\
         \"read_both_ms\":{},\"ratio_parse\":{},\"difftastic_structure_ms\":{},\"visit_ms\":null}}",
        pairs.len(),
        json(ours, 1),
        json(difft, 1),
        json(git_diff, 1),
        json(difft / ours, 1),
        json(in_memory, 1),
        json(parse, 1),
        json(read, 1),
        json(in_memory / parse, 2),
        json(structure, 1),
    );
}

/// Two commits, `old` and `new`, of a repository in a folder: the pairs differ, the rest is the same.
fn commit(folder: &Path, all: &[(String, String)], pairs: &[Pair]) {
    git_ok(folder, &["init", "-q", "-b", "main", "source"]);
    let source = folder.join("source");
    let mut child = git(&source).args(["fast-import", "--quiet"]).stdin(Stdio::piped()).spawn().unwrap();
    let mut out = BufWriter::new(child.stdin.take().unwrap());
    let who = format!("committer C <c@lab.example> {BEGIN} +0000");
    write!(out, "commit refs/heads/main\n{who}\ndata 2\nx\n").unwrap();
    for (path, text) in all {
        write!(out, "M 100644 inline {path}\ndata {}\n{text}", text.len()).unwrap();
    }
    write!(out, "commit refs/heads/new\n{who}\ndata 2\nx\nfrom refs/heads/main\n").unwrap();
    for pair in pairs {
        write!(out, "M 100644 inline {}\ndata {}\n{}", pair.path, pair.new.len(), pair.new).unwrap();
    }
    out.flush().unwrap();
    drop(out);
    assert!(child.wait().unwrap().success());
    git_ok(&source, &["repack", "-adq"]);
}

/// Ten of 50,000 files differ.
fn sparse(numbers: &mut Numbers, difft: Option<&Path>, rounds: usize) {
    let all: Vec<(String, String)> = (0..50_000).map(|number| small(number, numbers)).collect();
    let pairs: Vec<Pair> = (0..10)
        .map(|_| {
            let (path, text) = all[numbers.below(all.len())].clone();
            Pair::new(path, text, 3, numbers)
        })
        .collect();
    let folder = tempfile::tempdir().unwrap();
    commit(folder.path(), &all, &pairs);
    drop(all);
    let source = folder.path().join("source");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let repository = runtime.block_on(async {
        let root = folder.path().join("repos");
        let repositories = Repositories::open(&root, Ownership::Exclusive).await.unwrap();
        let app = AppId::new(Uuid::from_u128(1));
        let main = BranchName::parse("main").unwrap();
        repositories.import(app, ImportSource::Local(source.clone()), &main).await.unwrap();
        let bare = root.join(format!("{app}.git"));
        let fetch = ["-c", "protocol.file.allow=always", "fetch", "-q", source.to_str().unwrap(), "new:new"];
        git_ok(&bare, &fetch);
        repositories.get(app)
    });
    let tree = |name: &str| {
        let commit: CommitId = git_ok(&source, &["rev-parse", name]).parse().unwrap();
        runtime.block_on(repository.commit(commit)).unwrap().tree
    };
    let (old, new) = (tree("main"), tree("new"));

    let mut changes = 0;
    let mut ours = || {
        timed(|| {
            let comparison = compare_revisions(&source, "main", "new").unwrap();
            let mut differ = Differ::default();
            for file in &comparison.files {
                let (old, new) = (file.old.as_deref(), file.new.as_deref());
                differ.add(&FilePair { path: &file.path, old_path: file.old_path.as_deref(), old, new });
            }
            let response = differ.finish(&comparison.base, &comparison.head);
            changes = response.changes.len();
            as_json(&response);
        })
    };
    let mut visit = || {
        timed(|| {
            let add = |differ: &mut Differ,
                       change: &conman_git::PathChange,
                       old: Option<&[u8]>,
                       new: Option<&[u8]>| {
                let old_path = change.old_path.as_ref().map(RepoPath::as_str);
                differ.add(&FilePair { path: change.path.as_str(), old_path, old, new });
            };
            let differ =
                runtime.block_on(repository.visit_changes(old, new, Differ::default(), add)).unwrap();
            as_json(&differ.finish("old", "new"));
        })
    };
    let mut git_diff = || program(git(&source).args(["diff", "--no-color", "main", "new"]));
    let mut slow = || {
        difft.map_or(f64::NAN, |difft| {
            let mut command = git(&source);
            program(command.args(["diff", "main", "new"]).env("GIT_EXTERNAL_DIFF", difft))
        })
    };
    let times = by_turns(rounds, &mut [&mut ours, &mut visit, &mut git_diff], &mut [&mut slow]);
    let [ours, visit, git_diff, difft] = times.try_into().unwrap();
    let bytes: usize = pairs.iter().map(|pair| pair.old.len() + pair.new.len()).sum();
    println!(
        "{{\"bench\":\"diff\",\"case\":\"sparse_50k\",\"files\":{},\"bytes\":{bytes},\"changes\":{changes},\"ours_ms\":{},\
         \"difftastic_ms\":{},\"git_diff_ms\":{},\"ratio_difftastic\":{},\"in_memory_ms\":null,\"parse_both_ms\":null,\"read_both_ms\":null,\
         \"ratio_parse\":null,\"difftastic_structure_ms\":null,\"visit_ms\":{}}}",
        pairs.len(),
        json(ours, 2),
        json(difft, 1),
        json(git_diff, 2),
        json(difft / ours, 1),
        json(visit, 2),
    );
}

fn main() {
    let rounds = number("--rounds", 7);
    let mut numbers = Numbers(number("--seed", 1) as u64);
    let only = argument("--only");
    let wanted = |case: &str| only.as_deref().is_none_or(|only| only == case);
    let difft =
        if std::env::args().any(|argument| argument == "--without-difftastic") { None } else { difftastic() };
    let difft = difft.as_deref();
    if wanted("many_small") {
        let pairs: Vec<Pair> = (0..1000)
            .map(|number| {
                let (path, text) = small(number, &mut numbers);
                let edits = 1 + numbers.below(4);
                Pair::new(path, text, edits, &mut numbers)
            })
            .collect();
        files("many_small", &pairs, difft, rounds);
    }
    if wanted("one_big") {
        let text = big(5_000_000, &mut numbers);
        let pair = Pair::new("catalog/all.yml".to_owned(), text, number("--edits", 200), &mut numbers);
        files("one_big", &[pair], difft, rounds);
    }
    if wanted("sparse_50k") {
        sparse(&mut numbers, difft, rounds);
    }
}
