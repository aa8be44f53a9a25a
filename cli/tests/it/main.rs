//! The real binary as people and scripts call it: started, asked, stopped.

mod commands;
mod common;
mod demo;
mod mail;
mod missing;
mod serve;
mod smtp;
mod worker;
