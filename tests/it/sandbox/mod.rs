//! The sandbox, as a process: what it says, what it keeps, what it withstands, and the stack upon it.

mod conformance;
mod delivery;
mod fuzz;
mod host;
mod serve;
mod stack;
