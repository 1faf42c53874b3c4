//! What the command takes.

#![expect(
    clippy::doc_markdown,
    reason = "what is written here is read in a terminal"
)]

use std::{ffi::OsString, path::PathBuf, time::Duration};

use clap::{ArgAction, Args, Parser, Subcommand, ValueEnum};

use super::values::{boolean, duration};

const EXAMPLES: &str = "\
Examples:
  Print a service's instances, once:
    consul-watch -type=service -service=web

  Run a script on each change of a key; it gets the key's JSON on its standard input:
    consul-watch -type=key -key=app/limits ./reload-limits.sh

  What was added, updated and removed below a prefix, one JSON object a line:
    consul-watch -type=keyprefix -prefix=app/ --format=jsonl | jq 'select(.kind == \"removed\").name'

  Wait up to 30 seconds for the next deployment event:
    consul-watch -type=event -name=deploy --changes-only --once=30s

  Run the watches of Consul's configuration as a service:
    consul-watch check /etc/consul-watch.d && consul-watch run /etc/consul-watch.d

Exit status: 0 when it was stopped or had nothing more to do; 1 when the program failed or Consul could not
be asked; 2 when the arguments are wrong; 3 when `--once` ran out of time.";

/// Watches Consul, and prints or runs a program on each change: `consul watch` with what it lacks.
///
/// Without a program the current value is printed as JSON, and that is all. With one, it is run on the
/// first value and on each change, with the value as JSON on its standard input and CONSUL_INDEX in its
/// environment. Every option may be written with one dash or two.
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
    /// Runs the watches of configuration files, as a service.
    ///
    /// The files have the `watches` of a Consul agent's configuration, in JSON or HCL; an agent's own files
    /// will do. SIGHUP reads them again, SIGTERM and SIGINT end the service.
    Run {
        /// The files, or folders of *.json and *.hcl files.
        #[arg(required = true, value_name = "CONFIG")]
        configs: Vec<PathBuf>,
        #[command(flatten)]
        connect: ConnectArguments,
        #[command(flatten)]
        log: LogArguments,
    },
    /// Checks configuration files, and says what they would watch. Asks no Consul and runs nothing.
    Check {
        /// The files, or folders of *.json and *.hcl files.
        #[arg(required = true, value_name = "CONFIG")]
        configs: Vec<PathBuf>,
        #[command(flatten)]
        connect: ConnectArguments,
    },
    /// Reads and writes the key-value store.
    Kv {
        #[command(subcommand)]
        command: KvCommand,
    },
    /// Writes the completions for a shell to standard output.
    Completions {
        /// The shell.
        shell: clap_complete::Shell,
    },
    /// Writes the manual page, in roff, to standard output.
    Man,
}

/// What to watch, and what to do with it.
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is an option of its own"
)]
#[derive(Debug, Args)]
pub(super) struct WatchArguments {
    /// What to watch: key, keyprefix, services, nodes, service, checks, event, connect_roots, connect_leaf or
    /// agent_service.
    #[arg(long = "type", value_name = "TYPE", help_heading = "What to watch")]
    pub(super) kind: Option<String>,
    /// The key (type key).
    #[arg(long, allow_hyphen_values = true, help_heading = "What to watch")]
    pub(super) key: Option<String>,
    /// The prefix (type keyprefix).
    #[arg(long, allow_hyphen_values = true, help_heading = "What to watch")]
    pub(super) prefix: Option<String>,
    /// The service (types service and connect_leaf, optional for checks).
    #[arg(long, help_heading = "What to watch")]
    pub(super) service: Option<String>,
    /// The id of the service (type agent_service).
    #[arg(long, value_name = "ID", help_heading = "What to watch")]
    pub(super) service_id: Option<String>,
    /// Only instances with this tag; several times for all of them (type service).
    #[arg(long, help_heading = "What to watch")]
    pub(super) tag: Vec<String>,
    /// Only instances of which all checks pass (type service).
    #[arg(long, value_parser = boolean, num_args = 0..=1, require_equals = true, default_missing_value = "true", value_name = "BOOL", help_heading = "What to watch")]
    pub(super) passingonly: Option<bool>,
    /// Only checks in this state: passing, warning, critical or any (type checks).
    #[arg(long, help_heading = "What to watch")]
    pub(super) state: Option<String>,
    /// Only events of this name (type event).
    #[arg(long, help_heading = "What to watch")]
    pub(super) name: Option<String>,
    /// Only what this expression of Consul's filter language holds for.
    #[arg(long, value_name = "EXPRESSION", help_heading = "What to watch")]
    pub(super) filter: Option<String>,

