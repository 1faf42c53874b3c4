//! Command-line arguments. The doc comments here are the texts of `--help`.

#![expect(
    clippy::doc_markdown,
    reason = "doc comments here are shown in a terminal"
)]

use std::{ffi::OsString, path::PathBuf, time::Duration};

use clap::{ArgAction, Args, Parser, Subcommand, ValueEnum};
use consul_watch::definition::WatchType;

use super::{
    connect::ConnectArguments,
    kv::arguments::KvCommand,
    values::{Suggested, boolean, duration},
};

/// Examples, and after `Exit status:` a line for each status.
pub(super) const EXAMPLES: &str = "\
Examples:
  Print the instances of a service once:
    consul-watch -type=service -service=web

  Run a script on each change of a key, with the key's JSON on its standard input:
    consul-watch -type=key -key=app/limits ./reload-limits.sh

  Print the names of removed keys under a prefix, from one JSON object per change:
    consul-watch -type=keyprefix -prefix=app/ --format=jsonl | jq 'select(.kind == \"removed\").name'

  Wait up to 30 seconds for the next deployment event:
    consul-watch -type=event -name=deploy --changes-only --once=30s

  Check the watches of configuration files, and run them as a daemon:
    consul-watch check /etc/consul-watch.d && consul-watch run /etc/consul-watch.d

Exit status:
  0  stopped by a signal, or finished
  1  the program failed, or the watch failed
  2  invalid arguments or configuration files (kv: 1, as with `consul kv`)
  3  `--once` timed out";

/// Watch Consul and run a program on each change. Accepts the options of `consul watch`, and more.
///
/// Without a program, the command prints the current value as JSON and exits. With a program, it runs the program
/// for the first value and for each change, with the value as JSON on standard input and CONSUL_INDEX in the
/// environment. Options may start with one dash or two.
#[derive(Debug, Parser)]
#[command(
    name = "consul-watch",
    version,
    after_help = EXAMPLES,
    args_conflicts_with_subcommands = true,
    subcommand_negates_reqs = true
)]
pub(super) struct Arguments {
    #[command(subcommand)]
    pub(super) command: Option<Command>,
    #[command(flatten)]
    pub(super) watch: WatchArguments,
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Run the watches of configuration files as a daemon.
    ///
    /// The files have the same `watches` as the configuration of a Consul agent, in JSON or HCL. The files of an
    /// agent can be used as they are. SIGHUP reloads the files, SIGTERM and SIGINT stop the daemon, and so does a
    /// terminal that is closed. Handlers end with the daemon, even if it is killed.
    Run {
        /// Files (*.json, *.hcl), or directories of such files.
        #[arg(required = true, value_name = "CONFIG")]
        configs: Vec<PathBuf>,
        #[command(flatten)]
        connect: ConnectArguments,
        #[command(flatten)]
        log: LogArguments,
    },
    /// Check configuration files and list their watches, without Consul and without running anything.
    Check {
        /// Files (*.json, *.hcl), or directories of such files.
        #[arg(required = true, value_name = "CONFIG")]
        configs: Vec<PathBuf>,
        #[command(flatten)]
        connect: ConnectArguments,
    },
    /// Read and write the key-value store, as `consul kv` does.
    Kv {
        #[command(subcommand)]
        command: KvCommand,
    },
    /// Print the completion script of a shell.
    Completions {
        /// The shell to complete for.
        shell: clap_complete::Shell,
    },
    /// Print the manual page in roff format.
    Man,
}

/// Arguments of a single watch.
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is an independent option"
)]
#[derive(Debug, Args)]
pub(super) struct WatchArguments {
    /// Type of the watch: key, keyprefix, services, nodes, service, checks, event, connect_roots, connect_leaf or
    /// agent_service.
    #[arg(long = "type", value_name = "TYPE", value_parser = Suggested(&WatchType::TYPES), hide_possible_values = true, help_heading = "Watch")]
    pub(super) kind: Option<String>,
    /// Key to watch (type key).
    #[arg(long, allow_hyphen_values = true, help_heading = "Watch")]
    pub(super) key: Option<String>,
    /// Prefix of the keys to watch (type keyprefix).
    #[arg(long, allow_hyphen_values = true, help_heading = "Watch")]
    pub(super) prefix: Option<String>,
    /// Service to watch (types service and connect_leaf; optional for checks).
    #[arg(long, help_heading = "Watch")]
    pub(super) service: Option<String>,
    /// ID of the service on its agent (type agent_service).
    #[arg(long, alias = "service_id", value_name = "ID", help_heading = "Watch")]
    pub(super) service_id: Option<String>,
    /// Only instances with this tag; repeat it to require several tags (type service).
    #[arg(long, help_heading = "Watch")]
    pub(super) tag: Vec<String>,
    /// Only instances whose checks all pass (type service).
    #[arg(long, value_parser = boolean, num_args = 0..=1, require_equals = true, default_missing_value = "true", value_name = "BOOL", help_heading = "Watch")]
    pub(super) passingonly: Option<bool>,
    /// Only checks in this state: passing, warning, critical or any (type checks).
    #[arg(long, value_parser = Suggested(&["any", "passing", "warning", "critical"]), hide_possible_values = true, help_heading = "Watch")]
    pub(super) state: Option<String>,
    /// Only events with this name (type event).
    #[arg(long, help_heading = "Watch")]
    pub(super) name: Option<String>,
    /// Only entries that match this expression of Consul's filter language (types services, nodes, service and
    /// checks).
    #[arg(long, value_name = "EXPRESSION", help_heading = "Watch")]
    pub(super) filter: Option<String>,

