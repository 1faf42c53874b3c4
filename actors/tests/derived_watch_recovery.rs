//! A derived watch after a panic in its watcher, or in a subscriber: what it knew of its inputs stays known.

#![allow(clippy::unwrap_used, reason = "a test that cannot continue says why")]

mod common;

use std::{collections::BTreeMap, sync::Arc};

use common::{Folder, Mode, Received, Recorder, Row, Rows, Store, pass, paused, until};
use consul_watch_actors::{Derived, Evaluation, Input, Inputs, Outcome, Query, Watch, WatchPath};

/// A list, and a folder for each row of it, as a catalogue of services is.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Catalog;

/// A row of this value makes a derived value that cannot be compared.
const CURSED: u64 = 666;

impl Catalog {
    fn members(known: &Inputs) -> Option<Vec<Folder>> {
        let list = known.get(&Folder::new("list"))?;
        Some(list.to_map().into_keys().map(Folder::new).collect())
    }
}

impl Query for Catalog {
    type Source = Store;
    type Value = Rows;

    fn path(&self) -> WatchPath {
        WatchPath::new("catalog", "")
    }

    fn evaluation(&self) -> Evaluation<'_, Self> {
        Evaluation::Derived(self)
    }
}

impl Derived for Catalog {
    fn inputs(&self, known: &Inputs) -> Vec<Input<Self>> {
        let members = Self::members(known).unwrap_or_default();
        let list = std::iter::once(Folder::new("list"));
        list.chain(members).map(Input::of).collect()
    }

    fn compute(&self, known: &Inputs, previous: Option<&Rows>) -> Option<Outcome<Rows>> {
        let mut entries = BTreeMap::new();
        for member in Self::members(known)? {
            match known.get(&member) {
                Some(rows) => {
                    for row in &rows.0 {
                        let key = format!("{}.{}", member.path().name(), row.key);
                        let cursed = row.value == CURSED;
                        let value = if cursed { Rows::CURSED } else { row.value };
                        let stamp = row.stamp;
                        entries.insert(
                            key.clone(),
                            Arc::new(Row {
                                key,
                                value,
                                stamp,
                                hidden_since: None,
                            }),
                        );
                    }
                }
                // The first value waits for all; a member that appeared since is not there yet.
                None if previous.is_none() => return None,
                None => {}
            }
        }
        Some(Outcome::Value(Rows(entries.into_values().collect())))
    }
}

fn removes_nothing(received: &Received) {
    let all = received.all();
    let mut changes = all.iter().flat_map(|seen| &seen.changes);
    assert!(
        changes.all(|change| !change.starts_with("removed")),
        "nothing was ever removed"
    );
}

#[actix::test]
async fn a_panic_in_a_derived_watch_removes_nothing() {
    let store = Store::new();
    for member in ["x", "y", "z"] {
        store.put("list", member, 1);
        store.put(member, "a", 1);
    }
    let watches = paused(&store);
    let (subscriber, received) = Recorder::prompt();
    let watch = Watch::new(Catalog, subscriber);
    watches.send(watch).await.unwrap().unwrap();
    until("the first value arrives", || received.count() == 1).await;
    assert_eq!(received.last().unwrap().rows.len(), 3);
    store.put("x", "a", CURSED);
    pass(1).await;
    store.put("x", "a", 2);
    until("the latest arrives", || {
        received.last().unwrap().rows.get("x.a") == Some(&2)
    })
    .await;
    pass(60).await;
    removes_nothing(&received);
}

#[actix::test]
async fn a_subscriber_that_panics_removes_nothing_for_others() {
    let store = Store::new();
    for member in ["x", "y", "z"] {
        store.put("list", member, 1);
        store.put(member, "a", 1);
    }
    store.mode("list", Mode::Silent);
    let watches = paused(&store);
    let (subscriber, received) = Recorder::prompt();
    let watch = Watch::new(Catalog, subscriber);
    watches.send(watch).await.unwrap().unwrap();
    let (bad, _) = Recorder::prompt();
    let panics = |_: &Rows| -> bool { panic!("`skip_first_when` panics, as the test wants it") };
    let watch = Watch::new(Catalog, bad).skip_first_when(panics);
    watches.send(watch).await.unwrap().unwrap();
    store.mode("list", Mode::Honest);
    until("the first value arrives", || received.count() > 0).await;
    pass(60).await;
    removes_nothing(&received);
}
