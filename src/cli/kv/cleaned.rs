//! Names that Consul's router takes for others, such as `a//b` for `a/b`.

use consul_watch::{client::cleaned_key, kv::KvError};

use super::error::KvFailure;

/// Asks for the keys of exactly this name, which a transaction may have written, and if there is none for those of the
/// name that Consul's own commands ask for, with a warning.
pub(super) async fn as_named_or_cleaned<T>(
    name: &str,
    ask: impl AsyncFn(String) -> Result<T, KvError>,
    is_nothing: impl FnOnce(&T) -> bool,
) -> Result<T, KvFailure> {
    let found = ask(name.to_owned()).await.map_err(KvFailure::query)?;
    let Some(meant) = another_name(name).filter(|_| is_nothing(&found)) else {
        return Ok(found);
    };
    let Some(clean) = cleaned(name) else {
        return Err(KvFailure::Usage(format!(
            "Error! No key is named {name:?}, and Consul's own command would ask for others: {meant}"
        )));
    };
    tracing::warn!(
        "no key is named {name:?}; as Consul's own command does, this asks for `{clean}`"
    );
    ask(clean).await.map_err(KvFailure::query)
}

/// Returns what to write instead, if Consul takes the name for another one.
pub(super) fn another_name(name: &str) -> Option<String> {
    match cleaned(name) {
        Some(clean) if clean == name => None,
        Some(clean) => Some(format!("write {clean:?} if you mean it")),
        None => Some("write the name itself, or no name for the whole store".to_owned()),
    }
}

/// Returns the name as Consul cleans it. The slash in front is gone already.
fn cleaned(name: &str) -> Option<String> {
    cleaned_key(&format!("/{name}")).map(std::borrow::Cow::into_owned)
}
