//! No answer but Consul's own "there is nothing" is a removal.

use std::time::{Duration, SystemTime};

use consul_watch::{FailureClass, Key, KeyPrefix, WatchState};
use consul_watch_harness::{
    Canned, Cut, DEADLINE, Feed, Fixture, ResponseFault, Rule, TestAgent,
    fixture::{impatient, retries_after},
};

mod first_answers;
mod hidden_entries;
mod hidden_keys;
mod streaming_views;
mod unreadable_entries;
mod unrelated_answers;

/// Returns a response with an index, so that only its status and body are wrong.
fn canned(status: u16, body: &str) -> ResponseFault {
    ResponseFault::Replace(Canned::new(status, body).header("X-Consul-Index", "7777"))
}

/// Two watches of one value that holds still, under faults.
struct Case {
    fixture: Fixture,
    key: Feed<Key>,
    prefix: Feed<KeyPrefix>,
    value: String,
}

const PATHS: [&str; 2] = ["key:app/a", "keyprefix:app"];

impl Case {
    async fn start() -> Self {
        // Waits of a second: a held query returns soon, and a stalled one is given up.
        let fixture = Fixture::of(TestAgent::dev(), impatient);
        fixture.agent.put("app/a", "0");
        let mut key = fixture.watch(Key::new("app/a")).await;
        let mut prefix = fixture.watch(KeyPrefix::new("app")).await;
        key.says(&["added app/a=0"]).await;
        prefix.says(&["added app/a=0"]).await;
        Self {
            fixture,
            key,
            prefix,
            value: "0".to_owned(),
        }
    }

    /// Injects the fault for several attempts: it has to fail with this class and text, and to deliver nothing.
    async fn rejects(
        &mut self,
        name: &str,
        fault: ResponseFault,
        class: FailureClass,
        error: &str,
    ) {
        self.fixture.proxy.inject(Rule::always(fault));
        for path in PATHS {
            let again = |status: &consul_watch::WatchStatus| {
                retries_after(status, class)
                    && matches!(&status.state, WatchState::Retrying { error: e, .. } if e.to_string().contains(error))
            };
            let what = format!("a failure ({class}) that says `{error}`, of {name}");
            let first = self.fixture.until(path, &what, again).await;
            let more = format!("another attempt under {name}");
            self.fixture
                .until(path, &more, |status| status.restarts > first.restarts)
                .await;
        }
        self.recovers(name).await;
    }

    /// Ends the fault: the next real change has to be the very next delivery.
    async fn recovers(&mut self, name: &str) {
        self.key.has_nothing(name);
        self.prefix.has_nothing(name);
        self.fixture.proxy.pass();
        // A stalled response stays so.
        self.fixture.proxy.cut(Cut::Reset);
        self.fixture.agent.put("app/a", name);
        let expected = format!("updated app/a={}→{name}", self.value);
        self.key.says(&[&expected]).await;
        self.prefix.says(&[&expected]).await;
        name.clone_into(&mut self.value);
        for path in PATHS {
            self.fixture.until_live(path).await;
        }
    }
}

#[actix_rt::test]
async fn a_status_of_failure() {
    use FailureClass::{Denied, Transient};
    let mut case = Case::start().await;
    case.rejects(
        "403",
        canned(403, "Permission denied"),
        Denied,
        "403: Permission denied",
    )
    .await;
    case.rejects("401", ResponseFault::status(401, "who"), Denied, "401")
        .await;
    let page = "<html><h1>404 Not Found</h1></html>";
    case.rejects(
        "a gateway's 404",
        ResponseFault::html(404, page),
        Transient,
        "HTML page",
    )
    .await;
    case.rejects(
        "a bare 404",
        ResponseFault::status(404, ""),
        Transient,
        "404",
    )
    .await;
    case.rejects(
        "429",
        ResponseFault::status(429, "slow down"),
        Transient,
        "429: slow down",
    )
    .await;
    let no_leader = "rpc error: No cluster leader";
    case.rejects(
        "500",
        canned(500, no_leader),
        Transient,
        "No cluster leader",
    )
    .await;
    case.rejects("502", ResponseFault::html(502, page), Transient, "502")
        .await;
    case.rejects("503", ResponseFault::status(503, ""), Transient, "503")
        .await;
    let moved = Canned::new(301, "").header("Location", "/ui/");
    case.rejects(
        "a redirect",
        ResponseFault::Replace(moved),
        Transient,
        "redirect",
    )
    .await;
}

/// The watch is tried again, whatever a server or a proxy says.
#[actix_rt::test]
async fn a_status_that_calls_the_query_wrong() {
    let fixture = Fixture::dev();
    let statuses = [400, 405, 413, 414];
    let mut feeds = Vec::new();
    for status in statuses {
        let key = format!("k{status}");
        fixture.agent.put(&key, "1");
        let bad = Rule::next(1, ResponseFault::status(status, "bad"));
        fixture.proxy.inject(bad.for_target(&key));
        feeds.push(fixture.watch(Key::new(key)).await);
    }
    for status in statuses {
        let status = fixture
            .until_retrying(&format!("k{status}"), FailureClass::BadRequest)
            .await;
        assert!(status.to_string().contains("bad"), "{status}");
    }
    for (status, feed) in statuses.into_iter().zip(&mut feeds) {
        feed.says(&[&format!("added k{status}=1")]).await;
    }
}

