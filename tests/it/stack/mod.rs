//! The stack against a real emulator: up, status, down.

mod up_and_down;
