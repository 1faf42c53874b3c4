//! `connect_leaf`.

use consul_watch::model::LeafCert;
use consul_watch::{ChangeKind, ConnectLeaf};

use crate::fixture::{is_written_back, start};

#[actix_rt::test]
async fn a_leaf_is_delivered_as_consuls_json_and_never_displayed() {
    let fixture = start();
    let mut feed = fixture.watch(ConnectLeaf::new("web")).await;
    let first = feed.next("the first value").await;
    let leaf = (*first.current).as_ref().expect("a certificate").clone();
    assert_eq!(leaf.service, "web");
    assert!(leaf.private_key_pem.expose().contains("PRIVATE KEY"));
    assert!(leaf.extra.is_empty(), "{:?}", leaf.extra);
    assert!(!format!("{first:?} {leaf:?} {leaf}").contains("PRIVATE KEY"));
    is_written_back::<LeafCert>(&fixture.agent, "/v1/agent/connect/ca/leaf/web", &leaf);
}

#[actix_rt::test]
async fn another_certificate_replaces_the_first() {
    let fixture = start();
    let mut feed = fixture.watch(ConnectLeaf::new("web")).await;
    let first = feed.next("the first value").await;
    // Another authority signs another certificate, with the same serial number or a higher one.
    fixture.agent.restart_empty();
    let second = feed.next("another certificate").await;
    let pem = |leaf: &Option<std::sync::Arc<LeafCert>>| {
        leaf.as_ref().expect("a certificate").cert_pem.clone()
    };
    assert_ne!(pem(&first.current), pem(&second.current));
    let kinds: Vec<_> = second
        .changes()
        .iter()
        .map(consul_watch::Change::kind)
        .collect();
    let renewed = [ChangeKind::Added, ChangeKind::Removed]
        .iter()
        .all(|kind| kinds.contains(kind));
    assert!(renewed || kinds == [ChangeKind::Updated], "{kinds:?}");
}

#[actix_rt::test]
async fn wrong_parameters_are_reported() {
    let fixture = start();
    fixture.watch(ConnectLeaf::new("")).await;
    let status = fixture.until_state("connect_leaf", "stopped").await;
    assert!(status.to_string().contains("cannot be named"), "{status}");
    fixture
        .watch(ConnectLeaf::new("web").with_datacenter("nowhere"))
        .await;
    let status = fixture
        .until_state("connect_leaf:web?dc=nowhere", "retrying")
        .await;
    assert!(
        status.to_string().contains("No path to datacenter"),
        "{status}"
    );
}
