//! What can be typed.

use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use ipnet::IpNet;
use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::PathBuf;

/// A Git-backed workflow server for configuration.
#[derive(Debug, Parser)]
#[command(name = "conman", version, arg_required_else_help = true)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Command,
    #[command(flatten)]
    pub(crate) log: LogArguments,
}

/// What is logged, and how.
#[derive(Debug, Args)]
pub(crate) struct LogArguments {
    /// What is logged, such as `warn` or `info,conman_jobs=debug`; `info` for `serve`, `warn` for everything else.
    #[arg(long, global = true, env = "CONMAN_LOG", value_name = "FILTER")]
    pub(crate) log: Option<String>,
    /// How a line of the log looks.
    #[arg(long, global = true, env = "CONMAN_LOG_FORMAT", value_name = "FORMAT", default_value = "text")]
    pub(crate) log_format: LogFormat,
}

/// How a line of the log looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormat {
    /// For people.
    Text,
    /// One JSON object per line.
    Json,
}

/// What is to be done.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Serve until told to stop.
    Serve(ServeArguments),
    /// Play the whole workflow on a sample app, or serve it to look around.
    Demo(DemoArguments),
    /// What programs that follow an environment do.
    #[command(subcommand)]
    Worker(WorkerCommand),
    /// Show what changed between two revisions, files or folders, in the domain's words.
    ///
    /// Git may call it for every file that differs: `git -c diff.external='conman diff' diff`.
    Diff(DiffArguments),
    /// Check a folder, or a revision of a repository, as a validation does: YAML, schemas, references, the catalog.
    ///
    /// Ends with 1 where there are errors.
    Check(CheckArguments),
    /// Send one request to a server and print its answer.
    Api(ApiArguments),
    /// Print the description of the HTTP API (OpenAPI 3.1).
    Openapi,
    /// Print what a shell needs to complete words.
    Completion {
        /// Which shell.
        shell: Shell,
    },
}

/// How to serve.
#[derive(Debug, Args)]
pub(crate) struct ServeArguments {
    /// The address and port to listen on; port 0 takes any free one.
    #[arg(long, env = "CONMAN_LISTEN", value_name = "ADDR", default_value = "127.0.0.1:7070")]
    pub(crate) listen: SocketAddr,
    /// The folder for everything that is kept here; made where it is missing.
    #[arg(long, env = "CONMAN_DATA", value_name = "DIR", default_value = ".conman")]
    pub(crate) data: PathBuf,
    /// The workflow's memory: `sqlite:FOLDER` (DIR/store unless told otherwise) or `mongodb://HOSTS/DATABASE`.
    #[arg(long, env = "CONMAN_STORE", value_name = "URL", hide_env_values = true)]
    pub(crate) store: Option<String>,
    /// What workers read: `sqlite:FILE` (DIR/distribution.db unless told otherwise) or `postgres://HOST/DATABASE`.
    #[arg(long, env = "CONMAN_DISTRIBUTION", value_name = "URL", hide_env_values = true)]
    pub(crate) distribution: Option<String>,
    /// The address under which people reach the server; http and where it listens, unless told otherwise.
    #[arg(long, env = "CONMAN_PUBLIC_URL", value_name = "URL")]
    pub(crate) public_url: Option<String>,
    /// The mail server: `smtp://HOST:PORT`, with `?tls=required` for STARTTLS, or `smtps://USER:PASSWORD@HOST`;
    /// without one, mails stay in the outbox.
    #[arg(long, env = "CONMAN_SMTP_URL", value_name = "URL", hide_env_values = true)]
    pub(crate) smtp_url: Option<String>,
    /// Whom mails come from; `conman@` and the public address's host, unless told otherwise.
    #[arg(long, env = "CONMAN_MAIL_FROM", value_name = "ADDRESS")]
    pub(crate) mail_from: Option<String>,
    /// The networks of proxies whose `X-Forwarded-For` is believed, such as `10.0.0.0/8`; nobody's unless told.
    #[arg(
        long = "trusted-proxy",
        env = "CONMAN_TRUSTED_PROXIES",
        value_name = "NETWORK",
        value_delimiter = ','
    )]
    pub(crate) trusted_proxies: Vec<IpNet>,
    /// Several servers share the folder of repositories, one store and one distribution database.
    #[arg(long)]
    pub(crate) shared_repositories: bool,
    /// Instance admins may make apps from folders of this machine.
    #[arg(long)]
    pub(crate) local_imports: bool,
    /// Print one JSON object when ready.
    #[arg(long)]
    pub(crate) json: bool,
}

/// How to show the sample app.
#[derive(Debug, Args)]
#[command(group = clap::ArgGroup::new("mode").required(true))]
pub(crate) struct DemoArguments {
    /// Play everything once in a throw-away folder, check what came of it, and end.
    #[arg(long, group = "mode")]
    pub(crate) headless: bool,
    /// Put the sample app in place and serve until told to stop.
    #[arg(long, group = "mode")]
    pub(crate) serve: bool,
    /// Print the result, or what is needed to sign in, as one JSON object.
    #[arg(long)]
    pub(crate) json: bool,
    /// The address and port to listen on; any free port of this machine unless told otherwise.
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:0", conflicts_with = "headless")]
    pub(crate) listen: SocketAddr,
    /// The folder to keep the sample app in, and to find it again; a throw-away folder unless told otherwise.
    #[arg(long, value_name = "DIR", conflicts_with = "headless")]
    pub(crate) data: Option<PathBuf>,
    /// The workflow's memory, as for `serve`; a headless demo uses a fresh database beside the one named.
    #[arg(long, value_name = "URL")]
    pub(crate) store: Option<String>,
    /// What workers read, as for `serve`; a headless demo uses a fresh database beside the one named.
    #[arg(long, value_name = "URL")]
    pub(crate) distribution: Option<String>,
}

