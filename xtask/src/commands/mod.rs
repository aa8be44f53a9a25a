//! One module per command.

mod arguments;
mod bench;
mod build;
pub(crate) mod cargo;
mod dispatch;
mod fuzz;
mod generate;
mod guide;
mod run;
mod servers;
mod test;
pub(crate) mod tidy;
pub(crate) mod web_ui;

use arguments::without_arguments;
pub(crate) use dispatch::dispatch;