/// A pause of an hour is not granted: the status says why, and when it asks again.
#[actix_rt::test]
async fn a_server_that_asks_for_a_pause_of_an_hour() {
    let fixture = Fixture::dev();
    let busy = Canned::new(503, "busy").header("Retry-After", "3600");
    fixture
        .proxy
        .inject(Rule::always(ResponseFault::Replace(busy)));
    fixture.watch(Key::new("a")).await;
    let status = fixture.until_retrying("a", FailureClass::Transient).await;
    let WatchState::Retrying { error, next, .. } = &status.state else {
        unreachable!("it retries");
    };
    assert!(error.to_string().contains("busy"), "{status}");
    let longest = SystemTime::now() + Duration::from_secs(601);
    assert!(*next < longest, "{status}");
}

#[actix_rt::test]
async fn an_invalid_body() {
    use FailureClass::Transient;
    let mut case = Case::start().await;
    let page = "<!DOCTYPE html><p>Sign in</p>";
    case.rejects(
        "a page",
        ResponseFault::html(200, page),
        Transient,
        "HTML page",
    )
    .await;
    case.rejects(
        "a page with an index",
        canned(200, page),
        Transient,
        "HTML page",
    )
    .await;
    case.rejects("an empty body", canned(200, ""), Transient, "empty")
        .await;
    case.rejects(
        "half a JSON",
        canned(200, r#"[{"Key":"app/a","#),
        Transient,
        "cannot be read",
    )
    .await;
    case.rejects(
        "another JSON",
        canned(200, r#"{"Errors":[]}"#),
        Transient,
        "cannot be read",
    )
    .await;
    case.rejects("null", canned(200, "null"), Transient, "cannot be read")
        .await;
    case.rejects(
        "two JSONs",
        canned(200, "[] []"),
        Transient,
        "cannot be read",
    )
    .await;
    let base64 = r#"[{"LockIndex":0,"Key":"app/a","Flags":0,"Value":"***","CreateIndex":1,"ModifyIndex":2}]"#;
    case.rejects(
        "no base64",
        canned(200, base64),
        Transient,
        "cannot be read",
    )
    .await;
}

/// Consul answers 404 if there is no key, never an empty list.
#[actix_rt::test]
async fn an_empty_list_which_consul_never_sends() {
    let mut case = Case::start().await;
    case.rejects(
        "an empty list",
        canned(200, "[]"),
        FailureClass::Transient,
        "empty",
    )
    .await;
}

#[actix_rt::test]
async fn an_incomplete_body() {
    use FailureClass::Transient;
    let mut case = Case::start().await;
    for (name, after, how) in [
        ("cut early by RST", 0, Cut::Reset),
        ("cut early by FIN", 0, Cut::Fin),
        ("cut late by FIN", 40, Cut::Fin),
        ("cut late by RST", 40, Cut::Reset),
    ] {
        // A reset overtakes even the head, and then looks like a refused connection.
        let fault = ResponseFault::CutBody { after, how };
        case.fixture.proxy.inject(Rule::always(fault));
        for path in PATHS {
            let first = case
                .fixture
                .until(path, name, |status| status.state.name() == "retrying")
                .await;
            case.fixture
                .until(path, name, |status| status.restarts > first.restarts)
                .await;
        }
        case.recovers(name).await;
    }
    case.rejects(
        "a stall",
        ResponseFault::stall_after_headers(),
        Transient,
        "end of the answer",
    )
    .await;
    case.rejects(
        "a late stall",
        ResponseFault::Stall { after: 30 },
        Transient,
        "end of the answer",
    )
    .await;
}

/// Without an index the watch cannot block, but the value is valid.
#[actix_rt::test]
async fn an_answer_without_its_index() {
    let mut case = Case::start().await;
    case.fixture
        .proxy
        .inject(Rule::always(ResponseFault::no_index()));
    for turn in 1..4 {
        let before = case.fixture.proxy.stats().requests;
        case.fixture
            .proxy
            .until(DEADLINE, "more", |stats| stats.requests > before + 4)
            .await;
        let new = format!("without {turn}");
        case.fixture.agent.put("app/a", &new);
        let expected = format!("updated app/a={}→{new}", case.value);
        case.key.says(&[&expected]).await;
        case.prefix.says(&[&expected]).await;
        case.value = new;
    }
    // A 404 without its index may come from anywhere.
    case.fixture.agent.delete("app/a");
    for path in PATHS {
        case.fixture
            .until_retrying(path, FailureClass::Transient)
            .await;
    }
    case.key.has_nothing("the 404 may come from a proxy");
    case.prefix.has_nothing("the 404 may come from a proxy");
    case.fixture.proxy.pass();
    let expected = format!("removed app/a={}", case.value);
    case.key.says(&[&expected]).await;
    case.prefix.says(&[&expected]).await;
}
