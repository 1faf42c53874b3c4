//! A change as Consul's own handlers get it.

use consul_watch_actors::{Changed, Query};
use serde::Serialize;

use crate::{
    kv::KvPair,
    watch::{Key, KeyPrefix},
};

/// A query whose changes can be handed to a handler of Consul's `watches`: as the JSON that Consul itself
/// writes to its handlers ("Watches Overview and Reference").
pub trait Payload: Query {
    /// The JSON of the new state, compact and without a newline.
    ///
    /// # Errors
    ///
    /// None is known: every value was JSON before.
    fn payload(changed: &Changed<Self>) -> serde_json::Result<Vec<u8>>;
}

impl Payload for Key {
    fn payload(changed: &Changed<Self>) -> serde_json::Result<Vec<u8>> {
        serde_json::to_vec(&changed.current.as_deref().map(GoPair::of))
    }
}

impl Payload for KeyPrefix {
    fn payload(changed: &Changed<Self>) -> serde_json::Result<Vec<u8>> {
        let pairs: Vec<_> = changed.current.iter().map(|pair| GoPair::of(pair)).collect();
        // Consul's handlers get null for a prefix without keys.
        serde_json::to_vec(&(!pairs.is_empty()).then_some(pairs))
    }
}

/// A pair in the order of the fields of Consul's API client, which has a session even where there is none.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct GoPair<'a> {
    key: &'a str,
    create_index: u64,
    modify_index: u64,
    lock_index: u64,
    flags: u64,
    value: Option<String>,
    session: &'a str,
}

impl<'a> GoPair<'a> {
    fn of(pair: &'a KvPair) -> Self {
        use base64::{Engine as _, engine::general_purpose::STANDARD};
        Self {
            key: &pair.key,
            create_index: pair.create_index,
            modify_index: pair.modify_index,
            lock_index: pair.lock_index,
            flags: pair.flags,
            value: pair.value.as_ref().map(|value| STANDARD.encode(value)),
            session: pair.session.as_deref().unwrap_or_default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    fn pair(value: Option<&'static str>) -> KvPair {
        KvPair {
            key: "a".to_owned(),
            value: value.map(Into::into),
            lock_index: 0,
            flags: 7,
            session: None,
            create_index: 1,
            modify_index: 2,
        }
    }

    fn text(payload: serde_json::Result<Vec<u8>>) -> String {
        String::from_utf8(payload.unwrap()).unwrap()
    }

    #[test]
    fn a_key_is_an_object_or_null() {
        let changed = Changed::first(Key::new("a"), Some(Arc::new(pair(Some("x")))), 2);
        assert_eq!(
            text(Payload::payload(&changed)),
            r#"{"Key":"a","CreateIndex":1,"ModifyIndex":2,"LockIndex":0,"Flags":7,"Value":"eA==","Session":""}"#
        );
        assert_eq!(text(Payload::payload(&Changed::first(Key::new("a"), None, 2))), "null");
    }

    #[test]
    fn a_prefix_is_a_list_or_null() {
        let changed = Changed::first(KeyPrefix::new("a"), vec![Arc::new(pair(None))], 2);
        assert!(text(Payload::payload(&changed)).starts_with(r#"[{"Key":"a""#));
        assert!(text(Payload::payload(&changed)).contains(r#""Value":null"#));
        assert_eq!(text(Payload::payload(&Changed::first(KeyPrefix::new("a"), Vec::new(), 2))), "null");
    }
}
