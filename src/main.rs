//! The command `consul-watch`.

mod cli;

use std::process::ExitCode;

fn main() -> ExitCode {
    consul_watch::handlers::guard_programs();
    cli::main(std::env::args_os())
}
