//! `consul-watch kv delete`.

use super::{
    arguments::DeleteArguments, cleaned::another_name, error::KvFailure, key_or_prefix, store,
};
use crate::cli::stdout::print;

pub(super) async fn run(arguments: DeleteArguments) -> Result<(), KvFailure> {
    let operand = key_or_prefix(&arguments.operands)?;
    let is_empty_text = arguments.operands.iter().any(|operand| operand.is_empty());
    let key = operand.unwrap_or_default();
    let usage = |text: &str| Err(KvFailure::Usage(text.to_owned()));
    if key.is_empty() && !arguments.recurse {
        return usage("Error! Missing KEY argument");
    }
    if arguments.cas && arguments.modify_index == 0 {
        return usage(
            "Cannot delete a key that does not exist. Provide a -modify-index greater than than 0.",
        );
    }
    if arguments.modify_index != 0 && !arguments.cas {
        return usage("Cannot specify -modify-index without -cas!");
    }
    if arguments.recurse && arguments.cas {
        return usage("Cannot specify both -cas and -recurse!");
    }
    if is_empty_text {
        return usage(
            "Error! The prefix is an empty text, perhaps of a variable that is not set, and every key would be \
             deleted: give a prefix, or leave it out to delete every key",
        );
    }
    let store = store(&arguments.connect)?;
    let exists = async |recurse: bool| {
        let found = if recurse {
            store
                .keys_prefix(&key, "")
                .await
                .map(|keys| !keys.is_empty())
        } else {
            store.get_opt(&key).await.map(|pair| pair.is_some())
        };
        found.map_err(KvFailure::query)
    };
    if let Some(meant) = another_name(&key)
        && !exists(arguments.recurse).await?
    {
        return usage(&format!(
            "Error! No key is named {key:?}, and Consul's own command would delete another: {meant}"
        ));
    }
    if arguments.recurse {
        store
            .delete_prefix(&key)
            .await
            .map_err(KvFailure::call(format!(
                "Error! Did not delete prefix {key}"
            )))?;
        return print(|out| writeln!(out, "Success! Deleted keys with prefix: {key}"));
    }
    if arguments.cas {
        let failed = format!("Error! Did not delete key {key}");
        let deleted = store.delete_cas(&key, arguments.modify_index).await;
        if !deleted.map_err(KvFailure::call(failed.clone()))? {
            return Err(KvFailure::NotDone(format!("{failed}: CAS failed")));
        }
    } else {
        store
            .delete(&key)
            .await
            .map_err(KvFailure::call(format!("Error deleting key {key}")))?;
    }
    print(|out| writeln!(out, "Success! Deleted key: {key}"))
}