/// What programs that follow an environment do.
#[derive(Debug, Subcommand)]
pub(crate) enum WorkerCommand {
    /// Follow an environment and print each version as it applies.
    Run(WorkerArguments),
}

/// What to follow.
#[derive(Debug, Args)]
pub(crate) struct WorkerArguments {
    /// The server to follow.
    #[arg(long, env = "CONMAN_SERVER", value_name = "URL")]
    pub(crate) server: Option<String>,
    /// A service token of the environment.
    #[arg(long, env = "CONMAN_TOKEN", value_name = "TOKEN", hide_env_values = true)]
    pub(crate) token: Option<String>,
    /// The PostgreSQL database to follow, `postgres://HOST/DATABASE`.
    #[arg(long, value_name = "URL")]
    pub(crate) distribution: Option<String>,
    /// The app's id.
    #[arg(long, value_name = "ID")]
    pub(crate) app: Option<uuid::Uuid>,
    /// The environment's id.
    #[arg(long, value_name = "ID")]
    pub(crate) environment: Option<uuid::Uuid>,
    /// How the worker is shown to people; `worker-` and the number of the process, unless told otherwise.
    #[arg(long, value_name = "NAME")]
    pub(crate) name: Option<String>,
    /// How versions are printed.
    #[arg(long, short, value_name = "FORMAT", default_value = "table")]
    pub(crate) output: Output,
}

/// How results are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Output {
    /// One line of text each.
    Table,
    /// One JSON object per line.
    Json,
}

/// What to compare.
#[derive(Debug, Args)]
pub(crate) struct DiffArguments {
    /// The older side: a revision of the repository; or a file or folder, where HEAD is one of the same kind.
    pub(crate) base: OsString,
    /// The newer side.
    // Of a path in conflict, Git tells the path alone.
    #[arg(required = !crate::diff::git_is_caller())]
    pub(crate) head: Option<OsString>,
    /// What else Git passes where it calls.
    #[arg(hide = true)]
    pub(crate) rest: Vec<OsString>,
    /// The repository that BASE and HEAD are revisions of, be they names of files or not; the one around the current
    /// folder unless told otherwise.
    #[arg(long, value_name = "DIR")]
    pub(crate) repo: Option<PathBuf>,
    /// How the differences are printed.
    #[arg(long, short, value_name = "FORMAT", default_value = "table")]
    pub(crate) output: DiffOutput,
    /// End with 1 where there are differences.
    #[arg(long)]
    pub(crate) exit_code: bool,
}

impl DiffArguments {
    /// All words in a row.
    pub(crate) fn words(&self) -> Vec<&OsString> {
        std::iter::once(&self.base).chain(&self.head).chain(&self.rest).collect()
    }
}

/// How differences are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum DiffOutput {
    /// One line of text per change, by file.
    Table,
    /// One JSON object, as the HTTP API answers.
    Json,
    /// A list per file.
    Markdown,
}

/// What to check.
#[derive(Debug, Args)]
pub(crate) struct CheckArguments {
    /// The folder, the current one unless told otherwise; with `--repo`, the revision, HEAD unless told otherwise.
    #[arg(value_name = "DIR|REV")]
    pub(crate) what: Option<OsString>,
    /// The repository whose revision is checked, without touching its working files.
    #[arg(long, value_name = "DIR")]
    pub(crate) repo: Option<PathBuf>,
    /// How the findings are printed.
    #[arg(long, short, value_name = "FORMAT", default_value = "table")]
    pub(crate) output: CheckOutput,
}

/// How findings are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum CheckOutput {
    /// One line of text per finding, by file.
    Table,
    /// One JSON object.
    Json,
}

/// One request.
#[derive(Debug, Args)]
pub(crate) struct ApiArguments {
    /// The method, such as GET.
    pub(crate) method: reqwest::Method,
    /// The path, such as /api/me.
    pub(crate) path: String,
    /// The body as JSON; `-` reads it from standard input.
    #[arg(long, value_name = "JSON")]
    pub(crate) data: Option<String>,
    /// The version that a write replaces: the ETag of what was read.
    #[arg(long, value_name = "ETAG")]
    pub(crate) if_match: Option<String>,
    /// The server.
    #[arg(long, env = "CONMAN_SERVER", value_name = "URL", default_value = "http://127.0.0.1:7070")]
    pub(crate) server: String,
    /// A personal access token.
    #[arg(long, env = "CONMAN_TOKEN", value_name = "TOKEN", hide_env_values = true)]
    pub(crate) token: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    #[test]
    fn the_arguments_fit_together() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn a_demo_is_either_played_or_served() {
        let parse = |words: &[&str]| Arguments::try_parse_from([&["conman", "demo"], words].concat()).is_ok();
        assert!(parse(&["--headless", "--json", "--store", "mongodb://h/d"]));
        assert!(parse(&["--serve", "--listen", "127.0.0.1:0", "--data", "x"]));
        assert!(!parse(&[]));
        assert!(!parse(&["--headless", "--serve"]));
        assert!(!parse(&["--headless", "--data", "x"]));
    }
}
