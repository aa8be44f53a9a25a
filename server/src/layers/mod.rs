//! What every request passes before its handler, and every answer after it.

mod client;
mod frame;
mod overload;
mod plain_paths;
mod same_origin;
mod user_agent;

pub(crate) use client::Peer;
pub(crate) use frame::{Frame, frame_at_once};
pub(crate) use user_agent::user_agent;
