//! The built console, as files: embedded in release builds, read from `web-ui/dist` in others.
//!
//! Nothing here builds the console, and a build without it is a build all the same: then there is no [`index`].

mod files;

pub use files::{Asset, NONCE_PLACE, asset, index};
