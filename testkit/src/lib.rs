//! What the tests of this workspace stand on: real databases, throw-away folders, and the real binary, started and
//! killed. A test that lacks something it needs fails with one sentence; nothing is skipped.
//!
//! ```no_run
//! # async fn example() -> anyhow::Result<()> {
//! use conman_testkit::{MongoDatabase, PostgresDatabase, ConmanCommand, binary};
//!
//! let store = MongoDatabase::fresh().await?;
//! let distribution = PostgresDatabase::fresh().await?;
//! let folder = conman_testkit::folder()?;
//! let mut conman = ConmanCommand::new(binary::conman()?)
//!     .args(["demo", "--serve", "--json", "--listen", "127.0.0.1:0"])
//!     .arg("--data").arg(folder.path())
//!     .arg("--store").arg(store.url())
//!     .arg("--distribution").arg(distribution.url())
//!     .start().await?;
//! let url = conman.ready()["url"].clone();
//! conman.kill().await?;
//! conman.restart().await?;
//! # Ok(())
//! # }
//! ```

pub mod binary;
mod clean_up;
mod folder;
mod mongodb;
mod postgres;
mod process;
mod server_url;

pub use crate::folder::folder;
pub use crate::mongodb::MongoDatabase;
pub use crate::postgres::PostgresDatabase;
pub use crate::process::{ConmanCommand, ConmanProcess};
pub use crate::server_url::{mongodb_server, postgres_server};
