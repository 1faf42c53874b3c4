//! [`HandlerPayload`]: the JSON of a change as Consul's own handlers receive it.

use std::{io, sync::Arc};

use base64::{Engine as _, display::Base64Display, engine::general_purpose::STANDARD};
use consul_watch_actors::{Change, Changed, Item, Query, Snapshot};
use serde::{Serialize, Serializer};
use serde_json::{Value, json, ser::Formatter};

use super::change_lines::ChangeLine;
use crate::{
    client::ConsulConfig,
    kv::KvPair,
    model::{CheckStatus, HealthCheck, ServiceEntry, ServiceTags, Shape, Shaped, handler},
    watch::{
        AgentService, Checks, ConnectLeaf, ConnectRoots, Event, Key, KeyPrefix, Nodes, Service,
        Services,
    },
};

/// A query whose changes a handler of Consul's `watches` can take: as the JSON that Consul itself writes to
/// its [handlers](https://developer.hashicorp.com/consul/docs/dynamic-app-config/watches#handlers).
pub trait HandlerPayload: Query<Source = ConsulConfig, Value: Snapshot<Item: Serialize>> {
    /// Writes the JSON of the new state, compact and without a newline.
    ///
    /// A handler that writes to a program calls it again for each part that the program reads, and `out` refuses
    /// what goes beyond that part.
    ///
    /// # Errors
    ///
    /// Those of `out`. No other is known, since every value was JSON before.
    fn write_payload(changed: &Changed<Self>, out: &mut dyn io::Write) -> serde_json::Result<()>;

    /// The JSON of the new state, compact and without a newline.
    ///
    /// # Errors
    ///
    /// None is known, since every value was JSON before.
    fn payload(changed: &Changed<Self>) -> serde_json::Result<Vec<u8>> {
        let mut json = Vec::new();
        Self::write_payload(changed, &mut json)?;
        Ok(json)
    }

    /// The name of an entry: its key, its name or its id.
    fn name(item: &<Self::Value as Snapshot>::Item) -> String;

    /// The content of an entry as a person reads it. By default its JSON.
    ///
    /// # Errors
    ///
    /// None is known, since every value was JSON before.
    fn value(item: &<Self::Value as Snapshot>::Item) -> serde_json::Result<Value> {
        serde_json::to_value(item)
    }

    /// Writes the [`changes`](Changed::changes) of an update, each as one line of JSON: `kind`, `name`, `old`, `new`,
    /// `index`, `reason` and `watch`. Entries are as [`value`](Self::value) has them.
    ///
    /// # Errors
    ///
    /// Those of `out`. No other is known, since every value was JSON before.
    fn write_changes(
        changed: &Changed<Self>,
        changes: &[Change<<Self::Value as Snapshot>::Item>],
        out: &mut dyn io::Write,
    ) -> serde_json::Result<()> {
        let watch = changed.query.path().to_string();
        for change in changes {
            let line = ChangeLine {
                kind: change.kind().to_string(),
                name: Self::name(change.item()),
                old: change.old().map(|old| Self::value(old)).transpose()?,
                new: change.new().map(|new| Self::value(new)).transpose()?,
                index: changed.index,
                reason: changed.reason.to_string(),
                watch: &watch,
            };
            line.write(out)?;
        }
        Ok(())
    }

    /// The fields of an entry's JSON. By default none has a name.
    fn shape() -> &'static Shape {
        &Shape::Value
    }

    /// The key of an entry of the KV store.
    fn key(item: &<Self::Value as Snapshot>::Item) -> Option<&str> {
        let _ = item;
        None
    }

    /// The tags of a service or of its instance.
    fn tags(item: &<Self::Value as Snapshot>::Item) -> &[String] {
        let _ = item;
        &[]
    }

    /// The health of a check or of an instance.
    fn health(item: &<Self::Value as Snapshot>::Item) -> Option<CheckStatus> {
        let _ = item;
        None
    }
}

impl HandlerPayload for Key {
    fn write_payload(changed: &Changed<Self>, out: &mut dyn io::Write) -> serde_json::Result<()> {
        write_json(&changed.current.as_deref().map(GoPair::of), out)
    }

    fn name(pair: &KvPair) -> String {
        pair.key.clone()
    }

