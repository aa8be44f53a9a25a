//! What the steps found.

use std::time::Duration;

use crate::test::selection::Step;

/// Tests counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Counts {
    pub(crate) passed: u64,
    pub(crate) failed: u64,
}

impl Counts {
    /// Adds what a line of nextest's own output says in summary. What it shows of a failed test has a summary of its
    /// own, which counts for nothing here: the test is counted already.
    pub(crate) fn read_nextest(&mut self, line: &str) {
        let line = without_colours(line);
        if let Some(rest) = line.trim().strip_prefix("Summary [") {
            let counted = rest.split_once("tests run:").or_else(|| rest.split_once("test run:"));
            self.add(counted.map(|(_, parts)| parts).unwrap_or_default());
        }
    }

    /// Adds what a line of the standard test harness says in summary.
    pub(crate) fn read_harness(&mut self, line: &str) {
        let line = without_colours(line);
        if line.starts_with("test result:") {
            self.add(line.split_once(". ").map(|(_, parts)| parts).unwrap_or_default());
        }
    }

    /// Adds what a line of pytest's output says in summary.
    pub(crate) fn read_pytest(&mut self, line: &str) {
        let line = without_colours(line);
        let line = line.trim().trim_matches('=').trim();
        if let Some((parts, _)) = line.rsplit_once(" in ").filter(|(_, time)| time.contains('s')) {
            // "2 errors" are tests that did not even start.
            self.add(&parts.replace(" error", " failed error"));
        }
    }

    /// Adds what a line of Vitest or of the browser tests says in summary.
    pub(crate) fn read_console(&mut self, line: &str) {
        let line = without_colours(line);
        let line = line.trim();
        if let Some(parts) = line.strip_prefix("Browser tests: ") {
            self.add(parts);
        } else if let Some(parts) = line.strip_prefix("Tests  ") {
            // "1 failed | 15 passed (16)"
            self.add(&parts.replace('|', ","));
        }
    }

    fn add(&mut self, parts: &str) {
        // "12 passed (1 slow), 1 failed, 1 timed out, 2 skipped" or "3 passed; 0 failed; 0 ignored; …"
        for part in parts.split([',', ';']) {
            let Some((number, what)) = part.trim().split_once(' ') else {
                continue;
            };
            let Ok(number) = number.parse::<u64>() else {
                continue;
            };
            match what.split('(').next().unwrap_or(what).trim() {
                "failed error" | "failed errors" => self.failed += number,
                "passed" => self.passed += number,
                "failed" | "timed out" | "exec failed" => self.failed += number,
                _ => {}
            }
        }
    }
}

fn without_colours(line: &str) -> String {
    let mut out = String::new();
    let mut rest = line;
    while let Some((before, after)) = rest.split_once("\u{1b}[") {
        out.push_str(before);
        rest = after.find(|c: char| c.is_ascii_alphabetic()).map_or("", |end| &after[end + 1..]);
    }
    out.push_str(rest);
    out
}

/// How a step ended.
#[derive(Debug)]
pub(crate) enum Ending {
    Passed,
    /// Passed in part: what was left out, and why.
    Partly(String),
    Failed(String),
}

/// The steps that ran, in order.
#[derive(Debug, Default)]
pub(crate) struct Report {
    steps: Vec<(Step, Ending, Duration, Counts)>,
}

impl Report {
    pub(crate) fn add(&mut self, step: Step, ending: Ending, time: Duration, counts: Counts) {
        self.steps.push((step, ending, time, counts));
    }

    pub(crate) fn has_failed(&self) -> bool {
        self.steps.iter().any(|(_, ending, _, _)| matches!(ending, Ending::Failed(_)))
    }

    /// Tells whether this step ran and failed.
    pub(crate) fn failed(&self, wanted: Step) -> bool {
        self.steps.iter().any(|(step, ending, _, _)| *step == wanted && matches!(ending, Ending::Failed(_)))
    }

    /// The table of all steps.
    pub(crate) fn table(&self) -> String {
        let mut table = String::new();
        for (step, ending, time, counts) in &self.steps {
            let seconds = time.as_secs_f64();
            let (word, note) = match ending {
                Ending::Passed => ("ok", String::new()),
                Ending::Partly(note) => ("ok", note.clone()),
                Ending::Failed(why) => ("FAILED", why.lines().next().unwrap_or_default().to_owned()),
            };
            let counted = match counts {
                Counts { passed: 0, failed: 0 } => String::new(),
                Counts { passed, failed } => format!("{passed} passed, {failed} failed"),
            };
            let notes =
                [counted, note].into_iter().filter(|note| !note.is_empty()).collect::<Vec<_>>().join("; ");
            let row = format!("{:<8} {word:<7} {seconds:>8.1} s   {notes}", step.name());
            table.push_str(row.trim_end());
            table.push('\n');
        }
        table
    }

    /// The last line: tests counted. A step that failed without a failed test (formatting, a build) counts as one
    /// failure, so that the line is never better than the run.
    pub(crate) fn last_line(&self) -> String {
        let passed: u64 = self.steps.iter().map(|(_, _, _, counts)| counts.passed).sum();
        let failed: u64 = self
            .steps
            .iter()
            .map(|(_, ending, _, counts)| match ending {
                Ending::Failed(_) => counts.failed.max(1),
                Ending::Passed | Ending::Partly(_) => counts.failed,
            })
            .sum();
        format!("{passed} passed, {failed} failed")
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Counts, Ending, Report};
    use crate::test::selection::Step;

