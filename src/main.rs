//! The command `consul-watch`: reads its arguments and hands over.

mod cli;

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::main(std::env::args_os())
}