    fn value(pair: &KvPair) -> serde_json::Result<Value> {
        Ok(text_or_base64(pair))
    }

    fn shape() -> &'static Shape {
        KvPair::SHAPE
    }

    fn key(pair: &KvPair) -> Option<&str> {
        Some(&pair.key)
    }
}

impl HandlerPayload for KeyPrefix {
    fn write_payload(changed: &Changed<Self>, out: &mut dyn io::Write) -> serde_json::Result<()> {
        // Consul writes null for a prefix without keys.
        let pairs = (!changed.current.is_empty()).then_some(GoPairs(&changed.current));
        write_json(&pairs, out)
    }

    fn name(pair: &KvPair) -> String {
        pair.key.clone()
    }

    fn value(pair: &KvPair) -> serde_json::Result<Value> {
        Ok(text_or_base64(pair))
    }

    fn shape() -> &'static Shape {
        KvPair::SHAPE
    }

    fn key(pair: &KvPair) -> Option<&str> {
        Some(&pair.key)
    }
}

/// Implements [`HandlerPayload`] for types of which Consul writes `$handed` to its handlers, and whose entries
/// are named by `$name`. Functions in braces replace other defaults.
macro_rules! payloads {
    ($($query:ty: |$changed:ident| $handed:expr, |$item:ident| $name:expr $(, { $($more:item)* })?;)*) => {
        $(impl HandlerPayload for $query {
            fn write_payload($changed: &Changed<Self>, out: &mut dyn io::Write) -> serde_json::Result<()> {
                write_json(&$handed, out)
            }

            fn name($item: &<Self::Value as Snapshot>::Item) -> String {
                $name
            }

            fn shape() -> &'static Shape {
                <<Self::Value as Snapshot>::Item as Shaped>::SHAPE
            }

            $($($more)*)?
        })*
    };
}

payloads! {
    Services: |changed| *changed.current, |service| service.name.clone(), {
        fn tags(service: &ServiceTags) -> &[String] {
            &service.tags
        }
    };
    Nodes: |changed| *changed.current, |node| node.node.clone();
    Service: |changed| handler::entries(&changed.current), |entry| path_of(&[entry.id().0, entry.id().1]), {
        fn tags(entry: &ServiceEntry) -> &[String] {
            &entry.service.tags
        }

        fn health(entry: &ServiceEntry) -> Option<CheckStatus> {
            Some(entry.health())
        }
    };
    Checks: |changed| handler::checks(&changed.current), |check| path_of(&[&check.node, &check.check_id]), {
        fn health(check: &HealthCheck) -> Option<CheckStatus> {
            Some(check.health())
        }
    };
    Event: |changed| new_events(changed), |event| path_of(&[&event.name, &event.id]);
    ConnectRoots: |changed| *changed.current, |root| root.id().to_owned();
    ConnectLeaf: |changed| *changed.current, |leaf| leaf.service.clone();
    AgentService: |changed| changed.current.as_deref().map(handler::instance), |service| service.id.clone();
}

/// Writes compact JSON with the escapes of Go's encoder, as Consul writes it.
fn write_json<T: Serialize>(value: &T, out: &mut dyn io::Write) -> serde_json::Result<()> {
    value.serialize(&mut serde_json::Serializer::with_formatter(out, GoEscapes))
}

/// The escapes of Go's encoder beyond those of JSON, within strings.
struct GoEscapes;

impl Formatter for GoEscapes {
    fn write_string_fragment<W: ?Sized + io::Write>(
        &mut self,
        writer: &mut W,
        fragment: &str,
    ) -> io::Result<()> {
        let mut rest = fragment;
        while let Some(at) = rest.find(['<', '>', '&', '\u{2028}', '\u{2029}']) {
            let (plain, special) = rest.split_at(at);
            writer.write_all(plain.as_bytes())?;
            let mut chars = special.chars();
            if let Some(special) = chars.next() {
                write!(writer, "\\u{:04x}", u32::from(special))?;
            }
            rest = chars.as_str();
        }
        writer.write_all(rest.as_bytes())
    }
}

