//! The console in a terminal: the real binary in a pseudo-terminal, over a sandbox.

mod host_and_logs;
mod in_a_terminal;
mod topics;
