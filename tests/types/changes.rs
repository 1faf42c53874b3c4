//! The law of changes: applied to the previous value, they result in the current one.

use std::collections::BTreeMap;
use std::sync::Arc;

use consul_watch::actors::changes;
use consul_watch::model::ServiceEntry;
use consul_watch::{Change, Item, View};
use proptest::prelude::*;
use serde_json::json;

type Entries = Vec<Arc<ServiceEntry>>;

prop_compose! {
    fn entry()(status in prop::sample::select(&["passing", "critical"][..]), tag in 0..2u8, port in 1..3u16, index in 1..4u64)
        -> serde_json::Value
    {
        json!({
            "Service": { "Tags": [tag.to_string()], "Port": port, "ModifyIndex": index },
            "Checks": [{ "Node": "n", "CheckID": "c", "Status": status, "ModifyIndex": index }],
        })
    }
}

/// Entries in any order, with few names, so that common ones are frequent.
fn entries() -> impl Strategy<Value = Entries> {
    prop::collection::btree_map(("[ab]", "[a-c]"), entry(), 0..6)
        .prop_map(|map| {
            map.into_iter()
                .map(|((node, id), mut entry)| {
                    entry["Node"] = json!({ "Node": node });
                    entry["Service"]["ID"] = json!(id);
                    Arc::new(serde_json::from_value(entry).expect("an entry"))
                })
                .collect::<Vec<_>>()
        })
        .prop_shuffle()
}

fn by_id(entries: &Entries) -> BTreeMap<(String, String), Arc<ServiceEntry>> {
    entries
        .iter()
        .map(|entry| (id(entry), Arc::clone(entry)))
        .collect()
}

fn id(entry: &ServiceEntry) -> (String, String) {
    (entry.node.node.clone(), entry.service.id.clone())
}

proptest! {
    #[test]
    fn changes_applied_to_previous_give_current(old: Option<()>, was in entries(), is in entries()) {
        let was = old.map(|()| was);
        let mut applied = was.as_ref().map(by_id).unwrap_or_default();
        for change in changes(was.as_ref(), &is, &View::default()) {
            match change {
                Change::Added(new) => prop_assert!(applied.insert(id(&new), new).is_none()),
                Change::Updated { old, new } => {
                    prop_assert!(!old.content_eq(&new));
                    prop_assert!(applied.insert(id(&old), new).is_some());
                }
                Change::Removed(old) => prop_assert!(applied.remove(&id(&old)).is_some()),
                other => prop_assert!(false, "an unknown change {:?}", other),
            }
        }
        let expected = by_id(&is);
        prop_assert!(applied.keys().eq(expected.keys()));
        for (id, entry) in &expected {
            prop_assert!(applied[id].content_eq(entry), "{:?} is not {:?}", applied[id], entry);
        }
    }
}
