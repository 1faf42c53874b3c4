//! The command line: arguments, subcommands and exit status.

mod arguments;
mod client_errors;
mod commands;
mod completions;
mod connect;
mod empty_options;
mod error;
mod go_flags;
#[cfg(target_os = "linux")]
mod init;
mod kv;
mod log_format;
mod logs;
mod manual;
mod option_errors;
mod pretty_json;
mod printer;
mod room;
mod stdout;
#[path = "../text.rs"]
mod text;
mod unused_options;
mod values;
mod watch;

use std::{
    ffi::OsString,
    io::{self, Write as _},
    process::ExitCode,
};

use clap::{CommandFactory, FromArgMatches, error::ErrorKind};
use consul_watch::daemon::{self, RunOptions};

use self::{
    arguments::{Arguments, Command},
    empty_options::warn_of_ignored,
    error::CliError,
    go_flags::Normalized,
};

/// Runs the command, and returns its exit status.
pub(crate) fn main(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let mut definition = Arguments::command();
    let given = go_flags::normalized(&definition, arguments);
    let is_kv = given.arguments.get(1).is_some_and(|word| word == "kv");
    let parsed = definition
        .try_get_matches_from_mut(&given.arguments)
        .and_then(|matches| Arguments::from_arg_matches(&matches))
        .map_err(|error| named(error, &given, &mut definition));
    let arguments = match parsed {
        Ok(arguments) => arguments,
        // As with `consul kv`.
        Err(error) if is_kv && error.exit_code() != 0 => {
            // The exit status says it too, should the reader be gone.
            let _ = error.print();
            return ExitCode::FAILURE;
        }
        Err(error) => error.exit(),
    };
    let room = room::check(arguments.command.as_ref()).map_err(CliError::from);
    let result = room.and_then(|()| {
        let below = run_below_init(&arguments);
        below.unwrap_or_else(|| run(arguments, &given, definition).map(|()| ExitCode::SUCCESS))
    });
    logs::finish();
    match result {
        Ok(status) => status,
        Err(CliError::Kv(error)) => {
            say(&error.to_string());
            ExitCode::FAILURE
        }
        Err(error) => {
            say(&format!("consul-watch: {error}"));
            error.exit_code()
        }
    }
}

/// Returns the error with the name of the option whose text is not UTF-8, which the one of clap does not have.
fn named(error: clap::Error, given: &Normalized, definition: &mut clap::Command) -> clap::Error {
    match given.not_utf8.first() {
        Some(option) if error.kind() == ErrorKind::InvalidUtf8 => definition.error(
            error.kind(),
            format!("the value of '--{option}' is not UTF-8; write it in UTF-8"),
        ),
        _ => error,
    }
}

/// Prints an error. What it holds of names and files commands no terminal.
fn say(error: &str) {
    const MAX_LINE: usize = 16_384;
    let lines: Vec<_> = error
        .lines()
        .map(|line| text::escaped(line, MAX_LINE))
        .collect();
    // The exit status says it too, should the reader be gone.
    let _ = writeln!(io::stderr(), "{}", lines.join("\n"));
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

fn run(
    arguments: Arguments,
    given: &Normalized,
    mut definition: clap::Command,
) -> Result<(), CliError> {
    match arguments.command {
        Some(Command::Completions { shell }) => {
            let script = completions::script(shell, &mut definition);
            stdout::print(|out| out.write_all(script.as_bytes()))
        }
        Some(Command::Man) => stdout::print(|out| manual::write(Arguments::command(), out)),
        Some(Command::Run {
            configs,
            connect,
            log,
        }) => {
            let mut follow = logs::follow(&log);
            let (empty, replaced) = (given.empty.clone(), given.replaced.clone());
            let mut is_first = true;
            let options = RunOptions::new(connect.config()?)
                .overriding(connect.fields())
                .on_log(move |settings| {
                    follow(settings);
                    if std::mem::take(&mut is_first) {
                        warn_of_ignored(&empty, &replaced);
                    }
                });
            Ok(actix::System::new().block_on(daemon::run(&configs, options))?)
        }
        Some(Command::Check { configs, connect }) => {
            logs::start(&arguments.watch.log, "warn");
            warn_of_ignored(&given.empty, &given.replaced);
            let options = RunOptions::new(connect.config()?).overriding(connect.fields());
            let summary = daemon::check(&configs, &options)?;
            stdout::print(|out| writeln!(out, "{summary}"))
        }
        Some(Command::Kv { command }) => {
            logs::start(&arguments.watch.log, "warn");
            warn_of_ignored(&given.empty, &given.replaced);
            Ok(actix::System::new().block_on(kv::run(command))?)
        }
        None => {
            // The handler of the only watch ends with a program that fails, which is reported as such.
            let level = "warn,consul_watch_actors::supervisor::linger=error";
            logs::start(&arguments.watch.log, level);
            commands::refuse_misplaced(&arguments.watch, &given.arguments, &definition)?;
            empty_options::refuse_wider(&given.empty, &arguments.watch)?;
            warn_of_ignored(&given.empty, &given.replaced);
            unused_options::warn_of_unused(&arguments.watch);
            actix::System::new().block_on(watch::run(arguments.watch))
        }
    }
}
