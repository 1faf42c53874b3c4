//! Certificates of servers: which are trusted, why others are not, and those that are renewed while a client runs.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use consul_watch::{ConsulConfig, KvStore, kv::KvError};
use consul_watch_harness::{
    Authority, DEADLINE, TestAgent, consul, eventually_async,
    fixture::{supervisor, until},
    log_capture::{capture, captured},
};

use crate::values::Values;

/// A certificate of `pem/`, all of one key, for `localhost`, `named.example` and 127.0.0.1.
fn pem(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/transport/pem")
        .join(name)
}

/// An agent that proves by a certificate of `pem/` who it is.
fn agent(certificate: &str) -> TestAgent {
    let config = format!(
        "cert_file = \"{}\"\nkey_file = \"{}\"",
        pem(certificate).display(),
        pem("key.pem").display()
    );
    TestAgent::builder().dev().https().config(config).start()
}

fn config(agent: &TestAgent) -> ConsulConfig {
    let address = format!("https://{}", agent.https_addr());
    ConsulConfig::default()
        .with_address(address)
        .expect("an address")
}

/// Returns the result of a short call and of a watch: both work, or the error of the call.
async fn ask(config: &ConsulConfig) -> Result<(), String> {
    let store = KvStore::connect(config).expect("a client");
    match store.get_opt("certified").await {
        Ok(_) => {
            let watches = supervisor(config);
            let mut values = Values::start();
            values.watch(&watches, "certified").await;
            values.next("a state").await;
            Ok(())
        }
        Err(KvError::Client(error)) => Err(error.to_string()),
        Err(other) => panic!("{other:?}"),
    }
}

/// Whether Consul's own client works with this authority and name.
fn original(agent: &TestAgent, authority: &str, path: &Path, name: Option<&str>) -> bool {
    let mut command = Command::new(consul().expect("a Consul"));
    command
        .args(["kv", "get", "-keys", "certified"])
        .env(
            "CONSUL_HTTP_ADDR",
            format!("https://{}", agent.https_addr()),
        )
        .env(authority, path);
    if let Some(name) = name {
        command.env("CONSUL_TLS_SERVER_NAME", name);
    }
    let output = command.output().expect("it runs");
    output.status.success()
}

#[actix_rt::test]
async fn a_certificate_that_is_named_itself_is_trusted_as_by_consuls_client() {
    for certificate in [
        "self_signed.pem",
        "end_entity.pem",
        "unmarked.pem",
        "issued.pem",
    ] {
        let agent = agent(certificate);
        let itself = pem(certificate);
        assert!(
            original(&agent, "CONSUL_CACERT", &itself, None),
            "{certificate}"
        );
        let named = config(&agent).with_ca_file(&itself);
        assert_eq!(ask(&named).await, Ok(()), "{certificate}");

        let directory = tempfile::tempdir().expect("a directory");
        fs::copy(&itself, directory.path().join("a.pem")).expect("copied");
        assert!(original(&agent, "CONSUL_CAPATH", directory.path(), None));
        let named = config(&agent).with_ca_path(directory.path());
        assert_eq!(ask(&named).await, Ok(()), "{certificate}");

        // In a folder of it, and with a byte-order mark.
        let below = tempfile::tempdir().expect("a directory");
        fs::create_dir(below.path().join("more")).expect("created");
        let file = below.path().join("more/a.pem");
        fs::copy(&itself, &file).expect("copied");
        assert!(original(&agent, "CONSUL_CAPATH", below.path(), None));
        let mut marked = b"\xef\xbb\xbf".to_vec();
        marked.extend(fs::read(&itself).expect("read"));
        fs::write(&file, marked).expect("written");
        let named = config(&agent).with_ca_path(below.path());
        assert_eq!(ask(&named).await, Ok(()), "{certificate}");
        let named = config(&agent).with_ca_file(&file);
        assert_eq!(ask(&named).await, Ok(()), "{certificate}");

        // For one of its names, and for no other.
        for (name, fits) in [("named.example", true), ("other.example", false)] {
            let is_accepted = original(&agent, "CONSUL_CACERT", &itself, Some(name));
            assert_eq!(is_accepted, fits, "{certificate} for {name}");
            let named = config(&agent)
                .with_ca_file(&itself)
                .with_tls_server_name(name);
            let asked = ask(&named).await;
            assert_eq!(asked.is_ok(), fits, "{certificate} for {name}: {asked:?}");
        }
    }
}

#[test]
fn a_key_that_is_encrypted_is_named_with_the_remedy() {
    let home = tempfile::tempdir().expect("a directory");
    let key = home.path().join("key.pem");
    for text in [
        "-----BEGIN ENCRYPTED PRIVATE KEY-----\nMIIC\n-----END ENCRYPTED PRIVATE KEY-----\n",
        "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-256-CBC,00\n\nMIIC\n-----END RSA \
         PRIVATE KEY-----\n",
    ] {
        fs::write(&key, text).expect("written");
        let config = ConsulConfig::default()
            .with_address("https://127.0.0.1:1")
            .expect("an address")
            .with_client_certificate(pem("self_signed.pem"), &key);
        let error = KvStore::connect(&config).expect_err("it cannot be used");
        let told = error.to_string();
        assert!(
            told.contains("is encrypted") && told.contains("`openssl pkey -in "),
            "{told}"
        );
    }
}

