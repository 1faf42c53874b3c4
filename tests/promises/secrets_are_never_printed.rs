//! No token, password or value is printed: by `Debug`, in an error, in a status, in an event or in a log.

use std::error::Error;
use std::fmt::Debug;

use consul_watch::{
    FailureClass, GetSnapshots, Key, KeyPrefix, KvStore, Reset, Watch, WatchSupervisor,
};
use consul_watch_harness::{
    Acl, Events, Feed, Fixture, ResponseFault, Rule, TestAgent,
    log_capture::{capture, captured},
};

const TOKEN: &str = "c0ffee00-the-configurations-token";
const OWN_TOKEN: &str = "c0ffee00-the-querys-own-token";
const PASSWORD: &str = "c0ffee00-the-password";
const VALUE: &str = "c0ffee00-the-value";

/// The common part of all secrets, and the password's encoded form: no text may hold them.
fn secrets() -> [String; 2] {
    use base64::Engine;
    let credentials = base64::engine::general_purpose::STANDARD.encode(format!("user:{PASSWORD}"));
    ["c0ffee00".to_owned(), credentials]
}

#[derive(Default)]
struct Texts(Vec<(String, String)>);

impl Texts {
    fn debug(&mut self, what: &str, value: &impl Debug) {
        self.0
            .push((what.to_owned(), format!("{value:?} {value:#?}")));
    }

    fn error(&mut self, what: &str, error: &dyn Error) {
        self.debug(what, &error);
        let mut next = Some(error);
        while let Some(error) = next {
            self.0.push((what.to_owned(), error.to_string()));
            next = error.source();
        }
    }

    fn hold_no_secret(&self) {
        for (what, text) in &self.0 {
            for secret in secrets() {
                assert!(!text.contains(&secret), "{what} holds a secret: {text}");
            }
        }
    }
}