    /// Run the program through the shell ($SHELL, else /bin/sh), its arguments joined by spaces.
    #[arg(long, value_parser = boolean, num_args = 0..=1, require_equals = true, default_missing_value = "true", default_value = "true", value_name = "BOOL", action = ArgAction::Set, help_heading = "What to do")]
    pub(super) shell: bool,
    /// How to print: the value, or one line per change.
    #[arg(long, value_enum, default_value_t = OutputFormat::Json, help_heading = "What to do")]
    pub(super) format: OutputFormat,
    /// Stop after the first value, and run out of time after so long (30s, 5m).
    #[arg(long, value_parser = duration, num_args = 0..=1, require_equals = true, default_missing_value = "0s", value_name = "TIMEOUT", help_heading = "What to do")]
    pub(super) once: Option<Duration>,
    /// Pass over the value as it is now, and begin with the first change.
    #[arg(long, help_heading = "What to do")]
    pub(super) changes_only: bool,
    /// Keep in this file what was handled, and begin after it the next time.
    #[arg(long, value_name = "FILE", help_heading = "What to do")]
    pub(super) checkpoint: Option<PathBuf>,
    /// Wait for so long a quiet before a change is handled (500ms, 2s).
    #[arg(long, value_parser = duration, value_name = "DURATION", help_heading = "What to do")]
    pub(super) quiet_period: Option<Duration>,
    /// Wait no longer than this for quiet; four times the quiet period by default.
    #[arg(long, value_parser = duration, value_name = "DURATION", requires = "quiet_period", help_heading = "What to do")]
    pub(super) max_wait: Option<Duration>,
    /// End a run of the program that takes longer than this. By default it may take any time.
    #[arg(long, value_parser = duration, value_name = "DURATION", help_heading = "What to do")]
    pub(super) timeout: Option<Duration>,
    /// Try a failed run of the program again, and wait for a Consul that is not there at the start.
    #[arg(long, overrides_with = "no_retry", help_heading = "What to do")]
    pub(super) retry: bool,
    /// End when a run of the program fails, or Consul is not there at the start (the default).
    #[arg(long, overrides_with = "retry", help_heading = "What to do")]
    pub(super) no_retry: bool,

    #[command(flatten)]
    pub(super) connect: ConnectArguments,
    #[command(flatten)]
    pub(super) log: LogArguments,

    /// The program to run on each change, with its arguments.
    #[arg(trailing_var_arg = true, value_name = "PROGRAM")]
    pub(super) program: Vec<OsString>,
}

/// How to reach Consul. What is not given comes from the environment variables of Consul's own clients.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "How to reach Consul")]
pub(super) struct ConnectArguments {
    /// Where Consul listens [env: CONSUL_HTTP_ADDR] [default: 127.0.0.1:8500]
    #[arg(long, value_name = "ADDRESS")]
    pub(super) http_addr: Option<String>,
    /// The ACL token [env: CONSUL_HTTP_TOKEN]. Prefer a file: arguments can be seen by others.
    #[arg(long, hide_default_value = true)]
    pub(super) token: Option<String>,
    /// The file that holds the ACL token [env: CONSUL_HTTP_TOKEN_FILE]
    #[arg(long, value_name = "FILE")]
    pub(super) token_file: Option<PathBuf>,
    /// The file of the certificate authorities to trust [env: CONSUL_CACERT]
    #[arg(long, value_name = "FILE")]
    pub(super) ca_file: Option<PathBuf>,
    /// The folder of the certificate authorities to trust [env: CONSUL_CAPATH]
    #[arg(long, value_name = "FOLDER")]
    pub(super) ca_path: Option<PathBuf>,
    /// The file of the client certificate [env: CONSUL_CLIENT_CERT]
    #[arg(long, value_name = "FILE", requires = "client_key")]
    pub(super) client_cert: Option<PathBuf>,
    /// The file of the client certificate's key [env: CONSUL_CLIENT_KEY]
    #[arg(long, value_name = "FILE", requires = "client_cert")]
    pub(super) client_key: Option<PathBuf>,
    /// The name on the server's certificate [env: CONSUL_TLS_SERVER_NAME]
    #[arg(long, value_name = "NAME")]
    pub(super) tls_server_name: Option<String>,
    /// The datacenter to ask; the agent's own by default.
    #[arg(long)]
    pub(super) datacenter: Option<String>,
    /// Let any server answer, not the leader alone: sooner, and perhaps not the newest.
    #[arg(long, value_parser = boolean, num_args = 0..=1, require_equals = true, default_missing_value = "true", value_name = "BOOL")]
    pub(super) stale: Option<bool>,
}

/// How to log, to standard error.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "How to log (RUST_LOG says what)")]
pub(super) struct LogArguments {
    /// How log lines look; text by default, or as the configuration files say.
    #[arg(long, value_enum)]
    pub(super) log_format: Option<LogFormat>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum OutputFormat {
    /// The value as JSON, as Consul prints it.
    Json,
    /// One JSON object per changed entry and line: kind, name, old, new, index, reason.
    Jsonl,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

#[derive(Debug, Subcommand)]
pub(super) enum KvCommand {
    /// Prints a key's value as it is.
    Get {
        /// The key.
        key: String,
        #[command(flatten)]
        connect: ConnectArguments,
    },
    /// Sets a key to a value.
    Put {
        /// The key.
        key: String,
        /// The value; `-` reads it from standard input, without it the key is set to nothing.
        value: Option<OsString>,
        /// Only if the key's ModifyIndex is still this one; 0: only if there is no such key.
        #[arg(long, value_name = "INDEX")]
        cas: Option<u64>,
        #[command(flatten)]
        connect: ConnectArguments,
    },
    /// Prints all keys of a folder with their values; of everything without one.
    List {
        /// The folder.
        #[arg(default_value = "")]
        folder: String,
        /// Prints the names of the keys alone.
        #[arg(long)]
        keys: bool,
        #[command(flatten)]
        connect: ConnectArguments,
    },
    /// Deletes a key.
    Delete {
        /// The key.
        key: String,
        /// Deletes what lies beneath it too.
        #[arg(long)]
        recurse: bool,
        #[command(flatten)]
        connect: ConnectArguments,
    },
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_definition_is_sound() {
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
    fn the_options_behind_the_program_are_its_own() {
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
            "it means nothing without a quiet period"
        );
    }
}
