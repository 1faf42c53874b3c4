//! Consul on a unix socket.

use consul_watch::{ConsulConfig, KvStore};
use consul_watch_harness::{TestAgent, fixture::supervisor};

use crate::values::Values;

#[actix_rt::test]
async fn a_unix_socket_is_as_good_as_a_port() {
    let home = tempfile::tempdir().expect("a directory");
    let socket = home.path().join("consul.sock");
    // The harness finds the agent at its port, so it listens at both.
    let addresses = format!(
        r#"addresses {{ http = "127.0.0.1 unix://{}" }}"#,
        socket.display()
    );
    let agent = TestAgent::builder().dev().config(addresses).start();
    let address = format!("unix://{}", socket.display());
    let config = ConsulConfig::default()
        .with_address(&address)
        .expect("an address");
    let store = KvStore::connect(&config).expect("a client");
    store.put("unix/a", "1").await.expect("written");
    assert_eq!(agent.get("unix/a").expect("written").0, b"1");

    let watches = supervisor(&config);
    let mut values = Values::start();
    values.watch(&watches, "unix/a").await;
    assert_eq!(values.next("the first value").await.as_deref(), Some("1"));
    agent.put("unix/a", "2");
    assert_eq!(values.next("a change").await.as_deref(), Some("2"));

    let nowhere = ConsulConfig::default()
        .with_address("unix:///nonexistent/consul.sock")
        .expect("an address");
    let error = KvStore::connect(&nowhere)
        .expect("a client")
        .get("a")
        .await
        .expect_err("no such socket");
    let error = error.to_string();
    assert!(
        error.contains("unix:///nonexistent/consul.sock/v1/kv/a"),
        "{error}"
    );
}
