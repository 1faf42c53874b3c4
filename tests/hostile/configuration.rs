//! Configuration that would break out of where it is put is refused, and the error names it.

use std::fs;

use consul_watch::client::{ClientError, KeyPath, QueryRequest};
use consul_watch::daemon::DaemonConfig;
use consul_watch::handlers::{Webhook, WebhookError, WebhookHandler};
use consul_watch::{ConsulClient, ConsulConfig};
use serde_json::{Value, json};

/// Text that would end a header and start another.
const INJECTIONS: [&str; 5] = [
    "a\r\nX-Evil: 1",
    "a\nX-Evil: 1",
    "a\rX-Evil: 1",
    "a\0b",
    "a\u{7f}",
];

fn refused(http: Webhook) -> WebhookError {
    WebhookHandler::new(http).expect_err("it is refused")
}

fn url() -> Webhook {
    Webhook::new("http://127.0.0.1:1/x")
}

#[actix_rt::test]
async fn a_header_stays_one() {
    for injection in INJECTIONS {
        let error = refused(url().header("X-Mine", injection));
        assert!(
            matches!(&error, WebhookError::HeaderValue { name } if name == "X-Mine"),
            "{error}"
        );
        assert!(!format!("{error} {error:?}").contains("Evil"), "{error:?}");
        let error = refused(url().header(injection, "x"));
        assert!(matches!(error, WebhookError::HeaderName { .. }), "{error}");
        assert!(!error.to_string().contains(['\r', '\n', '\0']), "{error:?}");
        let error = refused(url().method(injection));
        assert!(matches!(error, WebhookError::Method { .. }), "{error}");
    }
    for name in ["", "a b", "a:b", "\u{e9}"] {
        assert!(
            matches!(
                refused(url().header(name, "x")),
                WebhookError::HeaderName { .. }
            ),
            "{name}"
        );
    }
}

#[actix_rt::test]
async fn a_url_stays_one() {
    for text in [
        "",
        "host/x",
        "file:///etc/passwd",
        "unix:///run/x.sock",
        "http://",
        "http://ho st/",
        "http://host/\r\nX-Evil: 1",
        "http://host\r\nX-Evil: 1/",
        "http://host/\0",
        "http://host:99999/",
        "javascript:alert(1)",
    ] {
        let error = refused(Webhook::new(text));
        assert!(
            matches!(error, WebhookError::Url { .. }),
            "{text:?}: {error}"
        );
        assert!(!error.to_string().contains("Evil"), "{error}");
    }
}

/// A token is a header too; a datacenter or a key is a part of the URL.
#[actix_rt::test]
async fn a_request_stays_one() {
    let nobody = ConsulConfig::default()
        .with_address("127.0.0.1:1")
        .expect("an address");
    for injection in INJECTIONS {
        let query = QueryRequest::new("/v1/kv/a").with_token(injection);
        let client = ConsulClient::new(&nobody).expect("a client");
        let error = client
            .blocking_query(&query)
            .await
            .expect_err("it cannot be sent");
        assert!(matches!(error, ClientError::Build { .. }), "{error}");
        assert!(!format!("{error} {error:?}").contains("Evil"), "{error:?}");
        let config = nobody.clone().with_token(injection);
        let error = ConsulClient::new(&config)
            .expect_err("a token that no header carries")
            .to_string();
        assert!(!error.contains("Evil"), "{error}");
        let way = KeyPath::of_prefix(injection);
        assert!(
            way.path().bytes().all(|byte| byte.is_ascii_graphic()),
            "{way:?}"
        );
        // It is sent, percent-encoded, and nobody is there.
        let query = QueryRequest::new("/v1/kv/a")
            .with_datacenter(injection)
            .with_param("filter", injection);
        let error = client
            .blocking_query(&query)
            .await
            .expect_err("nobody is there");
        assert!(matches!(error, ClientError::Connect { .. }), "{error}");
    }
}

/// Returns the errors of a file with this watch.
fn loaded(watch: &Value) -> Result<(), String> {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("a.json");
    fs::write(&file, json!({ "watches": [watch] }).to_string()).expect("it can be written");
    let loaded = DaemonConfig::load(&[file], &ConsulConfig::default());
    loaded.map(drop).map_err(|errors| errors.to_string())
}

#[test]
fn a_file_with_nuls_names_the_part() {
    let key = |name: &str, value: Value| {
        let mut watch = json!({ "type": "key", "key": "a", "args": ["true"] });
        watch
            .as_object_mut()
            .expect("an object")
            .remove(if name == "handler" { "args" } else { "" });
        watch[name] = value;
        watch
    };
    assert_eq!(loaded(&key("key", json!("a"))), Ok(()));
    for (watch, named) in [
        (key("args", json!(["true", "x\u{0}y"])), "`args`"),
        (key("args", json!(["tr\u{0}ue"])), "`args`"),
        (key("handler", json!("true\u{0}; evil")), "`handler`"),
        (key("on_error", json!(["true", "\u{0}"])), "`on_error`"),
        (key("args", json!([])), "`args`"),
        (key("handler", json!(" ")), "`handler`"),
    ] {
        let told = loaded(&watch).expect_err("it is refused");
        assert!(
            told.contains("a.json:1: watches[0]") && told.contains(named),
            "{watch}: {told}"
        );
        assert!(!told.contains('\0'), "{told:?}");
    }
}

#[test]
fn files_that_are_none_are_named() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name);
    fs::create_dir(path("folder.json")).expect("a folder");
    let base = ConsulConfig::default();
    let empty = DaemonConfig::load(&[path("folder.json")], &base).expect("a warning");
    assert_eq!(empty.labels().count(), 0);
    for name in ["gone.json", "../nowhere/a.hcl", "a.json/b.json"] {
        let told = DaemonConfig::load(&[path(name)], &base)
            .expect_err("there is none")
            .to_string();
        assert!(told.contains(name), "{name}: {told}");
    }
    let missing = base.clone().with_token_file(path("gone"));
    let told = ConsulClient::new(&missing)
        .expect_err("there is none")
        .to_string();
    assert!(told.contains(&path("gone").display().to_string()), "{told}");
    let folder_for_file = base.with_token_file(folder.path());
    let told = ConsulClient::new(&folder_for_file)
        .expect_err("a folder")
        .to_string();
    assert!(
        told.contains(&folder.path().display().to_string()),
        "{told}"
    );
}
