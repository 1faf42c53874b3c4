//! No text makes a parser panic, and what a parser takes it takes again when it is written back.

use std::sync::Arc;

use consul_watch::KvPair;
use consul_watch::client::{Address, KeyPath, parse_duration};
use consul_watch::decode::{self, UnknownFields};
use consul_watch::definition::{Definition, QueryVisitor};
use consul_watch::handlers::HandlerPayload;
use consul_watch::model::{
    CaRoots, HealthCheck, LeafCert, Node, ServiceEntry, ServiceInstance, ServiceList, UserEvent,
    handler,
};
use percent_encoding::percent_decode_str;
use proptest::prelude::*;
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::mutation::{corpus, holds, mutated};

/// A value that was read can be written and read again.
fn read<T: DeserializeOwned + Serialize>(bytes: &[u8]) -> Option<T> {
    let value = serde_json::from_slice::<T>(bytes).ok()?;
    let written = serde_json::to_vec(&value).expect("it can be written");
    if let Err(error) = serde_json::from_slice::<T>(&written) {
        panic!("{error}: {}", String::from_utf8_lossy(&written));
    }
    Some(value)
}

/// Whether the bytes are what it reads.
type Decoder = fn(&[u8]) -> bool;

#[test]
fn answers() {
    let decoders: [(&str, Decoder); 9] = [
        ("checks.json", |bytes| {
            let checks = read::<Vec<Arc<HealthCheck>>>(bytes);
            checks.is_some_and(|checks| handler::checks(&checks).len() == checks.len())
        }),
        ("entries.json", |bytes| {
            let entries = read::<Vec<Arc<ServiceEntry>>>(bytes);
            entries.is_some_and(|entries| handler::entries(&entries).len() == entries.len())
        }),
        ("events.json", |bytes| {
            read::<Vec<UserEvent>>(bytes).is_some()
        }),
        ("instance.json", |bytes| {
            let instance = read::<ServiceInstance>(bytes);
            instance.is_some_and(|instance| handler::instance(&instance).id == instance.id)
        }),
        ("leaf.json", |bytes| read::<LeafCert>(bytes).is_some()),
        ("nodes.json", |bytes| read::<Vec<Node>>(bytes).is_some()),
        ("pairs.json", |bytes| read::<Vec<KvPair>>(bytes).is_some()),
        ("roots.json", |bytes| read::<CaRoots>(bytes).is_some()),
        ("services.json", |bytes| {
            read::<ServiceList>(bytes).is_some()
        }),
    ];
    let examples = corpus("answer");
    let decoder = |name: &str| {
        decoders
            .iter()
            .find(|(of, _)| *of == name)
            .expect("a decoder")
            .1
    };
    for (name, bytes) in &examples {
        assert!(decoder(name)(bytes), "{name} is a good example");
    }
    holds(&mutated(examples), |(name, bytes)| {
        decoder(&name)(&bytes.0);
        Ok(())
    });
}

struct PathOf;

impl QueryVisitor for PathOf {
    type Output = String;

    fn visit_query<Q: HandlerPayload>(self, query: Q) -> String {
        query.path().to_string()
    }
}

#[test]
fn definitions() {
    let examples = corpus("definition");
    for (name, bytes) in &examples {
        let json = serde_json::from_slice(bytes).expect("it is JSON");
        Definition::from_json(&json).unwrap_or_else(|error| panic!("{name}: {error}"));
    }
    holds(&mutated(examples), |(_, bytes)| {
        let Ok(json) = serde_json::from_slice(&bytes.0) else {
            return Ok(());
        };
        match Definition::from_json(&json) {
            Ok(definition) => {
                let again = Definition::from_json(&definition.to_json());
                prop_assert_eq!(again.as_ref(), Ok(&definition));
                prop_assert!(!definition.visit(PathOf).is_empty());
            }
            Err(errors) => prop_assert!(!errors.to_string().is_empty()),
        }
        Ok(())
    });
}

#[cfg(feature = "cli")]
#[test]
fn service_files() {
    use std::fs;

    use consul_watch::{ConsulConfig, daemon::DaemonConfig};

    let folder = tempfile::tempdir().expect("a folder");
    let base = ConsulConfig::default();
    let load = |name: &str, bytes: &[u8]| {
        let file = folder.path().join(name);
        fs::write(&file, bytes).expect("it can be written");
        DaemonConfig::load(&[file], &base)
            .map(drop)
            .map_err(|errors| errors.to_string())
    };
    let examples = corpus("service");
    for (name, bytes) in &examples {
        assert_eq!(load(name, bytes), Ok(()));
    }
    holds(&mutated(examples), |(name, bytes)| {
        if let Err(told) = load(&name, &bytes.0) {
            prop_assert!(told.contains(&name), "{}", told);
        }
        Ok(())
    });
}

