//! The day of an operator from beginning to end: a stack and a host, posts through the host's stream into the lake, hours
//! combined, topics found, read, asked and reported, everything torn down. Once by commands in the sandbox, once by
//! commands against moto with a real sshd as the host; and with faults in the way, from which every post still comes out
//! once.

mod by_commands;
mod given;
