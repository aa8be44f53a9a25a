//! Which steps a run has.

use crate::failure::{Failure, Outcome};

/// A step of the test command, in the order in which they run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    Setup,
    Format,
    Tidy,
    Deny,
    Clippy,
    Build,
    Unit,
    Doc,
    Python,
    Console,
}

impl Step {
    pub(crate) const ALL: [Step; 10] = [
        Step::Setup,
        Step::Format,
        Step::Tidy,
        Step::Deny,
        Step::Clippy,
        Step::Build,
        Step::Unit,
        Step::Doc,
        Step::Python,
        Step::Console,
    ];

    /// The step's name on the command line and in the table.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Step::Setup => "setup",
            Step::Format => "fmt",
            Step::Tidy => "tidy",
            Step::Deny => "deny",
            Step::Clippy => "clippy",
            Step::Build => "build",
            Step::Unit => "unit",
            Step::Doc => "doc",
            Step::Python => "python",
            Step::Console => "console",
        }
    }
}

/// The steps of a run, and what nextest is told besides.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Selection {
    steps: Vec<Step>,
    pub(crate) nextest_arguments: Vec<String>,
}

impl Selection {
    /// Reads `[--only STEP,STEP…] [-- ARGS…]`.
    pub(crate) fn parse(arguments: &[String]) -> Outcome<Self> {
        let (own, nextest) = match arguments.iter().position(|argument| argument == "--") {
            Some(at) => (&arguments[..at], &arguments[at + 1..]),
            None => (arguments, &[][..]),
        };
        let nextest = nextest.to_vec();
        let mut steps = Step::ALL.to_vec();
        let mut own = own.iter();
        while let Some(argument) = own.next() {
            let list = match (argument.as_str(), argument.strip_prefix("--only=")) {
                (_, Some(list)) => list,
                ("--only", None) => {
                    own.next().ok_or_else(|| Failure::new("`--only` needs a list of steps"))?
                }
                (other, None) => return Err(Failure::new(format!("`test` does not know `{other}`"))),
            };
            steps = only(list, packages(&nextest).is_empty())?;
        }
        Ok(Self { steps, nextest_arguments: nextest.to_vec() })
    }

    /// The packages that nextest is told to test; none for all of them.
    pub(crate) fn packages(&self) -> Vec<&str> {
        packages(&self.nextest_arguments)
    }

    pub(crate) fn contains(&self, step: Step) -> bool {
        self.steps.contains(&step)
    }
}

fn packages(nextest_arguments: &[String]) -> Vec<&str> {
    let mut packages = Vec::new();
    let mut arguments = nextest_arguments.iter();
    while let Some(argument) = arguments.next() {
        match argument.strip_prefix("--package=").or_else(|| argument.strip_prefix("-p")) {
            Some("") => packages.extend(arguments.next().map(String::as_str)),
            Some(package) => packages.push(package.trim_start_matches('=')),
            None if argument == "--package" => packages.extend(arguments.next().map(String::as_str)),
            None => {}
        }
    }
    packages
}

fn only(list: &str, whole_workspace: bool) -> Outcome<Vec<Step>> {
    let mut steps = vec![Step::Setup];
    for name in list.split(',').map(str::trim).filter(|name| !name.is_empty()) {
        let step = Step::ALL.into_iter().find(|step| step.name() == name);
        let step = step.ok_or_else(|| {
            let known = Step::ALL.map(Step::name).join(", ");
            Failure::new(format!("there is no step `{name}`; there is: {known}"))
        })?;
        // The tests' build also makes the binary that they start; for some packages alone it would build too much.
        if step == Step::Unit && whole_workspace {
            steps.push(Step::Build);
        }
        steps.push(step);
    }
    Ok(steps)
}

#[cfg(test)]
mod tests {
    use super::{Selection, Step};

    fn parse(line: &str) -> Option<Selection> {
        let arguments: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        Selection::parse(&arguments).ok()
    }

    #[test]
    fn everything_runs_unless_steps_are_named() {
        let all = parse("").unwrap();
        assert!(Step::ALL.into_iter().all(|step| all.contains(step)));
        let some = parse("--only fmt,tidy").unwrap();
        let steps: Vec<&str> =
            Step::ALL.into_iter().filter(|step| some.contains(*step)).map(Step::name).collect();
        assert_eq!(steps, ["setup", "fmt", "tidy"]);
        assert!(parse("--only=unit").unwrap().contains(Step::Build), "tests start the binary");
        assert!(!parse("--only python").unwrap().contains(Step::Build), "the binary alone does for these");
    }

    #[test]
    fn what_follows_the_dashes_goes_to_nextest() {
        let selection = parse("--only unit -- -p conman-store --only x").unwrap();
        assert_eq!(selection.nextest_arguments, ["-p", "conman-store", "--only", "x"]);
        assert!(!selection.contains(Step::Clippy));
        assert_eq!(selection.packages(), ["conman-store"]);
        assert!(!selection.contains(Step::Build), "one package does not need all to be built");
    }

    #[test]
    fn packages_are_named_in_four_ways() {
        let selection = parse("-- -p a -pb --package c --package=d -E test(e)").unwrap();
        assert_eq!(selection.packages(), ["a", "b", "c", "d"]);
    }

    #[test]
    fn unknown_steps_and_words_are_refused() {
        for line in ["--only", "--only walk", "store", "--fast"] {
            assert_eq!(parse(line), None, "{line}");
        }
    }
}
