//! The command line: arguments, subcommands and exit status.

mod arguments;
mod connect;
mod error;
mod go_flags;
#[cfg(target_os = "linux")]
mod init;
mod kv;
mod log_format;
mod logs;
mod option_errors;
mod pretty_json;
mod printer;
mod stdout;
#[path = "../text.rs"]
mod text;
mod values;
mod watch;

use std::{
    ffi::OsString,
    io::{self, Write as _},
    process::ExitCode,
};

use clap::{CommandFactory, FromArgMatches};
use consul_watch::daemon::{self, RunOptions};

use self::{
    arguments::{Arguments, Command, WatchArguments},
    error::CliError,
};

/// Runs the command, and returns its exit status.
pub(crate) fn main(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let mut definition = Arguments::command();
    let arguments = go_flags::normalized(&definition, arguments);
    let arguments = definition
        .try_get_matches_from_mut(arguments)
        .and_then(|matches| Arguments::from_arg_matches(&matches))
        .unwrap_or_else(|error| error.exit());
    let below = run_below_init(&arguments);
    let result = below.unwrap_or_else(|| run(arguments, definition).map(|()| ExitCode::SUCCESS));
    logs::finish();
    match result {
        Ok(status) => status,
        Err(error) => {
            // The exit status says it too, should the reader be gone.
            let _ = writeln!(io::stderr(), "consul-watch: {error}");
            error.exit_code()
        }
    }
}

/// Runs a command that runs programs below an init process, if this process has to be one.
fn run_below_init(arguments: &Arguments) -> Option<Result<ExitCode, CliError>> {
    let runs_programs = matches!(arguments.command, None | Some(Command::Run { .. }));
    #[cfg(target_os = "linux")]
    if runs_programs {
        return init::run_below();
    }
    #[cfg(not(target_os = "linux"))]
    let _ = runs_programs;
    None
}

fn run(arguments: Arguments, mut definition: clap::Command) -> Result<(), CliError> {
    match arguments.command {
        Some(Command::Completions { shell }) => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut definition, "consul-watch", &mut script);
            stdout::print(|out| out.write_all(&script))
        }
        Some(Command::Man) => stdout::print(|out| clap_mangen::Man::new(definition).render(out)),
        Some(Command::Run {
            configs,
            connect,
            log,
        }) => {
            let options = RunOptions::new(connect.config()?).on_log(logs::follow(&log));
            Ok(actix::System::new().block_on(daemon::run(&configs, options))?)
        }
        Some(Command::Check { configs, connect }) => {
            let summary = daemon::check(&configs, &connect.config()?)?;
            stdout::print(|out| writeln!(out, "{summary}"))
        }
        Some(Command::Kv { command }) => {
            logs::start(&arguments.watch.log, "warn");
            actix::System::new().block_on(kv::run(command))
        }
        None => {
            logs::start(&arguments.watch.log, "warn");
            refuse_unknown_command(&arguments.watch, &definition)?;
            actix::System::new().block_on(watch::run(arguments.watch))
        }
    }
}

/// Refuses a misspelled command, which would otherwise be the program of a watch without a type.
fn refuse_unknown_command(
    arguments: &WatchArguments,
    definition: &clap::Command,
) -> Result<(), CliError> {
    let Some(given) = arguments.program.first().and_then(|word| word.to_str()) else {
        return Ok(());
    };
    let nearest = definition
        .get_subcommands()
        .map(|command| (strsim::osa_distance(given, command.get_name()), command))
        .filter(|(distance, _)| *distance <= 2)
        .min_by_key(|(distance, _)| *distance);
    match nearest {
        Some((_, command)) if arguments.kind.is_none() => Err(CliError::UnknownCommand {
            given: given.to_owned(),
            nearest: command.get_name().to_owned(),
        }),
        _ => Ok(()),
    }
}
