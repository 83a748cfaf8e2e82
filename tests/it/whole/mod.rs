//! The day of an operator from beginning to end: a stack and a host, posts through the host's stream into the lake, hours
//! combined, topics found, read, asked and reported, everything torn down. By commands and by keys alone, in the sandbox
//! and against moto with a real sshd as the host; and with faults in the way, from which every post still comes out once.

mod account;
mod by_commands;
mod by_keys;
mod given;
mod on_a_machine;
