//! `connect_roots`.

use consul_watch::model::CaRoots;
use consul_watch::{ChangeKind, ConnectRoots};
use consul_watch_harness::Fixture;
use serde_json::json;

use crate::fixture::{is_written_back, start};

/// Rotates the authority to a new root with this private key.
pub(crate) fn rotate(fixture: &Fixture, key_of: &str) {
    let leaf = fixture
        .agent
        .get_json(&format!("/v1/agent/connect/ca/leaf/{key_of}"));
    let key = &leaf["PrivateKeyPEM"];
    let config = json!({ "LeafCertTTL": "72h", "RotationPeriod": "2160h", "PrivateKey": key, "RootCert": "" });
    fixture.agent.put_json(
        "/v1/connect/ca/configuration",
        &json!({ "Provider": "consul", "Config": config }),
    );
}

#[actix_rt::test]
async fn a_rotation_adds_a_root_and_updates_the_old_one() {
    let fixture = start();
    let mut feed = fixture.watch(ConnectRoots::new()).await;
    let first = feed.next("the first value").await;
    let old = first.current.active().expect("an active root").clone();
    assert_eq!(first.current.roots.len(), 1);
    assert!(old.extra.is_empty() && first.current.extra.is_empty());
    assert!(old.not_before.system_time() < old.not_after.system_time());
    is_written_back::<CaRoots>(&fixture.agent, "/v1/agent/connect/ca/roots", &first.current);

    rotate(&fixture, "a");
    let second = feed.next("the rotation").await;
    let kinds: Vec<_> = second
        .changes()
        .iter()
        .map(|change| (change.item().id == old.id, change.kind()))
        .collect();
    assert!(
        kinds.contains(&(true, ChangeKind::Updated)) && kinds.contains(&(false, ChangeKind::Added)),
        "{kinds:?}"
    );
    let new = second.current.active().expect("an active root");
    assert!(new.active && new.id != old.id);
    is_written_back::<CaRoots>(
        &fixture.agent,
        "/v1/agent/connect/ca/roots",
        &second.current,
    );
}

#[actix_rt::test]
async fn another_authority_removes_the_roots() {
    let fixture = start();
    let mut feed = fixture.watch(ConnectRoots::new()).await;
    feed.next("the first value").await;
    fixture.agent.restart_empty();
    let kinds: Vec<_> = feed
        .next("another authority")
        .await
        .changes()
        .iter()
        .map(consul_watch::Change::kind)
        .collect();
    assert!(
        kinds.len() == 2
            && kinds.contains(&ChangeKind::Added)
            && kinds.contains(&ChangeKind::Removed),
        "{kinds:?}"
    );
}

#[actix_rt::test]
async fn an_unknown_datacenter_is_reported_with_consuls_text() {
    let fixture = start();
    let mut feed = fixture
        .watch(ConnectRoots::new().with_datacenter("nowhere"))
        .await;
    let status = fixture
        .until_state("connect_roots?dc=nowhere", "retrying")
        .await;
    assert!(
        status.to_string().contains("No path to datacenter"),
        "{status}"
    );
    feed.has_nothing("there is no answer");
}
