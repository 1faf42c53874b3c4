//! Trust over HTTPS: authorities, names and client certificates, and the errors without it.

use std::error::Error;

use consul_watch::client::{ClientError, ConfigError, ConnectStage, Secret};
use consul_watch::kv::KvError;
use consul_watch::{ConsulConfig, KvStore, Reset};
use consul_watch_harness::{Authority, TestAgent, fixture::supervisor};

use crate::values::Values;

fn config(agent: &TestAgent) -> ConsulConfig {
    let address = format!("https://{}", agent.https_addr());
    ConsulConfig::default()
        .with_address(address)
        .expect("an address")
}

async fn works(config: &ConsulConfig) {
    let store = KvStore::connect(config).expect("a client");
    store.put("tls/a", "1").await.expect("written");
    assert_eq!(
        store
            .get("tls/a")
            .await
            .expect("read")
            .to_value()
            .as_str()
            .expect("text"),
        "1"
    );
    // Over the shared connections, compressed and not.
    for gzip in [true, false] {
        let watches = supervisor(&config.clone().with_gzip(gzip));
        let mut values = Values::start();
        values.watch(&watches, "tls/a").await;
        assert_eq!(values.next("the first value").await.as_deref(), Some("1"));
        let large = "x".repeat(300_000);
        store.put("tls/a", large.as_str()).await.expect("written");
        assert_eq!(
            values.next("a change").await.map(|value| value.len()),
            Some(300_000)
        );
        store.put("tls/a", "1").await.expect("written");
        assert_eq!(values.next("a change").await.as_deref(), Some("1"));
    }
}

/// Both by a short call and by a long poll.
async fn fails(config: &ConsulConfig) -> String {
    use consul_watch::client::{ConsulClient, QueryRequest};
    let client = ConsulClient::new(config).expect("a client");
    let poll = client
        .blocking_query(&QueryRequest::new("/v1/kv/tls/a").accept_404(true))
        .await;
    let poll = poll.expect_err("no trust");
    assert!(
        matches!(
            poll,
            ClientError::Connect {
                stage: ConnectStage::Tls,
                ..
            }
        ),
        "{poll:?}"
    );
    let call = match KvStore::new(client)
        .get("tls/a")
        .await
        .expect_err("no trust")
    {
        KvError::Client(error) => error,
        other => panic!("{other:?}"),
    };
    assert!(
        matches!(
            call,
            ClientError::Connect {
                stage: ConnectStage::Tls,
                ..
            }
        ),
        "{call:?}"
    );
    poll.source().expect("a cause").to_string()
}

#[actix_rt::test]
async fn the_authority_of_a_file_or_a_directory_is_trusted_and_no_other() {
    let authority = Authority::new();
    let agent = authority.agent().start();
    works(&config(&agent).with_ca_file(authority.certificate())).await;

    // The directory holds certificates and keys; what is no certificate is passed over.
    works(&config(&agent).with_ca_path(authority.directory())).await;

    let stranger = Authority::new();
    let told = fails(&config(&agent).with_ca_file(stranger.certificate())).await;
    assert!(told.contains("certificate"), "{told}");

    works(&config(&agent).with_tls_verify(false)).await;
}

#[actix_rt::test]
async fn the_name_is_that_of_the_host_unless_another_is_set() {
    let authority = Authority::new();
    authority.for_another_name("consul.example");
    let agent = authority.agent().start();
    let trusting = config(&agent).with_ca_file(authority.certificate());
    works(&trusting.clone().with_tls_server_name("consul.example")).await;
    works(&trusting.clone().with_tls_server_name("server.dc1.consul")).await;
    let told = fails(&trusting.with_tls_server_name("other.example")).await;
    assert!(told.contains("name"), "{told}");
}

#[actix_rt::test]
async fn a_client_certificate_is_shown_and_must_be_whole() {
    let authority = Authority::new();
    let agent = authority
        .agent()
        .config("verify_incoming_https = true")
        .start();
    let trusting = config(&agent).with_ca_file(authority.certificate());
    let (certificate, key) = authority.client();
    works(&trusting.clone().with_client_certificate(&certificate, &key)).await;
    fails(&trusting).await;

    let other = Authority::new().client();
    let wrong = trusting
        .clone()
        .with_client_certificate(&certificate, authority.certificate());
    let error = KvStore::connect(&wrong).expect_err("a certificate is no key");
    assert!(error.to_string().contains("consul-agent-ca.pem"), "{error}");
    let gone = trusting.with_client_certificate(&other.0, &other.1);
    let error = KvStore::connect(&gone).expect_err("the files are gone");
    assert!(matches!(error, ConfigError::Tls(_)), "{error:?}");
    assert!(
        error.to_string().contains(&other.0.display().to_string()),
        "{error}"
    );
}

#[actix_rt::test]
async fn certificates_are_read_again_on_reset() {
    let (first, second) = (Authority::new(), Authority::new());
    let home = tempfile::tempdir().expect("a directory");
    let trusted = home.path().join("ca.pem");
    std::fs::copy(first.certificate(), &trusted).expect("copied");
    let (before, after) = (first.agent().start(), second.agent().start());
    let watches = supervisor(&config(&before).with_ca_file(&trusted));
    let mut values = Values::start();
    values.watch(&watches, "tls/b").await;
    assert_eq!(values.next("the first value").await, None);

    // Another server, of another authority, whose certificate lies in the same file by now.
    std::fs::copy(second.certificate(), &trusted).expect("copied");
    after.put("tls/b", "after");
    let reset = Reset::with(config(&after).with_ca_file(&trusted));
    watches
        .send(reset)
        .await
        .expect("the supervisor runs")
        .expect("it can be used");
    assert_eq!(
        values.next("the value there").await.as_deref(),
        Some("after")
    );

    // A file that cannot be used is refused, and the running configuration stays.
    std::fs::write(&trusted, "damaged").expect("written");
    let refused = watches
        .send(Reset::with(config(&before).with_ca_file(&trusted)))
        .await;
    refused
        .expect("the supervisor runs")
        .expect_err("no certificate is in it");
    after.put("tls/b", "still");
    assert_eq!(values.next("a change").await.as_deref(), Some("still"));
}

#[actix_rt::test]
async fn a_plain_port_is_told_from_one_with_tls() {
    let agent = TestAgent::dev();
    let address = format!("https://{}", agent.http_addr());
    let authority = Authority::new();
    let config = ConsulConfig::default()
        .with_address(address)
        .expect("an address");
    fails(&config.with_ca_file(authority.certificate())).await;
}

#[actix_rt::test]
async fn tokens_go_over_both_kinds_of_connections() {
    let authority = Authority::new();
    let acl =
        r#"acl { enabled = true default_policy = "deny" tokens { master = "the-master-token" } }"#;
    let agent = authority
        .agent()
        .config(acl)
        .token("the-master-token")
        .start();
    let token = Secret::from("the-master-token");
    works(
        &config(&agent)
            .with_ca_file(authority.certificate())
            .with_token(token),
    )
    .await;
}
