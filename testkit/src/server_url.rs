//! The addresses of the test servers, handed over in the environment.

use anyhow::{Result, bail};

/// The address of the MongoDB replica set of this test run, without a database name.
///
/// # Errors
///
/// Fails when nobody started one; the sentence says how to.
pub fn mongodb_server() -> Result<String> {
    from_environment("MongoDB", "CONMAN_TEST_MONGODB")
}

/// The address of the PostgreSQL cluster of this test run, with a database that every test may connect to but none
/// may write.
///
/// # Errors
///
/// Fails when nobody started one; the sentence says how to.
pub fn postgres_server() -> Result<String> {
    from_environment("PostgreSQL", "CONMAN_TEST_POSTGRES")
}

fn from_environment(server: &str, variable: &str) -> Result<String> {
    match std::env::var(variable) {
        Ok(url) if !url.is_empty() => Ok(url),
        _ => bail!(
            "this test needs {server}, and {variable} is not set: run `cargo xtask test`, or start the servers with \
             `cargo xtask servers` and set the variables that it prints"
        ),
    }
}

/// A name that no other test uses, of letters, digits and `_`, at most 63 bytes (PostgreSQL's and MongoDB's limit).
pub(crate) fn unique_name() -> String {
    format!("conman_test_{}", uuid::Uuid::now_v7().simple())
}

/// The same address with another database.
pub(crate) fn with_database(url: &str, database: &str) -> Result<String> {
    let Some((scheme, rest)) = url.split_once("://") else { bail!("not an address of a server: {url}") };
    let (rest, options) = match rest.split_once('?') {
        Some((rest, options)) => (rest, format!("?{options}")),
        None => (rest, String::new()),
    };
    let hosts = rest.split_once('/').map_or(rest, |(hosts, _)| hosts);
    Ok(format!("{scheme}://{hosts}/{database}{options}"))
}

#[cfg(test)]
mod tests {
    use super::{from_environment, unique_name, with_database};

    #[test]
    fn a_database_takes_the_place_of_the_one_that_is_named() {
        let cases = [
            ("mongodb://h:1/?replicaSet=rs0", "mongodb://h:1/x?replicaSet=rs0"),
            ("mongodb://h:1,g:2", "mongodb://h:1,g:2/x"),
            ("mongodb://h:1?w=1", "mongodb://h:1/x?w=1"),
            ("postgres://u:p%2F@h:1/postgres", "postgres://u:p%2F@h:1/x"),
        ];
        for (url, expected) in cases {
            assert_eq!(with_database(url, "x").unwrap(), expected);
        }
        assert!(with_database("h:1", "x").is_err());
    }

    #[test]
    fn names_are_short_and_differ() {
        let (one, two) = (unique_name(), unique_name());
        assert_ne!(one, two);
        assert!(one.len() <= 63, "{one}");
    }

    #[test]
    fn a_missing_server_is_an_error_that_says_what_to_do() {
        let error = from_environment("MongoDB", "CONMAN_TEST_OF_A_SERVER_THAT_NOBODY_STARTS").unwrap_err();
        let text = error.to_string();
        assert!(text.contains("cargo xtask test"), "{text}");
        assert!(text.contains("cargo xtask servers"), "{text}");
    }
}
