//! The log: one line per event on standard error.

use crate::arguments::{LogArguments, LogFormat};
use anyhow::{Context as _, Result};
use tracing_subscriber::EnvFilter;

/// Starts logging: what was asked for, or what is usual for the command.
pub(crate) fn start(arguments: &LogArguments, usual: &str) -> Result<()> {
    // A malformed cookie is no event worth a warning: anybody could fill the log with them.
    let usual = format!("{usual},tower_sessions=error,tower_sessions_core=error");
    let wanted = arguments.log.as_deref().unwrap_or(&usual);
    let filter = EnvFilter::try_new(wanted).with_context(|| format!("--log does not take `{wanted}`"))?;
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    match arguments.log_format {
        LogFormat::Text => log.with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr())).init(),
        LogFormat::Json => {
            log.json().flatten_event(true).init();
            // A panic is an event like others: whoever reads the log reads JSON.
            std::panic::set_hook(Box::new(|panic| {
                let thread = std::thread::current();
                tracing::error!(thread = thread.name().unwrap_or("?"), %panic, "a panic");
            }));
        }
    }
    Ok(())
}
