//! The server through real HTTP, on both stores.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod accounts;
mod csrf;
mod documents;
mod harness;
mod hostile_bodies;
mod invites;
mod members;
mod operations;
mod passwords;
mod sign_in;
mod tokens;
