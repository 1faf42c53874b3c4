//! An application's tests make updates of every query, to send them to its handlers. None of these asks Consul.

use std::{fmt::Debug, sync::Arc};

use consul_watch::{
    AgentService, Changed, Checks, ConnectLeaf, ConnectRoots, Event, Key, KeyPrefix, KeySet, Nodes,
    Reason, Service, ServiceCatalog, Services, Snapshot, View,
    actors::Query,
    decode::{Decoded, JsonDocument},
    kv::KvPair,
    model::{EventLog, ServiceList, UserEvent},
};
use serde::de::DeserializeOwned;

/// The kinds of the changes.
fn kinds<Q: Query>(changed: &Changed<Q>) -> Vec<String> {
    changed
        .changes()
        .iter()
        .map(|change| change.kind().to_string())
        .collect()
}

/// Makes a first update, one that changes an entry, and one that removes it.
fn every_update<Q: Query>(query: &Q, one: Q::Value, other: Q::Value, none: Option<Q::Value>)
where
    Q::Value: Clone,
{
    let first = Changed::first(query.clone(), one.clone(), 7);
    assert_eq!(kinds(&first), ["added"], "{query:?}");
    assert_eq!((first.index, first.reason), (7, Reason::First));
    let updated = Changed::update(query.clone(), one.clone(), other, 8);
    assert_eq!(kinds(&updated), ["updated"], "{query:?}");
    assert_eq!((updated.index, updated.previous_index), (8, Some(7)));
    assert_eq!(updated.reason, Reason::Change);
    if let Some(none) = none {
        let removed = Changed::update(query.clone(), one.clone(), none.clone(), 9);
        assert_eq!(kinds(&removed), ["removed"], "{query:?}");
        let added = Changed::update(query.clone(), none, one.clone(), 10);
        assert_eq!(kinds(&added), ["added"], "{query:?}");
    }
    let same = Changed::update(query.clone(), one.clone(), one, 11);
    assert_eq!(kinds(&same), [""; 0], "{query:?}");
}

/// An object of Consul's, from its JSON.
fn object<T: DeserializeOwned + Debug>(json: &str) -> Arc<T> {
    Arc::new(serde_json::from_str(json).unwrap())
}

fn pair(value: &'static str) -> Arc<KvPair> {
    Arc::new(KvPair {
        lock_index: 0,
        key: "app/port".to_owned(),
        flags: 0,
        value: Some(value.into()),
        session: None,
        create_index: 1,
        modify_index: 2,
        ..KvPair::default()
    })
}

#[derive(Debug, Clone, PartialEq, serde::Deserialize)]
struct Web {
    port: u16,
}

#[test]
fn of_keys_and_of_what_is_decoded_from_them() {
    every_update(
        &Key::new("app/port"),
        Some(pair("80")),
        Some(pair("81")),
        Some(None),
    );
    every_update(
        &KeyPrefix::new("app"),
        vec![pair("80")],
        vec![pair("81")],
        Some(Vec::new()),
    );
    every_update(
        &KeySet::new(),
        vec![pair("80")],
        vec![pair("81")],
        Some(Vec::new()),
    );
    let json = |port| Some(Arc::new(JsonDocument::new(Web { port })));
    every_update(
        &Key::new("web").json::<Web>(),
        json(80),
        json(81),
        Some(None),
    );
    // A folder always has a value, that of its defaults.
    let decoded = |port| Decoded::new(Web { port });
    every_update(
        &KeyPrefix::new("web").decode::<Web>(),
        decoded(80),
        decoded(81),
        None,
    );
}

#[test]
fn of_what_is_in_the_catalog() {
    let node = |address| {
        object(&format!(
            r#"{{"ID":"","Node":"one","Address":"{address}"}}"#
        ))
    };
    every_update(
        &Nodes::new(),
        vec![node("10.0.0.1")],
        vec![node("10.0.0.2")],
        Some(Vec::new()),
    );
    let list = |tag: &str| ServiceList::from_iter([("web", vec![tag.to_owned()])]);
    every_update(
        &Services::new(),
        list("v1"),
        list("v2"),
        Some(ServiceList::default()),
    );
    let check = |status| {
        object(&format!(
            r#"{{"Node":"one","CheckID":"up","Status":"{status}"}}"#
        ))
    };
    every_update(
        &Checks::any(),
        vec![check("passing")],
        vec![check("critical")],
        Some(Vec::new()),
    );
    let entry = |port| {
        object(&format!(
            r#"{{"Node":{{"Node":"one"}},"Service":{{"ID":"web-1","Service":"web","Port":{port}}},"Checks":[]}}"#
        ))
    };
    every_update(
        &Service::new("web"),
        vec![entry(80)],
        vec![entry(81)],
        Some(Vec::new()),
    );
    every_update(
        &ServiceCatalog::new(),
        vec![entry(80)],
        vec![entry(81)],
        Some(Vec::new()),
    );
    let instance = |port| {
        Some(object(&format!(
            r#"{{"ID":"web-1","Service":"web","Port":{port}}}"#
        )))
    };
    every_update(
        &AgentService::new("web-1"),
        instance(80),
        instance(81),
        Some(None),
    );
}

#[test]
fn of_certificates_and_events() {
    let leaf = |serial| {
        Some(object(&format!(
            r#"{{"SerialNumber":"{serial}","CertPEM":"","Service":"web"}}"#
        )))
    };
    let first = Changed::first(ConnectLeaf::new("web"), leaf("1"), 7);
    assert_eq!(kinds(&first), ["added"]);
    let renewed = Changed::update(ConnectLeaf::new("web"), leaf("1"), leaf("2"), 8);
    assert!(!kinds(&renewed).is_empty());
    let roots = |active| {
        serde_json::from_str(&format!(
            r#"{{"ActiveRootID":"1","TrustDomain":"x","Roots":[{{"ID":"1","Active":{active}}}]}}"#
        ))
        .unwrap()
    };
    let changed = Changed::update(ConnectRoots::new(), roots(true), roots(false), 8);
    assert_eq!(kinds(&changed), ["updated"]);
    let mut deploy = UserEvent::default();
    "1".clone_into(&mut deploy.id);
    let empty = EventLog::next(None, Vec::new());
    let log = EventLog::next(Some(&empty), vec![deploy]);
    let changed = Changed::update(Event::any(), empty, log, 7);
    assert_eq!(kinds(&changed), ["added"]);
}

#[test]
fn as_a_subscriber_with_a_view_receives_them() {
    let update = || Changed::update(KeyPrefix::new("app"), vec![pair("80")], vec![pair("81")], 8);
    let overlooked = update().with_view(View::default().only(|_| false));
    assert_eq!(kinds(&overlooked), [""; 0]);
    assert_eq!(overlooked.current.items().len(), 1);
    let mut resync = update();
    resync.reason = Reason::Resync;
    resync.coalesced = 3;
    assert_eq!(
        (resync.reason, resync.clone().coalesced),
        (Reason::Resync, 3)
    );
}
