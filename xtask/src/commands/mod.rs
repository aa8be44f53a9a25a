//! One module per command.

mod arguments;
mod dispatch;
mod servers;
mod tidy;

use arguments::without_arguments;
pub(crate) use dispatch::dispatch;
