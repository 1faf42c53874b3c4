//! `consul-watch kv`: access to the key-value store from the command line.

use std::{
    ffi::OsString,
    io::{self, Read},
    os::unix::ffi::OsStringExt,
};

use consul_watch::KvStore;

use super::{
    arguments::{ConnectArguments, KvCommand},
    error::CliError,
    stdout::print,
};

pub(super) async fn run(command: KvCommand) -> Result<(), CliError> {
    match command {
        KvCommand::Get { key, connect } => {
            let pair = store(&connect)?.get(as_consuls_client(&key)).await?;
            print(|out| out.write_all(pair.value.as_deref().unwrap_or_default()))?;
            // Other readers get the exact value; only a terminal gets a final newline.
            if io::IsTerminal::is_terminal(&io::stdout()) {
                print(|out| out.write_all(b"\n"))
            } else {
                Ok(())
            }
        }
        KvCommand::Put {
            key,
            value,
            cas,
            connect,
        } => {
            let (store, key) = (store(&connect)?, as_consuls_client(&key));
            let value = read(value)?;
            match cas {
                None => store.put(key, value).await?,
                Some(index) => {
                    if !store.put_cas(key, value, index).await? {
                        return Err(CliError::NotSet(key.to_owned(), index));
                    }
                }
            }
            Ok(())
        }
        KvCommand::List {
            folder,
            keys,
            connect,
        } => {
            let (store, folder) = (store(&connect)?, as_consuls_client(&folder));
            if keys {
                let names = store.keys(folder).await?;
                return print(|out| names.iter().try_for_each(|name| writeln!(out, "{name}")));
            }
            let pairs = store.list(folder).await?;
            print(|out| pairs.iter().try_for_each(|pair| writeln!(out, "{pair}")))
        }
        KvCommand::Delete {
            key,
            recurse,
            connect,
        } => {
            let (store, key) = (store(&connect)?, as_consuls_client(&key));
            if recurse {
                store.delete_tree(key).await?;
            } else {
                store.delete(key).await?;
            }
            Ok(())
        }
    }
}

/// Drops one slash in front, as `consul kv` does: no URL could name the key otherwise.
fn as_consuls_client(key: &str) -> &str {
    key.strip_prefix('/').unwrap_or(key)
}

fn store(connect: &ConnectArguments) -> Result<KvStore, CliError> {
    Ok(KvStore::connect(&connect.config()?)?)
}

fn read(value: Option<OsString>) -> Result<Vec<u8>, CliError> {
    match value {
        None => Ok(Vec::new()),
        Some(value) if value == "-" => {
            let mut all = Vec::new();
            io::stdin().read_to_end(&mut all).map_err(|error| {
                CliError::Io("cannot read the value from standard input", error)
            })?;
            Ok(all)
        }
        Some(value) => Ok(value.into_vec()),
    }
}
