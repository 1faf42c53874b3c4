//! `consul-watch kv`: the key-value store, with the options, the texts and the exit status of `consul kv`.

pub(super) mod arguments;
mod base64;
mod cleaned;
mod data;
mod delete;
mod entries;
pub(super) mod error;
mod export;
mod get;
mod import;
mod key_name;
mod put;
mod tab_writer;

use std::ffi::OsString;

use consul_watch::KvStore;

use self::{arguments::KvCommand, error::KvFailure};
use super::connect::ConnectArguments;

/// Runs one command of the store.
pub(super) async fn run(command: KvCommand) -> Result<(), KvFailure> {
    match command {
        KvCommand::Get(arguments) => get::run(arguments).await,
        KvCommand::Put(arguments) => put::run(arguments).await,
        KvCommand::Delete(arguments) => delete::run(arguments).await,
        KvCommand::Export(arguments) => export::run(arguments).await,
        KvCommand::Import(arguments) => import::run(arguments).await,
    }
}

fn store(connect: &ConnectArguments) -> Result<KvStore, KvFailure> {
    connect
        .command_config()
        .and_then(|config| KvStore::connect(&config))
        .map_err(KvFailure::Connect)
}

/// Returns the only operand, if there is one, without the slash in front that Consul's client drops, too.
fn key_or_prefix(operands: &[OsString]) -> Result<Option<String>, KvFailure> {
    match operands {
        [] => Ok(None),
        [one] => {
            let text = text(one)?;
            Ok(Some(without_slash(text).to_owned()))
        }
        more => Err(KvFailure::too_many("1", more.len())),
    }
}

/// Drops one slash in front, as Consul's client does.
fn without_slash(key: &str) -> &str {
    key.strip_prefix('/').unwrap_or(key)
}

fn text(operand: &OsString) -> Result<&str, KvFailure> {
    operand
        .to_str()
        .ok_or_else(|| KvFailure::Usage("Error! The name is not UTF-8: rename the key".to_owned()))
}
