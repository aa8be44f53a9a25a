//! Where the PostgreSQL is, and whether the way there is encrypted.
//!
//! `sslmode=require` in the URL means TLS with a checked certificate, the server's name included: against the system's
//! certificates, or against the PEM file that `sslrootcert=PATH` names, which implies it. Any other mode is plain.

use crate::error::DistributionError;
use futures::stream::{BoxStream, StreamExt};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use std::sync::Arc;
use tokio_postgres::config::{Host, SslMode};
use tokio_postgres::{AsyncMessage, Client, Config, Error, NoTls};
use tokio_postgres_rustls::MakeRustlsConnect;

/// What a connection hears besides answers; reading it is what moves the connection's bytes.
pub(super) type Messages = BoxStream<'static, Result<AsyncMessage, Error>>;

/// A parsed URL.
#[derive(Clone)]
pub(super) struct Server {
    pub(super) config: Config,
    pub(super) tls: Option<MakeRustlsConnect>,
}

impl Server {
    pub(super) fn parse(url: &str) -> Result<Self, DistributionError> {
        let refused = |reason: String| DistributionError::Url { reason };
        let (url, root) = take_root_certificate(url);
        let mut config: Config = url.parse().map_err(|error: Error| refused(error.to_string()))?;
        if root.is_some() {
            config.ssl_mode(SslMode::Require);
        }
        let tls = match config.get_ssl_mode() {
            SslMode::Require => Some(connector(root.as_deref()).map_err(refused)?),
            _ => {
                config.ssl_mode(SslMode::Disable);
                None
            }
        };
        let server = Self { config, tls };
        if server.tls.is_none() && !server.is_local() {
            tracing::warn!("the connection to PostgreSQL is not encrypted: add sslmode=require to its URL");
        }
        Ok(server)
    }

    /// Connects outside the pool.
    pub(super) async fn connect(&self) -> Result<(Client, Messages), Error> {
        Ok(match &self.tls {
            Some(tls) => {
                let (client, connection) = self.config.connect(tls.clone()).await?;
                (client, messages(connection))
            }
            None => {
                let (client, connection) = self.config.connect(NoTls).await?;
                (client, messages(connection))
            }
        })
    }

    fn is_local(&self) -> bool {
        self.config.get_hosts().iter().all(|host| match host {
            Host::Tcp(name) => matches!(name.as_str(), "localhost" | "127.0.0.1" | "::1"),
            Host::Unix(_) => true,
        })
    }
}

fn messages<S>(mut connection: tokio_postgres::Connection<tokio_postgres::Socket, S>) -> Messages
where
    S: tokio_postgres::tls::TlsStream + Unpin + Send + 'static,
{
    futures::stream::poll_fn(move |context| connection.poll_message(context)).boxed()
}

/// Takes `sslrootcert` out of a URL: the driver does not know it.
fn take_root_certificate(url: &str) -> (String, Option<String>) {
    let Some((front, query)) = url.split_once('?') else {
        return (url.to_owned(), None);
    };
    let (roots, rest): (Vec<&str>, Vec<&str>) =
        query.split('&').partition(|pair| pair.starts_with("sslrootcert="));
    let root = roots.first().and_then(|pair| pair.split_once('=')).map(|(_, path)| path.to_owned());
    (format!("{front}?{}", rest.join("&")), root)
}

fn connector(root: Option<&str>) -> Result<MakeRustlsConnect, String> {
    let mut roots = RootCertStore::empty();
    match root {
        Some(path) => {
            let certificates = CertificateDer::pem_file_iter(path)
                .and_then(Iterator::collect::<Result<Vec<_>, _>>)
                .map_err(|error| format!("sslrootcert: {error}"))?;
            roots.add_parsable_certificates(certificates);
        }
        None => {
            // One odd certificate in a system's store is no reason to trust none of the others.
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        }
    }
    if roots.is_empty() {
        return Err("there is no certificate to check the server's against".to_owned());
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(MakeRustlsConnect::new(config))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encryption_is_what_the_url_says() {
        for (url, encrypted) in [
            ("postgres://u@127.0.0.1/x", false),
            ("postgres://u@db/x?sslmode=disable", false),
            ("postgres://u@db/x?sslmode=prefer&application_name=a", false),
        ] {
            let server = Server::parse(url).unwrap();
            assert_eq!(server.tls.is_some(), encrypted, "{url}");
        }
        for url in [
            "postgres://u@db/x?sslrootcert=/nowhere.pem",
            "postgres://u@db/x?sslmode=nonsense",
            "postgres://u@db/x?sslmode=require&sslrootcert=/dev/null",
        ] {
            assert!(matches!(Server::parse(url), Err(DistributionError::Url { .. })), "{url}");
        }
    }
}