#[actix_rt::test]
async fn a_certificate_is_trusted_neither_after_its_time_nor_for_another_one() {
    let expired = agent("expired.pem");
    let itself = pem("expired.pem");
    assert!(!original(&expired, "CONSUL_CACERT", &itself, None));
    let told = ask(&config(&expired).with_ca_file(&itself)).await;
    let told = told.expect_err("it has expired");
    let reason = "the TLS handshake failed: the server's certificate has expired on Fri, 01 Jan 2021 00:00:00 GMT; \
                  renew the agent's certificate";
    assert!(told.contains(reason), "{told}");

    let agent = agent("self_signed.pem");
    for other in ["end_entity.pem", "issued.pem", "unmarked.pem"] {
        assert!(!original(&agent, "CONSUL_CACERT", &pem(other), None));
        let told = ask(&config(&agent).with_ca_file(pem(other))).await;
        let told = told.expect_err("it is another one");
        let reason = "the server's certificate is one of an authority, and not among those that are trusted; name the \
                      file of this certificate";
        assert!(
            told.contains(reason) && told.contains("`ca_file`"),
            "{told}"
        );
    }
}

#[actix_rt::test]
async fn the_first_line_says_why_a_handshake_failed_and_what_to_do() {
    let (authority, stranger) = (Authority::new(), Authority::new());
    authority.for_another_name("consul.example");
    let agent = authority.agent().start();
    let told = ask(&config(&agent).with_ca_file(stranger.certificate())).await;
    says(
        told,
        &["is of an unknown authority; name the file", "CONSUL_CACERT"],
    );
    let trusting = config(&agent).with_ca_file(authority.certificate());
    let told = ask(&trusting.clone().with_tls_server_name("other.example")).await;
    says(
        told,
        &[
            "is not for the name `other.example`, but for ",
            "`consul.example`",
            "CONSUL_TLS_SERVER_NAME",
        ],
    );

    let plain = ConsulConfig::default()
        .with_address(format!("https://{}", agent.http_addr()))
        .expect("an address")
        .with_ca_file(authority.certificate());
    says(
        ask(&plain).await,
        &["the server does not speak TLS at this port; use the agent's HTTPS port"],
    );

    let strict = authority
        .agent()
        .config("verify_incoming_https = true")
        .start();
    let nobody = config(&strict).with_ca_file(authority.certificate());
    says(
        ask(&nobody).await,
        &[" requires a client certificate", "CONSUL_CLIENT_CERT"],
    );
    let (certificate, key) = stranger.client();
    let unknown = nobody.with_client_certificate(certificate, key);
    says(
        ask(&unknown).await,
        &["client certificate", "CONSUL_CLIENT_CERT"],
    );
}

#[track_caller]
fn says(told: Result<(), String>, parts: &[&str]) {
    let told = told.expect_err("no trust");
    assert!(!told.contains('\n'), "{told}");
    for part in parts {
        assert!(told.contains(part), "no `{part}`: {told}");
    }
    assert!(told.contains("the TLS handshake failed: "), "{told}");
}

/// Copies all files of an authority over those of another one, as a renewal does.
fn renew(old: &Authority, new: &Authority) {
    for entry in fs::read_dir(new.directory()).expect("a directory") {
        let entry = entry.expect("an entry");
        let to = old.directory().join(entry.file_name());
        fs::copy(entry.path(), to).expect("copied");
    }
}

#[actix_rt::test]
async fn renewed_certificates_are_read_after_a_failed_handshake() {
    let (authority, renewed) = (Authority::new(), Authority::new());
    let agent = authority
        .agent()
        .config("verify_incoming_https = true")
        .start();
    let (certificate, key) = authority.client();
    let config = config(&agent)
        .with_ca_file(authority.certificate())
        .with_client_certificate(certificate, key);
    let store = KvStore::connect(&config).expect("a client");
    store.put("renewed", "1").await.expect("written");
    let watches = supervisor(&config);
    let mut values = Values::start();
    values.watch(&watches, "renewed").await;
    assert_eq!(values.next("the first state").await.as_deref(), Some("1"));

    // Authority, server and client are others from now on.
    renew(&authority, &renewed);
    agent.restart_empty();
    store
        .put("renewed", "2")
        .await
        .expect("the call is sent again with the new certificates");
    while values.next("the new state").await.as_deref() != Some("2") {}
}

#[actix_rt::test]
async fn a_renewed_authority_that_is_damaged_leaves_the_old_one() {
    let (authority, stranger) = (Authority::new(), Authority::new());
    let agent = authority.agent().start();
    let home = tempfile::tempdir().expect("a directory");
    let trusted = home.path().join("ca.pem");
    fs::copy(stranger.certificate(), &trusted).expect("copied");
    capture();
    let watches = supervisor(&config(&agent).with_ca_file(&trusted));
    let mut values = Values::start();
    values.watch(&watches, "a").await;
    until(&watches, "a", "the reason", |status| {
        let error = status.state.error();
        error.is_some_and(|error| error.to_string().contains("unknown authority"))
    })
    .await;
    fs::write(&trusted, "half a fi").expect("written");
    let shown = trusted.display().to_string();
    eventually_async(DEADLINE, "a warning of the file", || {
        let warned = captured("certificates cannot be read again");
        warned.iter().any(|record| record.text.contains(&shown))
    })
    .await;
    fs::copy(authority.certificate(), &trusted).expect("copied");
    assert_eq!(values.next("a state").await, None);
}
