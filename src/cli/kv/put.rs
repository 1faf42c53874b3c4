//! `consul-watch kv put`.

use std::ffi::OsString;

use consul_watch::kv::PutOptions;

use super::{
    arguments::PutArguments, base64, data, error::KvFailure, key_name::unaddressable, store, text,
    without_slash,
};
use crate::cli::stdout::print;

pub(super) async fn run(arguments: PutArguments) -> Result<(), KvFailure> {
    let (key, mut value) = read(&arguments.operands)?;
    if arguments.base64 {
        value = base64::decode(&value).map_err(|reason| {
            KvFailure::Usage(format!("Error! Cannot base 64 decode data: {reason}"))
        })?;
    }
    let session = arguments.session.unwrap_or_default();
    if (arguments.acquire || arguments.release) && session.is_empty() {
        let text = "Error! Missing -session (required with -acquire and -release)";
        return Err(KvFailure::Usage(text.to_owned()));
    }
    if let Some(reason) = unaddressable(&key) {
        return Err(KvFailure::Usage(format!(
            "Error! Failed writing data: {reason}"
        )));
    }
    let store = store(&arguments.connect)?;
    let options = PutOptions::default().with_flags(arguments.flags);
    let (options, failed, not_done, done) = if arguments.cas {
        let index = arguments.modify_index;
        let failed = format!("Error! Did not write to {key}");
        let reason = if index == 0 {
            "CAS performed with index=0 and key already exists."
        } else {
            "CAS failed"
        };
        let not_done = format!("{failed}: {reason}");
        (
            options.if_modify_index(index),
            failed,
            not_done,
            "Data written to",
        )
    } else {
        let failed = "Error! Failed writing data".to_owned();
        if arguments.acquire {
            let not_done = "Error! Did not acquire lock".to_owned();
            (
                options.acquire(session),
                failed,
                not_done,
                "Lock acquired on",
            )
        } else if arguments.release {
            let not_done = "Error! Did not release lock".to_owned();
            (
                options.release(session),
                failed,
                not_done,
                "Lock released on",
            )
        } else {
            let not_done = format!("{failed}: Consul gave no reason; try again");
            (options, failed, not_done, "Data written to")
        }
    };
    let written = store.put_with(&key, &value, &options).await;
    if !written.map_err(KvFailure::call(failed))? {
        return Err(KvFailure::NotDone(not_done));
    }
    print(|out| writeln!(out, "Success! {done}: {key}"))
}

/// Returns the key and the data of the operands.
fn read(operands: &[OsString]) -> Result<(String, Vec<u8>), KvFailure> {
    let (key, data) = match operands {
        [] => return Err(KvFailure::Usage("Error! Missing KEY argument".to_owned())),
        [key] => (key, None),
        [key, data] => (key, Some(data)),
        more => {
            let text = KvFailure::too_many("1 or 2", more.len());
            return Err(KvFailure::Usage(format!("Error! {text}")));
        }
    };
    let value = data.map(data::read).transpose()?.unwrap_or_default();
    Ok((without_slash(text(key)?).to_owned(), value))
}
