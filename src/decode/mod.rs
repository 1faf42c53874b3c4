//! From the text of keys to an application's own types.
//!
//! Start with [`Key::json`](crate::Key::json) for one key that holds JSON, and with
//! [`KeyPrefix::decode`](crate::KeyPrefix::decode) for a folder whose keys are the fields of a struct.
//! [`from_pairs`] does the latter without a watch.

mod decoded;
mod error;
mod leaf;
mod node;
mod tree;

pub(crate) use self::error::from_json;
pub use self::{
    decoded::{Decoded, JsonDocument},
    error::DecodeError,
};

use std::sync::Arc;

use serde::de::DeserializeOwned;

use crate::kv::KvPair;

/// What becomes of keys that the struct has no field for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum UnknownFields {
    /// They are passed over.
    #[default]
    Ignore,
    /// They are an error that names the key and the fields there are.
    Deny,
}

/// Decodes the keys below `folder` into one value: each `/` goes one field deeper.
///
/// What a field's text may be follows from its type:
///
/// | type | text |
/// |---|---|
/// | `String`, `char`, a unit enum | as it is |
/// | numbers | decimal, white space around it is passed over |
/// | `bool` | `true`, `false`, `1`, `0`, `yes`, `no`, `on`, `off` |
/// | `std::time::Duration` | `1m30s`, `250ms`, `2h` |
/// | a list | keys in their order, a JSON array, or parts between commas |
/// | a struct or map | deeper keys, or a JSON object |
/// | `Option<T>` | as `T`; without the key `None` |
///
/// A key that is missing is the field's `#[serde(default)]`, if it has one. A folder's own entry (`a/`
/// with no value, as Consul's user interface makes it) is passed over.
///
/// ```
/// use std::{sync::Arc, time::Duration};
/// use consul_watch::{decode::{self, UnknownFields}, KvPair};
///
/// #[derive(serde::Deserialize)]
/// struct Web { port: u16, #[serde(default)] timeout: Duration, hosts: Vec<String> }
///
/// let pair = |key: &str, value: &'static str| Arc::new(KvPair {
///     key: key.into(), value: Some(value.into()),
///     create_index: 1, modify_index: 1, ..KvPair::default()
/// });
/// let pairs = [pair("web/hosts", "a, b"), pair("web/port", "8080"), pair("web/timeout", "1m30s")];
/// let web: Web = decode::from_pairs("web/", &pairs, UnknownFields::Deny)?;
/// assert_eq!((web.port, web.timeout, web.hosts.len()), (8080, Duration::from_secs(90), 2));
/// # Ok::<(), decode::DecodeError>(())
/// ```
///
/// # Errors
///
/// [`DecodeError`] names the key, the field and the reason. `a` and `a/b` both there is an error that
/// names both, since a field cannot be a text and a struct at once.
pub fn from_pairs<T: DeserializeOwned>(
    folder: &str,
    pairs: &[Arc<KvPair>],
    unknown: UnknownFields,
) -> Result<T, DecodeError> {
    let tree = tree::Tree::build(folder, pairs)?;
    let mut track = serde_path_to_error::Track::new();
    let reader = node::Reader {
        tree: &tree,
        unknown,
    };
    T::deserialize(serde_path_to_error::Deserializer::new(reader, &mut track))
        .map_err(|error| error.at(folder, &track.path()))
}
