//! Arguments of the subcommand `kv`: those of `consul kv`. The doc comments here are the texts of `--help`.

#![expect(
    clippy::doc_markdown,
    reason = "doc comments here are shown in a terminal"
)]

use std::ffi::OsString;

use clap::{ArgAction, Args, Subcommand};

use crate::cli::{
    connect::ConnectArguments,
    values::{boolean, unsigned},
};

#[derive(Debug, Subcommand)]
pub(in crate::cli) enum KvCommand {
    /// Print the value of a key, or the keys and values under a prefix.
    Get(GetArguments),
    /// Set the value of a key.
    ///
    /// DATA is the value; `@file` reads it from a file, and `-` from standard input. Without DATA, the value is empty.
    Put(PutArguments),
    /// Delete a key, or all keys under a prefix.
    Delete(DeleteArguments),
    /// Print the keys under a prefix as JSON, for `import`.
    Export(ExportArguments),
    /// Write the keys of the JSON that `export` prints.
    ///
    /// DATA is the JSON; `@file` reads it from a file, and `-` from standard input.
    Import(ImportArguments),
}

#[derive(Debug, Args)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is an independent option"
)]
pub(in crate::cli) struct GetArguments {
    /// Print values in base64.
    #[arg(long, value_parser = boolean, num_args = 0..=1, require_equals = true, default_missing_value = "true", default_value = "false", hide_default_value = true, value_name = "BOOL", action = ArgAction::Set)]
    pub(super) base64: bool,
    /// Print the indexes, the flags and the session, too.
    #[arg(long, value_parser = boolean, num_args = 0..=1, require_equals = true, default_missing_value = "true", default_value = "false", hide_default_value = true, value_name = "BOOL", action = ArgAction::Set)]
    pub(super) detailed: bool,
    /// Print the names of the keys that start with KEY_OR_PREFIX, up to the separator.
    #[arg(long, value_parser = boolean, num_args = 0..=1, require_equals = true, default_missing_value = "true", default_value = "false", hide_default_value = true, value_name = "BOOL", action = ArgAction::Set)]
    pub(super) keys: bool,
    /// Print all keys that start with KEY_OR_PREFIX, with their values.
    #[arg(long, value_parser = boolean, num_args = 0..=1, require_equals = true, default_missing_value = "true", default_value = "false", hide_default_value = true, value_name = "BOOL", action = ArgAction::Set)]
    pub(super) recurse: bool,
    /// Separator of --keys: a name ends behind the first one after the prefix. Empty: names are whole.
    #[arg(long, default_value = "/", value_name = "TEXT")]
    pub(super) separator: String,
    #[command(flatten)]
    pub(super) connect: ConnectArguments,
    /// Name of a key, or the start of names.
    #[arg(value_name = "KEY_OR_PREFIX", help_heading = "Arguments")]
    pub(super) operands: Vec<OsString>,
}

#[derive(Debug, Args)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is an independent option"
)]
pub(in crate::cli) struct PutArguments {
    /// Lock the key for the session of --session.
    #[arg(long, value_parser = boolean, num_args = 0..=1, require_equals = true, default_missing_value = "true", default_value = "false", hide_default_value = true, value_name = "BOOL", action = ArgAction::Set)]
    pub(super) acquire: bool,
    /// DATA is base64.
    #[arg(long, value_parser = boolean, num_args = 0..=1, require_equals = true, default_missing_value = "true", default_value = "false", hide_default_value = true, value_name = "BOOL", action = ArgAction::Set)]
    pub(super) base64: bool,
    /// Check-and-set: write only if the ModifyIndex of the key is that of --modify-index.
    #[arg(long, value_parser = boolean, num_args = 0..=1, require_equals = true, default_missing_value = "true", default_value = "false", hide_default_value = true, value_name = "BOOL", action = ArgAction::Set)]
    pub(super) cas: bool,
    /// A number to keep with the key, which Consul does not use.
    #[arg(long, value_parser = unsigned, default_value = "0", value_name = "NUMBER")]
    pub(super) flags: u64,
    /// ModifyIndex of the key, for --cas; 0: only if the key does not exist.
    #[arg(long, value_parser = unsigned, default_value = "0", value_name = "INDEX")]
    pub(super) modify_index: u64,
    /// Unlock the key, which the session of --session holds.
    #[arg(long, value_parser = boolean, num_args = 0..=1, require_equals = true, default_missing_value = "true", default_value = "false", hide_default_value = true, value_name = "BOOL", action = ArgAction::Set)]
    pub(super) release: bool,
    /// ID of the session, for --acquire and --release.
    #[arg(long, value_name = "ID")]
    pub(super) session: Option<String>,
    #[command(flatten)]
    pub(super) connect: ConnectArguments,
    /// Name of the key, and its value.
    #[arg(value_names = ["KEY", "DATA"], num_args = 0.., help_heading = "Arguments")]
    pub(super) operands: Vec<OsString>,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct DeleteArguments {
    /// Check-and-set: delete only if the ModifyIndex of the key is that of --modify-index.
    #[arg(long, value_parser = boolean, num_args = 0..=1, require_equals = true, default_missing_value = "true", default_value = "false", hide_default_value = true, value_name = "BOOL", action = ArgAction::Set)]
    pub(super) cas: bool,
    /// ModifyIndex of the key, for --cas.
    #[arg(long, value_parser = unsigned, default_value = "0", value_name = "INDEX")]
    pub(super) modify_index: u64,
    /// Delete all keys that start with KEY_OR_PREFIX; without it, every key.
    #[arg(long, value_parser = boolean, num_args = 0..=1, require_equals = true, default_missing_value = "true", default_value = "false", hide_default_value = true, value_name = "BOOL", action = ArgAction::Set)]
    pub(super) recurse: bool,
    #[command(flatten)]
    pub(super) connect: ConnectArguments,
    /// Name of the key, or the start of names.
    #[arg(value_name = "KEY_OR_PREFIX", help_heading = "Arguments")]
    pub(super) operands: Vec<OsString>,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct ExportArguments {
    #[command(flatten)]
    pub(super) connect: ConnectArguments,
    /// Start of the names [default: all keys].
    #[arg(value_name = "PREFIX", help_heading = "Arguments")]
    pub(super) operands: Vec<OsString>,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct ImportArguments {
    /// Folder to put in front of every name.
    #[arg(long, value_name = "PREFIX")]
    pub(super) prefix: Option<String>,
    #[command(flatten)]
    pub(super) connect: ConnectArguments,
    /// The JSON.
    #[arg(value_name = "DATA", help_heading = "Arguments")]
    pub(super) operands: Vec<OsString>,
}
