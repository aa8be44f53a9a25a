//! `conman api METHOD PATH`.

use crate::arguments::ApiArguments;
use crate::client::Client;
use crate::ending::{Ending, Outcome};
use crate::print;
use anyhow::Context as _;
use std::io::Read as _;

/// Sends one request and prints what it answers.
pub(crate) async fn run(arguments: ApiArguments) -> Outcome {
    let body = match arguments.data.as_deref() {
        Some("-") => {
            let mut text = String::new();
            std::io::stdin().read_to_string(&mut text).context("standard input cannot be read")?;
            Some(text)
        }
        Some(text) => Some(text.to_owned()),
        None => None,
    };
    let body = body.map(|text| serde_json::from_str(&text).context("--data is not JSON"));
    let body: Option<serde_json::Value> = body.transpose().map_err(Ending::CannotStart)?;
    let path = format!("/{}", arguments.path.trim_start_matches('/'));
    let client = Client::new(&arguments.server, arguments.token)?;
    let answer = client.send_json(arguments.method, &path, arguments.if_match.as_deref(), body).await?;
    if !answer.is_null() {
        print::line(&format!("{answer:#}")).context("the answer cannot be printed")?;
    }
    Ok(())
}
