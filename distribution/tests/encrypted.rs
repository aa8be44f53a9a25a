//! Connections to a PostgreSQL that talks TLS: a proxy puts it in front of the test server.

#![expect(clippy::unwrap_used, reason = "a test stops at what it does not expect")]

#[expect(dead_code, reason = "the contract suite uses all of it")]
mod support;

use conman_distribution::DistributionError;
use conman_worker::{ConnectError, Follower, Options, Source};
use rustls::ServerConfig;
use rustls::pki_types::PrivateKeyDer;
use serde_json::json;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use support::{Database, Place, With, applied, on_postgres};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

/// Eight bytes with which a client asks for TLS before it says anything else.
const SSL_REQUEST: [u8; 8] = [0, 0, 0, 8, 4, 210, 22, 47];

struct Encrypted {
    port: u16,
    /// Where the certificate to trust lies.
    root: tempfile::NamedTempFile,
    handshakes: Arc<AtomicUsize>,
}

impl Encrypted {
    /// Shows a certificate for `name`, and carries what comes in to the database.
    async fn before(url: &str, name: &str) -> Self {
        let key = rcgen::generate_simple_self_signed([name.to_owned()]).unwrap();
        let root = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(root.path(), key.cert.pem()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(
                vec![key.cert.der().clone()],
                PrivateKeyDer::try_from(key.signing_key.serialize_der()).unwrap(),
            )
            .unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let target = url.rsplit_once('@').unwrap().1.split_once('/').unwrap().0.to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (port, handshakes) = (listener.local_addr().unwrap().port(), Arc::new(AtomicUsize::new(0)));
        let count = Arc::clone(&handshakes);
        tokio::spawn(async move {
            while let Ok((mut client, _)) = listener.accept().await {
                let (acceptor, target, count) = (acceptor.clone(), target.clone(), Arc::clone(&count));
                tokio::spawn(async move {
                    let mut asked = [0; 8];
                    client.read_exact(&mut asked).await?;
                    if asked != SSL_REQUEST {
                        // Whoever does not ask for TLS gets nothing here.
                        return Ok(());
                    }
                    client.write_all(b"S").await?;
                    let mut client = acceptor.accept(client).await?;
                    count.fetch_add(1, Ordering::Relaxed);
                    let mut server = TcpStream::connect(target).await?;
                    tokio::io::copy_bidirectional(&mut client, &mut server).await.map(|_| ())
                });
            }
        });
        Self { port, root, handshakes }
    }

    fn url(&self, plain: &str, query: &str) -> String {
        let database = plain.rsplit_once('/').unwrap().1;
        format!("postgres://postgres@localhost:{}/{database}?{query}", self.port)
    }

    fn trusting(&self, plain: &str) -> String {
        self.url(plain, &format!("sslrootcert={}", self.root.path().display()))
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everything_goes_over_a_checked_connection() {
    on_postgres(async |db: Database| {
        let encrypted = Encrypted::before(&db.url, "localhost").await;
        let url = encrypted.trusting(&db.url);
        let (port, place) = (conman_distribution::open(&url).await.unwrap(), Place::new());
        let mut changes = port.subscribe();
        applied(port.activate(place.version(1).parameter("n", json!(1))).await.unwrap());
        let change = tokio::time::timeout(Duration::from_secs(10), changes.next()).await;
        assert_eq!(change.unwrap().unwrap().version.0, 1);

        let source = Source::Postgres { url, app_id: place.app, environment_id: place.environment };
        let before = encrypted.handshakes.load(Ordering::Relaxed);
        let follower = Follower::connect(source, Options::new("w")).await.unwrap();
        assert!(before >= 2 && encrypted.handshakes.load(Ordering::Relaxed) > before);
        follower.changed().await;
        applied(port.activate(place.version(2).parameter("n", json!(2))).await.unwrap());
        follower.changed().await;
        assert_eq!(follower.view().parameter::<u32>("n"), Ok(2));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_cannot_be_trusted_is_not_talked_to() {
    on_postgres(async |db: Database| {
        let ours = Encrypted::before(&db.url, "localhost").await;
        let foreign = Encrypted::before(&db.url, "elsewhere.example").await;
        for url in [
            // Signed by nobody that the system knows; right certificate, wrong name; somebody else's certificate.
            ours.url(&db.url, "sslmode=require"),
            foreign.trusting(&db.url),
            ours.url(&db.url, &format!("sslrootcert={}", foreign.root.path().display())),
        ] {
            let error = conman_distribution::open(&url).await.err().unwrap();
            assert!(matches!(error, DistributionError::Unavailable(_)), "{url}: {error:?}");
            let source =
                Source::Postgres { url, app_id: Place::new().app, environment_id: Place::new().environment };
            let hasty = Options { connect_within: Duration::from_millis(200), ..Options::new("w") };
            let error = Follower::connect(source, hasty).await.unwrap_err();
            let expected = matches!(error, ConnectError::Unreachable { .. } | ConnectError::Setup { .. });
            assert!(expected, "{error:?}");
        }
        // Asked to encrypt, a server that cannot is not talked to in the clear.
        let plain = format!("{}?sslmode=require", db.url);
        assert!(conman_distribution::open(&plain).await.is_err());
    })
    .await;
}
