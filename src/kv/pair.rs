//! [`KvPair`]: a key, its value, and their indexes in Consul.

use std::{fmt, time::SystemTime};

use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;
use consul_watch_actors::Item;
use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{self, Visitor},
};

use super::value::KvValue;
use crate::model::{Extra, Field, Shape, Shaped};

/// An entry of the KV store
/// ([read key](https://developer.hashicorp.com/consul/api-docs/kv#read-key)).
///
/// Its JSON is Consul's, to the order of the fields: the value is base64 or null, and `Session` is there
/// only when a session holds the key. Fields that a newer Consul adds are kept and written back.
///
/// `Debug` shows the key and the length of the value but not the value, since values are often secret.
///
/// ```
/// use consul_watch::kv::KvPair;
///
/// let json = r#"{"LockIndex":0,"Key":"app/port","Flags":0,"Value":"ODA4MA==","CreateIndex":7,"ModifyIndex":9}"#;
/// let pair: KvPair = serde_json::from_str(json)?;
/// assert_eq!(pair.to_value().as_u64()?, 8080);
/// assert_eq!(serde_json::to_string(&pair)?, json);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct KvPair {
    /// The number of times that a session has acquired the key.
    #[serde(default)]
    pub lock_index: u64,
    /// The full key, the configured prefix included.
    pub key: String,
    /// A number that clients may attach; Consul does not use it.
    #[serde(default)]
    pub flags: u64,
    /// The value; Consul does not distinguish an empty one from none, and gives `None` for both.
    #[serde(
        default,
        serialize_with = "to_base64",
        deserialize_with = "from_base64"
    )]
    pub value: Option<Bytes>,
    /// The session that holds the key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<String>,
    /// The index at which this key was created; a key that is deleted and created again has a new one.
    pub create_index: u64,
    /// The index of the last change, which check-and-set compares.
    pub modify_index: u64,
    /// The namespace (Consul Enterprise); otherwise empty.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub namespace: String,
    /// The admin partition (Consul Enterprise 1.11); otherwise empty.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub partition: String,
    /// Fields that this version of the library does not know.
    #[serde(flatten)]
    pub extra: Extra,
    /// Since when the token may no longer read the key; `None` where it may. A watch of a prefix keeps the
    /// last value of such a key, which may have changed since. The same holds for a key that may be gone while no
    /// request can ask for it. It is no part of the JSON.
    #[serde(skip)]
    pub hidden_since: Option<SystemTime>,
}

impl KvPair {
    /// Returns the value, to be read as text, a number or JSON. No value reads as an empty one.
    pub fn to_value(&self) -> KvValue {
        KvValue::new(self.key.clone(), self.value.clone().unwrap_or_default())
    }
}

/// The fields of Consul's JSON. A change of the index at which it was created counts: it is another pair.
impl Shaped for KvPair {
    const SHAPE: &'static Shape = &Shape::Object {
        fields: &[
            Field::new("Key", String::SHAPE),
            Field::new("CreateIndex", u64::SHAPE),
            Field::bookkeeping("ModifyIndex", u64::SHAPE),
            Field::new("LockIndex", u64::SHAPE),
            Field::new("Flags", u64::SHAPE),
            Field::new("Value", String::SHAPE),
            Field::new("Session", String::SHAPE),
            Field::new("Namespace", String::SHAPE),
            Field::new("Partition", String::SHAPE),
        ],
    };
}

/// A pair is identified by its key. Written again with the same value it is the same: all counts but
/// `modify_index`. Deleted and created again it is another, since `create_index` differs.
impl Item for KvPair {
    type Id<'a> = &'a str;

    fn id(&self) -> &str {
        &self.key
    }

    fn content_eq(&self, other: &Self) -> bool {
        self.create_index == other.create_index
            && self.value == other.value
            && self.flags == other.flags
            && self.session == other.session
            && self.lock_index == other.lock_index
            && self.namespace == other.namespace
            && self.partition == other.partition
            && self.extra == other.extra
    }

    fn routing_key(&self) -> Option<&str> {
        Some(&self.key)
    }

    fn hidden_since(&self) -> Option<SystemTime> {
        self.hidden_since
    }
}

/// Shows the key and the value: text as it is, cut after 80 characters, anything else by its length.
impl fmt::Display for KvPair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const MAX_SHOWN: usize = 80;
        write!(f, "{} = ", self.key)?;
        let value = self.value.as_deref().unwrap_or_default();
        match std::str::from_utf8(value) {
            Ok(text) => match text.char_indices().nth(MAX_SHOWN) {
                Some((end, _)) => write!(f, "{}…", &text[..end]),
                None => f.write_str(text),
            },
            Err(_) => write!(f, "({} bytes)", value.len()),
        }
    }
}

impl fmt::Debug for KvPair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let length = self
            .value
            .as_ref()
            .map(|value| format_args!("{} bytes", value.len()).to_string());
        f.debug_struct("KvPair")
            .field("key", &self.key)
            .field(
                "value",
                &format_args!("{}", length.as_deref().unwrap_or("none")),
            )
            .field("create_index", &self.create_index)
            .field("modify_index", &self.modify_index)
            .field("lock_index", &self.lock_index)
            .field("flags", &self.flags)
            .field("session", &self.session)
            .field("namespace", &self.namespace)
            .field("partition", &self.partition)
            .field("hidden_since", &self.hidden_since)
            .finish()
    }
}

