//! Parses the command line, hands over to the library, and turns what comes back into an exit code.

use std::process::ExitCode;

fn main() -> ExitCode {
    hydrant::cli::run(std::env::args_os())
}