#[test]
fn addresses() {
    holds(&mutated(corpus("address")), |(_, text)| {
        if let Ok(address) = text.text().parse::<Address>() {
            prop_assert_eq!(address.to_string().parse::<Address>(), Ok(address));
        }
        let _ = parse_duration(&text.text());
        Ok(())
    });
}

#[test]
fn keys() {
    holds(&mutated(corpus("key")), |(_, key)| {
        let key = key.text();
        let way = KeyPath::of_prefix(&key);
        prop_assert!(
            way.path()
                .bytes()
                .all(|byte| byte.is_ascii_graphic() && !b"?#".contains(&byte))
        );
        let sent = percent_decode_str(way.path()).decode_utf8().expect("UTF-8");
        let sent = sent.strip_prefix("/v1/kv/").expect("the KV endpoint");
        match way {
            KeyPath::Direct(_) => prop_assert_eq!(sent, &key),
            KeyPath::NearestPrefix(_) => {
                prop_assert!(key.starts_with(sent) && sent.len() < key.len());
            }
        }
        prop_assert_eq!(KeyPath::of_key(&key).is_err(), key.is_empty());
        Ok(())
    });
}

/// A struct that asks for every kind of value.
#[derive(Debug, Deserialize, PartialEq)]
#[serde(default)]
pub(crate) struct App {
    port: u16,
    ratio: f64,
    debug: bool,
    letter: char,
    timeout: Option<std::time::Duration>,
    hosts: Vec<String>,
    limits: std::collections::BTreeMap<String, i8>,
    mode: Mode,
    inner: Option<Box<App>>,
    any: serde_json::Value,
    pair: (u8, String),
}

#[derive(Debug, Deserialize, PartialEq, Default)]
#[serde(rename_all = "lowercase")]
enum Mode {
    #[default]
    Fast,
    Slow(u8),
    Both {
        #[serde(default)]
        a: u8,
    },
}

impl Default for App {
    fn default() -> Self {
        Self {
            port: 0,
            ratio: 0.0,
            debug: false,
            letter: 'a',
            timeout: None,
            hosts: Vec::new(),
            limits: std::collections::BTreeMap::new(),
            mode: Mode::Fast,
            inner: None,
            any: serde_json::Value::Null,
            pair: (0, String::new()),
        }
    }
}

/// Keys that are nearly those of [`App`], each with one of these values, changed a little.
pub(crate) fn pairs(values: &[&str]) -> impl Strategy<Value = Vec<Arc<KvPair>>> {
    const NAMES: [&str; 18] = [
        "port", "ratio", "debug", "letter", "timeout", "hosts", "limits", "mode", "inner", "any",
        "pair", "slow", "both", "0", "10", "", "a", "\u{e9}",
    ];
    let values: Vec<_> = values
        .iter()
        .map(|text| (String::new(), text.as_bytes().to_vec()))
        .collect();
    let key = prop::collection::vec(0..NAMES.len(), 1..4);
    prop::collection::vec((key, mutated(values)), 0..5).prop_map(|pairs| {
        let pair = |(key, (_, value)): (Vec<usize>, (String, crate::mutation::Shown))| {
            let names: Vec<&str> = key.into_iter().map(|at| NAMES[at]).collect();
            Arc::new(pair(format!("app/{}", names.join("/")), value.0))
        };
        pairs.into_iter().map(pair).collect()
    })
}

pub(crate) fn pair(key: String, value: Vec<u8>) -> KvPair {
    let value = Some(value.into());
    KvPair {
        key,
        value,
        lock_index: 0,
        flags: 0,
        session: None,
        create_index: 1,
        modify_index: 1,
        ..KvPair::default()
    }
}

#[test]
fn folders_as_structs() {
    let values = [
        "8080",
        "1.5",
        "yes",
        "x",
        "1m30s",
        "a, b",
        "[\"a\",1]",
        "{\"a\":1,\"port\":7}",
        "fast",
        "slow",
    ];
    holds(&pairs(&values), |pairs| {
        for unknown in [UnknownFields::Ignore, UnknownFields::Deny] {
            if let Err(error) = decode::from_pairs::<App>("app/", &pairs, unknown) {
                prop_assert!(error.to_string().contains("app/"), "{}", error);
            }
        }
        Ok(())
    });
}

/// A writer of keys must not be able to end the process.
#[test]
fn a_folder_as_deep_as_a_key_can_be_long() {
    for name in ["inner/", "any/", "a/", "/"] {
        let key = format!("app/{}x", name.repeat(512 * 1024 / name.len()));
        let pairs = [Arc::new(pair(key, b"1".to_vec()))];
        let error =
            decode::from_pairs::<App>("app/", &pairs, UnknownFields::Ignore).expect_err("too deep");
        assert!(
            error
                .to_string()
                .ends_with("it is nested more than 128 folders deep")
        );
    }
}