    /// Run the program through the shell ($SHELL, or /bin/sh), with its arguments joined by spaces.
    #[arg(long, value_parser = boolean, num_args = 0..=1, require_equals = true, default_missing_value = "true", default_value = "true", value_name = "BOOL", action = ArgAction::Set, help_heading = "Handling")]
    pub(super) shell: bool,
    /// Output format when there is no program.
    #[arg(long, value_enum, default_value_t = OutputFormat::Json, help_heading = "Handling")]
    pub(super) format: OutputFormat,
    /// Exit after the first value. With a time limit (30s, 5m), exit with status 3 if none comes in time.
    #[arg(long, value_parser = duration, num_args = 0..=1, require_equals = true, default_missing_value = "0s", value_name = "TIMEOUT", help_heading = "Handling")]
    pub(super) once: Option<Duration>,
    /// Skip the current value, and start with the first change.
    #[arg(long, help_heading = "Handling")]
    pub(super) changes_only: bool,
    /// File that keeps the state handled last, so that a restart resumes after it.
    #[arg(long, value_name = "FILE", help_heading = "Handling")]
    pub(super) checkpoint: Option<PathBuf>,
    /// Debounce: handle a change after this time without another change (500ms, 2s).
    #[arg(long, value_parser = duration, value_name = "DURATION", help_heading = "Handling")]
    pub(super) quiet_period: Option<Duration>,
    /// Longest delay of a change by --quiet-period [default: four times the quiet period].
    #[arg(long, value_parser = duration, value_name = "DURATION", requires = "quiet_period", help_heading = "Handling")]
    pub(super) max_wait: Option<Duration>,
    /// Time limit of a run of the program [default: none].
    #[arg(long, value_parser = duration, value_name = "DURATION", help_heading = "Handling")]
    pub(super) timeout: Option<Duration>,
    /// Let the program inherit CONSUL_HTTP_TOKEN, CONSUL_HTTP_TOKEN_FILE and CONSUL_HTTP_AUTH, as `consul watch` does.
    #[arg(long, value_parser = boolean, num_args = 0..=1, require_equals = true, default_missing_value = "true", default_value = "true", value_name = "BOOL", action = ArgAction::Set, help_heading = "Handling")]
    pub(super) inherit_token: bool,
    /// Content of the program's standard input.
    #[arg(long, value_enum, default_value_t = PayloadFormat::State, help_heading = "Handling")]
    pub(super) payload: PayloadFormat,
    /// Retry failed runs of the program, and wait for Consul if it is not running at the start.
    #[arg(long, overrides_with = "no_retry", help_heading = "Handling")]
    pub(super) retry: bool,
    /// Exit if a run of the program fails, or if Consul is not running at the start. This is the default.
    #[arg(long, overrides_with = "retry", help_heading = "Handling")]
    pub(super) no_retry: bool,

    #[command(flatten)]
    pub(super) connect: ConnectArguments,
    #[command(flatten)]
    pub(super) log: LogArguments,

    /// Program to run on each change, with its arguments.
    #[arg(trailing_var_arg = true, value_name = "PROGRAM")]
    pub(super) program: Vec<OsString>,
}

/// Logging, to standard error.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Logging (RUST_LOG sets the level)")]
pub(super) struct LogArguments {
    /// Format of log lines [default: that of the configuration files, or text].
    #[arg(long, value_enum)]
    pub(super) log_format: Option<LogFormat>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum OutputFormat {
    /// The value as JSON, as Consul prints it, once.
    Json,
    /// One JSON object per line and changed entry: kind, name, old, new, index, reason, watch.
    Jsonl,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum PayloadFormat {
    /// The value as JSON, as `consul watch` passes it.
    State,
    /// One JSON object per line and changed entry, as with --format=jsonl.
    Changes,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum LogFormat {
    /// Text, for people.
    Text,
    /// One JSON object per line.
    Json,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_definition_is_valid() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn a_program_may_be_called_like_a_subcommand() {
        let arguments =
            Arguments::try_parse_from(["x", "--type=key", "--key=a", "kv", "get"]).unwrap();
        assert!(arguments.command.is_none());
        assert_eq!(arguments.watch.program, ["kv", "get"]);
    }

    #[test]
    fn options_after_the_program_belong_to_it() {
        let arguments =
            Arguments::try_parse_from(["x", "--type=key", "--key=a", "grep", "--key", "-n"])
                .unwrap();
        assert_eq!(arguments.watch.program, ["grep", "--key", "-n"]);
        assert_eq!(arguments.watch.key.as_deref(), Some("a"));
    }

    #[test]
    fn booleans_and_durations() {
        let parse = |arguments: &[&str]| Arguments::try_parse_from([&["x"], arguments].concat());
        assert!(parse(&["--shell"]).unwrap().watch.shell);
        assert!(!parse(&["--shell=false"]).unwrap().watch.shell);
        assert!(parse(&["--shell=maybe"]).is_err());
        assert_eq!(
            parse(&["--once=30s"]).unwrap().watch.once,
            Some(Duration::from_secs(30))
        );
        assert_eq!(parse(&["--once"]).unwrap().watch.once, Some(Duration::ZERO));
        assert!(parse(&["--timeout", "soon"]).is_err());
        assert!(
            parse(&["--max-wait=1s"]).is_err(),
            "it needs a quiet period"
        );
    }
}