#[actix_rt::test]
async fn nothing_that_can_be_printed_holds_one() {
    capture();
    let fixture = Fixture::of(TestAgent::dev(), |config| {
        config.with_token(TOKEN).with_basic_auth("user", PASSWORD)
    });
    let mut texts = Texts::default();
    let query = KeyPrefix::new("secret").with_token(OWN_TOKEN);
    texts.debug("the configuration", &fixture.config);
    texts.debug("the query", &query);
    texts.debug(
        "the supervisor",
        &WatchSupervisor::new(fixture.config.clone()),
    );
    texts.debug("Reset", &Reset::with(fixture.config.clone()));
    texts.debug(
        "Watch",
        &Watch::new(query.clone(), Feed::<KeyPrefix>::start().address),
    );
    texts.debug(
        "the store",
        &KvStore::connect(&fixture.config).expect("a client"),
    );

    let mut events = Events::of(&fixture.watches).await;
    // A proxy that echoes the request's secrets.
    let credentials = &secrets()[1];
    let echo = |token: &str| {
        let text = format!("no rights for {token} or {PASSWORD} (Basic {credentials})");
        ResponseFault::status(403, &text)
    };
    let mut feed = fixture.watch(query.clone()).await;
    let mut key = fixture.watch(Key::new("secret/a")).await;
    feed.next("the first delivery").await;
    key.next("the first delivery").await;
    fixture.agent.put("secret/a", VALUE);
    let changed = feed.next("a change").await;
    texts.debug("Changed", &changed);
    texts.debug("a change", &changed.changes());
    texts.debug("Changed of a key", &key.next("a change").await);

    for turn in 0..2 {
        fixture
            .proxy
            .inject(Rule::always(echo(OWN_TOKEN)).for_target("recurse"));
        fixture.proxy.inject(Rule::always(echo(TOKEN)));
        fixture.agent.put("secret/a", format!("{VALUE} {turn}"));
        for path in ["keyprefix:secret?token", "key:secret/a"] {
            let status = fixture.until_retrying(path, FailureClass::Denied).await;
            texts.debug("a status", &status);
            texts.0.push(("a status".to_owned(), status.to_string()));
            texts.error("an error", status.state.error().expect("it failed"));
        }
        let store = KvStore::connect(&fixture.config).expect("a client");
        texts.error(
            "the store's error",
            &store.get("secret/a").await.expect_err("it is denied"),
        );
        texts.error(
            "the store's error",
            &store
                .put("secret/a", VALUE)
                .await
                .expect_err("it is denied"),
        );
        fixture.proxy.pass();
        feed.next("the value after it").await;
        key.next("the value after it").await;
    }
    // Values in an answer that cannot be read.
    let broken = format!(r#"[{{"Key":"secret/a","Value":"{VALUE}","CreateIndex":"{VALUE}"}}]"#);
    let canned = consul_watch_harness::Canned::new(200, broken).header("X-Consul-Index", "9999");
    fixture
        .proxy
        .inject(Rule::always(ResponseFault::Replace(canned)));
    fixture.agent.put("secret/a", "end");
    let status = fixture.until("keyprefix:secret?token", "what cannot be read", |status| {
        status.state.to_string().contains("cannot be read")
    });
    let status = status.await;
    texts.error("a value's error", status.state.error().expect("it failed"));
    fixture.proxy.pass();
    feed.next("the value after it").await;
    let snapshots = fixture.watches.send(GetSnapshots).await.expect("it runs");
    texts.debug("the snapshots", &snapshots);
    texts.debug("a snapshot", &snapshots.get(&query));

    let mut count = 0;
    while let Some(event) = events.waiting() {
        texts.debug("an event", &event);
        texts.0.push(("an event".to_owned(), event.to_string()));
        count += 1;
    }
    assert!(count > 4, "{count} events");
    for record in captured("secret") {
        texts.0.push(("a log line".to_owned(), record.text));
    }
    assert!(
        captured("secret").len() > 4,
        "the watches' paths are in the log"
    );
    for secret in secrets() {
        assert!(captured(&secret).is_empty(), "{:?}", captured(&secret));
    }
    texts.hold_no_secret();

    for request in fixture.proxy.requests() {
        assert!(
            !request.target.contains("c0ffee00"),
            "a secret in a URL: {}",
            request.target
        );
        // The proof that a key is gone is asked with the query's own token too.
        let own = ["recurse", "/v1/txn"]
            .iter()
            .any(|part| request.target.contains(part));
        let expected = if own { OWN_TOKEN } else { TOKEN };
        assert_eq!(
            request.header("X-Consul-Token"),
            Some(expected),
            "{}",
            request.target
        );
    }
}

/// Consul's own refusals: of an unknown token, of one without rights, and of one that is no valid header.
#[actix_rt::test]
async fn consuls_own_refusals_hold_none() {
    capture();
    let acl = Acl::start();
    let mut texts = Texts::default();
    for (path, token) in [("unknown", OWN_TOKEN), ("no-rights", acl.secret.as_str())] {
        let _feed = acl.fixture.watch(Key::new(path).with_token(token)).await;
        let status = acl.fixture.until_retrying(path, FailureClass::Denied).await;
        texts.error(path, status.state.error().expect("it failed"));
        assert!(!format!("{status:?}").contains(&acl.secret), "{status:?}");
    }
    let _feed = acl
        .fixture
        .watch(Key::new("unsendable").with_token("c0ffee00\nX-Header: 1"))
        .await;
    let failed = acl.fixture.until("unsendable", "a failure", |status| {
        status.state.error().is_some()
    });
    texts.error(
        "an unsendable token",
        failed.await.state.error().expect("it failed"),
    );
    let refused = acl
        .fixture
        .config
        .clone()
        .with_token("c0ffee00 in words")
        .validate();
    texts.error("a bad token", &refused.expect_err("a token is one word"));
    let refused = acl
        .fixture
        .config
        .clone()
        .with_address("http://user:c0ffee00@host:1/?token=c0ffee00");
    texts.error(
        "an address with credentials",
        &refused.expect_err("no address"),
    );
    texts.hold_no_secret();
    assert!(
        captured(&acl.secret).is_empty(),
        "{:?}",
        captured(&acl.secret)
    );
}
