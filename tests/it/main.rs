//! One test program for the whole of hydrant, a module for each room: linking the AWS clients once is enough.

// Test code fails by panicking; that is what it is for.
#![allow(clippy::unwrap_used, clippy::missing_panics_doc, clippy::pedantic, unreachable_pub)]

mod bad_input;
mod cli;
#[cfg(feature = "sandbox")]
mod console;
mod host;
mod lake;
mod logs;
#[cfg(feature = "sandbox")]
mod notebook;
#[cfg(feature = "sandbox")]
mod sandbox;
mod spark;
mod stack;
mod stream;
mod support;
mod topics;
#[cfg(feature = "sandbox")]
mod whole;
