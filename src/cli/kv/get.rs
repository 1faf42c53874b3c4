//! `consul-watch kv get`.

use consul_watch::kv::KvPair;

use super::{
    arguments::GetArguments, base64, cleaned::as_named_or_cleaned, error::KvFailure, key_or_prefix,
    store, tab_writer::aligned,
};
use crate::cli::stdout::print;

pub(super) async fn run(arguments: GetArguments) -> Result<(), KvFailure> {
    let key = key_or_prefix(&arguments.operands)?.unwrap_or_default();
    if key.is_empty() && !arguments.recurse && !arguments.keys {
        return Err(KvFailure::Usage("Error! Missing KEY argument".to_owned()));
    }
    let store = store(&arguments.connect)?;
    if arguments.keys && !arguments.recurse {
        let keys = async |prefix: String| store.keys_prefix(&prefix, &arguments.separator).await;
        let keys = as_named_or_cleaned(&key, keys, |keys| keys.is_empty()).await?;
        return print(|out| keys.iter().try_for_each(|key| writeln!(out, "{key}")));
    }
    if arguments.recurse {
        let pairs = async |prefix: String| store.list_prefix(&prefix).await;
        let pairs = as_named_or_cleaned(&key, pairs, |pairs| pairs.is_empty()).await?;
        return print(|out| {
            for (at, pair) in pairs.iter().enumerate() {
                if at > 0 && arguments.detailed {
                    writeln!(out)?;
                }
                out.write_all(&entry(pair, &arguments))?;
                writeln!(out)?;
            }
            Ok(())
        });
    }
    let pair = async |key: String| store.get_opt(&key).await;
    let pair = as_named_or_cleaned(&key, pair, Option::is_none).await?;
    let Some(pair) = pair else {
        return Err(KvFailure::NotDone(format!(
            "Error! No key exists at: {key}"
        )));
    };
    let text = if arguments.detailed {
        details(&pair, &arguments)
    } else {
        value(&pair, &arguments)
    };
    print(|out| {
        out.write_all(&text)?;
        writeln!(out)
    })
}

/// Returns one entry of `-recurse`.
fn entry(pair: &KvPair, arguments: &GetArguments) -> Vec<u8> {
    if arguments.detailed {
        return details(pair, arguments);
    }
    let name = pair.key.as_bytes();
    if arguments.keys {
        name.to_vec()
    } else {
        [name, b":", &value(pair, arguments)].concat()
    }
}

fn value(pair: &KvPair, arguments: &GetArguments) -> Vec<u8> {
    let value = pair.value.as_deref().unwrap_or_default();
    if arguments.base64 {
        base64::encode(value).into_bytes()
    } else {
        value.to_vec()
    }
}

fn details(pair: &KvPair, arguments: &GetArguments) -> Vec<u8> {
    let KvPair {
        create_index,
        flags,
        key,
        lock_index,
        modify_index,
        ..
    } = pair;
    let session = pair.session.as_deref().filter(|id| !id.is_empty());
    let mut text = format!(
        "CreateIndex\t{create_index}\nFlags\t{flags}\nKey\t{key}\nLockIndex\t{lock_index}\n\
         ModifyIndex\t{modify_index}\nSession\t{}\n",
        session.unwrap_or("-")
    );
    for (name, value) in [
        ("Partition", &pair.partition),
        ("Namespace", &pair.namespace),
    ] {
        if !value.is_empty() {
            text.extend([name, "\t", value, "\n"]);
        }
    }
    let mut text = text.into_bytes();
    if !arguments.keys {
        text.extend(b"Value\t");
        text.extend(value(pair, arguments));
    }
    aligned(&text)
}