/// The events that this subscriber has not seen: what Consul writes of a log.
fn new_events(changed: &Changed<Event>) -> Vec<Arc<crate::model::UserEvent>> {
    changed.current.since(changed.previous.as_deref())
}

fn path_of(parts: &[&str]) -> String {
    parts.join("/")
}

/// A value as text, or as `{"base64": …}` if it is not UTF-8.
fn text_or_base64(pair: &KvPair) -> Value {
    let value = pair.value.as_deref().unwrap_or_default();
    match std::str::from_utf8(value) {
        Ok(text) => json!(text),
        Err(_) => json!({ "base64": STANDARD.encode(value) }),
    }
}

/// A pair with the fields of Consul's API client in their order. It has a session even where there is none.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct GoPair<'a> {
    key: &'a str,
    create_index: u64,
    modify_index: u64,
    lock_index: u64,
    flags: u64,
    value: Option<Base64<'a>>,
    session: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    namespace: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    partition: &'a str,
}

impl<'a> GoPair<'a> {
    fn of(pair: &'a KvPair) -> Self {
        Self {
            key: &pair.key,
            create_index: pair.create_index,
            modify_index: pair.modify_index,
            lock_index: pair.lock_index,
            flags: pair.flags,
            value: pair.value.as_deref().map(Base64),
            session: pair.session.as_deref().unwrap_or_default(),
            namespace: &pair.namespace,
            partition: &pair.partition,
        }
    }
}

/// Bytes that are encoded while they are written.
struct Base64<'a>(&'a [u8]);

impl Serialize for Base64<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&Base64Display::new(self.0, &STANDARD))
    }
}

/// The pairs of a prefix, each made when it is written.
struct GoPairs<'a>(&'a [Arc<KvPair>]);

impl Serialize for GoPairs<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(|pair| GoPair::of(pair)))
    }
}

#[cfg(test)]
mod tests {
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
            ..KvPair::default()
        }
    }

    fn text(payload: serde_json::Result<Vec<u8>>) -> String {
        String::from_utf8(payload.unwrap()).unwrap()
    }

    #[test]
    fn a_key_is_an_object_or_null() {
        let changed = Changed::first(Key::new("a"), Some(Arc::new(pair(Some("x")))), 2);
        assert_eq!(
            text(HandlerPayload::payload(&changed)),
            r#"{"Key":"a","CreateIndex":1,"ModifyIndex":2,"LockIndex":0,"Flags":7,"Value":"eA==","Session":""}"#
        );
        assert_eq!(
            text(HandlerPayload::payload(&Changed::first(
                Key::new("a"),
                None,
                2
            ))),
            "null"
        );
    }

    #[test]
    fn a_key_of_consul_enterprise_has_its_namespace_and_partition() {
        let pair = KvPair {
            namespace: "team".to_owned(),
            partition: "default".to_owned(),
            ..pair(None)
        };
        let changed = Changed::first(Key::new("a"), Some(Arc::new(pair)), 2);
        let end = r#""Value":null,"Session":"","Namespace":"team","Partition":"default"}"#;
        assert!(text(HandlerPayload::payload(&changed)).ends_with(end));
    }

    #[test]
    fn strings_have_the_escapes_of_go() {
        let mut json = Vec::new();
        let text = "<a href=\"x\">&\u{2028}\u{2029}\u{e9}\n</a>";
        write_json(&json!({ "<": text, "list": [1, null, "&&"] }), &mut json).unwrap();
        assert_eq!(
            String::from_utf8(json).unwrap(),
            r#"{"\u003c":"\u003ca href=\"x\"\u003e\u0026\u2028\u2029é\n\u003c/a\u003e","list":[1,null,"\u0026\u0026"]}"#
        );
    }

    #[test]
    fn a_prefix_is_a_list_or_null() {
        let changed = Changed::first(KeyPrefix::new("a"), vec![Arc::new(pair(None))], 2);
        assert!(text(HandlerPayload::payload(&changed)).starts_with(r#"[{"Key":"a""#));
        assert!(text(HandlerPayload::payload(&changed)).contains(r#""Value":null"#));
        assert_eq!(
            text(HandlerPayload::payload(&Changed::first(
                KeyPrefix::new("a"),
                Vec::new(),
                2
            ))),
            "null"
        );
    }
}
