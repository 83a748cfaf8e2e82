//! The stack against a real emulator: up, status, down.
//!
//! What moto does not do as AWS does is said by the proxy in front of it; each such test says so.

mod as_aws_does;
mod asking;
mod crash;
mod drift;
mod faults;
mod ownership;
mod up_and_down;
