//! Decoding of keys into types of the application.
//!
//! Start with [`Key::json`](crate::Key::json) for one key that holds JSON, and with
//! [`KeyPrefix::decode`](crate::KeyPrefix::decode) for a folder whose keys are the fields of a struct.
//! [`from_pairs`] decodes a folder without a watch.

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

/// The treatment of keys that the struct has no field for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum UnknownFields {
    /// They are ignored.
    #[default]
    Ignore,
    /// They are an error that names the key and the known fields.
    Deny,
}

/// Decodes the keys in `folder` into one value: each `/` is one level of nesting.
///
/// The type of a field decides about its text:
///
/// | type | text |
/// |---|---|
/// | `String`, `char`, a unit enum | as it is |
/// | numbers | decimal, surrounding white space is ignored |
/// | `bool` | `true`, `false`, `1`, `0`, `yes`, `no`, `on`, `off` |
/// | `std::time::Duration` | `1m30s`, `250ms`, `2h` |
/// | a list | keys in their order, a JSON array, or a comma-separated text |
/// | a struct or map | deeper keys, or a JSON object |
/// | `Option<T>` | as `T`; `None` without the key |
///
/// A missing key is the field's `#[serde(default)]`, if it has one. The entry of a folder itself (`a/` without
/// a value, as Consul's user interface creates it) is ignored.
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
/// [`DecodeError`] names the key, the field and the reason. If both `a` and `a/b` exist, the error names both,
/// because a field cannot be a text and a struct at once.
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
