//! `conman serve`.

use crate::arguments::ServeArguments;
use crate::ending::{Ending, Outcome};
use crate::mailer::MailSettings;
use crate::server::{Server, ServerSettings};
use crate::services::Places;
use crate::{print, signals};
use anyhow::Context as _;
use serde_json::json;

/// Serves until told to stop.
pub(crate) async fn run(arguments: ServeArguments) -> Outcome {
    let shutdown = signals::shutdown().map_err(Ending::CannotStart)?;
    let json = arguments.json;
    let Some(server) = Server::start(settings(arguments)?, &shutdown).await? else {
        return Ok(());
    };
    let link = server.setup_link().await?;
    tracing::info!(listening = server.url, url = server.public_url, "serving");
    if json {
        print::line(&json!({"url": server.public_url, "setup_url": link}).to_string())
    } else {
        let link = link.map(|link| format!("Make the first account: {link}"));
        let lines: Vec<String> =
            std::iter::once(format!("Conman serves {}", server.public_url)).chain(link).collect();
        print::line(&lines.join("\n"))
    }
    .context("nobody reads that the server is ready")?;
    server.serve_until(&shutdown).await?;
    tracing::info!("stopped");
    Ok(())
}

fn settings(arguments: ServeArguments) -> Outcome<ServerSettings> {
    let given = |text: Option<String>| text.filter(|text| !text.is_empty());
    let (store, distribution) = (given(arguments.store), given(arguments.distribution));
    let mut places = Places::new(&arguments.data, store.as_deref(), distribution.as_deref())?;
    if arguments.shared_repositories {
        places = places.shared()?;
    }
    let mail = given(arguments.smtp_url).map(|url| MailSettings { url, from: given(arguments.mail_from) });
    Ok(ServerSettings {
        listen: arguments.listen,
        data: arguments.data,
        places,
        public_url: given(arguments.public_url),
        mail,
        trusted_proxies: arguments.trusted_proxies,
        local_imports: arguments.local_imports,
    })
}
