//! Two trees of configuration in, changes in the domain's words out.
//!
//! Bytes in, values out; nothing here fails on input, waits or touches a disk. So far it holds the strict reading of
//! configuration files, on which everything else will stand: [`strict::problems`].

pub mod strict;