#[expect(clippy::ref_option, reason = "the signature is serde's")]
fn to_base64<S: Serializer>(value: &Option<Bytes>, serializer: S) -> Result<S::Ok, S::Error> {
    match value {
        Some(value) => {
            serializer.collect_str(&base64::display::Base64Display::new(value, &STANDARD))
        }
        None => serializer.serialize_none(),
    }
}

fn from_base64<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Bytes>, D::Error> {
    deserializer.deserialize_option(Base64)
}

/// Decodes the text in place, without a `String` in between.
struct Base64;

impl<'de> Visitor<'de> for Base64 {
    type Value = Option<Bytes>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a base64 string or null")
    }

    fn visit_none<E: de::Error>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_unit<E: de::Error>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Self::Value, E> {
        // The text must not get into the error: it is a value.
        let value = STANDARD
            .decode(text)
            .map_err(|error| E::custom(format!("not base64: {}", describe(&error))))?;
        Ok(Some(Bytes::from(value)))
    }
}

/// Describes the error without a byte of the value, which the text of `DecodeError` shows.
fn describe(error: &base64::DecodeError) -> &'static str {
    match error {
        base64::DecodeError::InvalidByte(..) => "a character that it does not have",
        base64::DecodeError::InvalidLength(_) => "a length that it cannot have",
        base64::DecodeError::InvalidLastSymbol(..) => "an end that it cannot have",
        base64::DecodeError::InvalidPadding => "padding that is missing or misplaced",
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const PAIR: &str = r#"{"LockIndex":1,"Key":"a/b","Flags":42,"Value":"AP8=","Session":"s-1","CreateIndex":5,"ModifyIndex":6}"#;

    #[test]
    fn json_is_consuls_both_ways() {
        let pair: KvPair = serde_json::from_str(PAIR).expect("a pair");
        assert_eq!(pair.value.as_deref(), Some(&[0, 255][..]));
        assert_eq!(pair.session.as_deref(), Some("s-1"));
        assert_eq!(serde_json::to_string(&pair).expect("JSON"), PAIR);
    }

    #[test]
    fn no_value_is_null_and_no_session_is_left_out() {
        let json =
            r#"{"LockIndex":0,"Key":"a","Flags":0,"Value":null,"CreateIndex":5,"ModifyIndex":6}"#;
        let pair: KvPair = serde_json::from_str(json).expect("a pair");
        assert_eq!((pair.value.clone(), pair.session.clone()), (None, None));
        assert_eq!(serde_json::to_string(&pair).expect("JSON"), json);
    }

    #[test]
    fn the_namespace_the_partition_and_fields_of_a_newer_consul_are_kept() {
        let json = r#"{"LockIndex":0,"Key":"a","Flags":0,"Value":null,"CreateIndex":5,"ModifyIndex":6,"Namespace":"x","Partition":"p","New":{"y":[1]}}"#;
        let pair: KvPair = serde_json::from_str(json).expect("a pair");
        assert_eq!((&*pair.namespace, &*pair.partition), ("x", "p"));
        assert_eq!(pair.extra["New"], serde_json::json!({ "y": [1] }));
        assert_eq!(serde_json::to_string(&pair).expect("JSON"), json);
        let plain: KvPair = serde_json::from_str(PAIR).expect("a pair");
        assert!(plain.extra.is_empty() && !plain.content_eq(&pair));
    }

    #[test]
    fn bad_base64_is_an_error_without_the_value() {
        let json = r#"{"Key":"a","Value":"hunter2!","CreateIndex":5,"ModifyIndex":6}"#;
        let error = serde_json::from_str::<KvPair>(json)
            .expect_err("no base64")
            .to_string();
        assert!(
            error.contains("not base64") && !error.contains("hunter2"),
            "{error}"
        );
    }

    #[test]
    fn debug_shows_the_length_and_not_the_value() {
        let pair: KvPair = serde_json::from_str(PAIR).expect("a pair");
        let shown = format!("{pair:?}");
        assert!(
            shown.contains("\"a/b\"") && shown.contains("2 bytes"),
            "{shown}"
        );
        let secret = KvPair {
            value: Some(Bytes::from_static(b"hunter2")),
            ..pair
        };
        assert!(!format!("{secret:?} {:?}", secret.to_value()).contains("hunter2"));
    }

    proptest! {
        #[test]
        fn every_pair_comes_back(key in "\\PC{1,20}", value in proptest::option::of(proptest::collection::vec(any::<u8>(), 0..50)), flags: u64, index: u64) {
            let pair = KvPair { lock_index: 0, key, flags, value: value.map(Bytes::from), session: None, create_index: index, modify_index: index, ..KvPair::default() };
            let json = serde_json::to_string(&pair).expect("JSON");
            prop_assert_eq!(serde_json::from_str::<KvPair>(&json).expect("a pair"), pair);
        }
    }
}