    #[test]
    fn the_console_counts_its_unit_tests_and_its_browser_tests() {
        let lines = [
            " Test Files  4 passed (4)",
            "\u{1b}[2m      Tests \u{1b}[22m \u{1b}[31m1 failed\u{1b}[39m | \u{1b}[32m15 passed\u{1b}[39m (16)",
            "ok     keys lead everywhere (4.8 s)",
            "Browser tests: 4 passed, 1 failed",
        ];
        assert_eq!(counts_by(Counts::read_console, &lines), (19, 2));
    }

    fn counts(lines: &[&str]) -> (u64, u64) {
        counts_by(Counts::read_nextest, lines)
    }

    fn counts_by(read: fn(&mut Counts, &str), lines: &[&str]) -> (u64, u64) {
        let mut counts = Counts::default();
        for line in lines {
            read(&mut counts, line);
        }
        (counts.passed, counts.failed)
    }

    #[test]
    fn summaries_are_counted() {
        assert_eq!(counts(&["     Summary [   0.062s] 29 tests run: 29 passed, 0 skipped\n"]), (29, 0));
        assert_eq!(
            counts(&["     Summary [   0.2s] 5/11 tests run: 3 passed (1 slow), 2 failed, 0 skipped"]),
            (3, 2)
        );
        assert_eq!(
            counts(&[
                "Summary [ 9s] 6 tests run: 3 passed (2 flaky), 1 failed, 1 exec failed, 1 timed out, 4 skipped"
            ]),
            (3, 3)
        );
        assert_eq!(counts(&["Summary [ 9s] 1 test run: 1 passed, 0 skipped"]), (1, 0));
        let of_documents = [
            "test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.00s",
            "test result: FAILED. 1 passed; 2 failed; 0 ignored",
        ];
        assert_eq!(counts_by(Counts::read_harness, &of_documents), (4, 2));
    }

    #[test]
    fn pytest_summaries_are_counted() {
        let plain = |line: &str| counts_by(Counts::read_pytest, &[line]);
        assert_eq!(plain("32 passed in 22.10s\n"), (32, 0));
        assert_eq!(plain("=== 1 failed, 3 passed, 1 warning in 65.02s (0:01:05) ==="), (3, 1));
        assert_eq!(
            plain("\u{1b}[32m\u{1b}[32m\u{1b}[1m2 passed\u{1b}[0m\u{1b}[32m in 0.10s\u{1b}[0m"),
            (2, 0)
        );
        assert_eq!(plain("1 passed, 2 errors in 3.00s"), (1, 2));
        assert_eq!(plain("tests/test_gate.py ..... [ 20%]"), (0, 0));
    }

    #[test]
    fn what_is_shown_of_a_failed_test_does_not_count_again() {
        let shown = "    test result: FAILED. 0 passed; 1 failed; 0 ignored; 0 measured; 137 filtered out";
        let bare = "test result: FAILED. 0 passed; 1 failed; 0 ignored";
        let summary = "     Summary [   9.0s] 3 tests run: 2 passed, 1 failed, 0 skipped";
        assert_eq!(counts(&[shown, bare, summary, shown]), (2, 1));
    }

    #[test]
    fn colours_do_not_hide_a_summary() {
        let line = "\u{1b}[31;1m     Summary\u{1b}[0m [   1.0s] \u{1b}[1m2\u{1b}[0m tests run: \u{1b}[1m1\u{1b}[0m \
                    \u{1b}[32;1mpassed\u{1b}[0m, \u{1b}[1m1\u{1b}[0m \u{1b}[31;1mfailed\u{1b}[0m, 0 skipped";
        assert_eq!(counts(&[line]), (1, 1));
    }

    #[test]
    fn other_lines_count_nothing() {
        let lines = ["29 tests run: 29 passed", "PASS [ 0.1s] a::b", "running 3 tests", ""];
        assert_eq!((counts(&lines), counts_by(Counts::read_harness, &lines)), ((0, 0), (0, 0)));
    }

    #[test]
    fn a_failed_step_without_tests_is_a_failure_on_the_last_line() {
        let mut report = Report::default();
        report.add(
            Step::Format,
            Ending::Failed("cargo fmt said no".to_owned()),
            Duration::ZERO,
            Counts::default(),
        );
        report.add(Step::Unit, Ending::Passed, Duration::ZERO, Counts { passed: 5, failed: 0 });
        assert_eq!(report.last_line(), "5 passed, 1 failed");
        assert!(report.has_failed());
        report.add(
            Step::Doc,
            Ending::Failed("2 failed".to_owned()),
            Duration::ZERO,
            Counts { passed: 1, failed: 2 },
        );
        assert_eq!(report.last_line(), "6 passed, 3 failed");
    }

    #[test]
    fn the_table_has_a_row_for_each_step() {
        let mut report = Report::default();
        report.add(Step::Unit, Ending::Passed, Duration::from_millis(1500), Counts { passed: 5, failed: 0 });
        report.add(Step::Deny, Ending::Partly("no advisories".to_owned()), Duration::ZERO, Counts::default());
        assert_eq!(
            report.table(),
            "unit     ok           1.5 s   5 passed, 0 failed\ndeny     ok           0.0 s   no advisories\n"
        );
    }
}
