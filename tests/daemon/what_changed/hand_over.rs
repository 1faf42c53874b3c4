//! A reload that changes the handler: the new one gets what the old one has not handled, and nothing is lost.

use consul_watch::daemon::Daemon;
use consul_watch_harness::{DEADLINE, eventually_some_async};
use serde_json::Value;

use super::Site;
use crate::{fixture::consul, http_handler::server};

const PREFIX: &str = "type = \"keyprefix\"\n prefix = \"app/\"";
const EVENTS: &str = "type = \"event\"\n name = \"deploy\"";
/// A pause that is longer than the test: the old handler retries nothing.
const RETRY: &str = "retry { attempts = 0 base = \"1h\" ceiling = \"1h\" }";

/// Fires an event.
fn fire(site: &Site, payload: &str) {
    let http = &site.agent;
    http.request("PUT", "/v1/event/fire/deploy", &[], payload.as_bytes());
}

/// Starts a watch, and returns when its first run has begun.
async fn start(site: &Site, query: &str, more: &str) -> Daemon {
    let watch = site.config(&format!("{query}\n {more}"));
    let text = format!("{watch}{}", site.seeing(query));
    let daemon = Daemon::start(site.folder.load(&text)).await.unwrap();
    site.until_seen(1).await;
    daemon
}

/// Replaces the handler. While the old one is finishing, something happens, and then it may end.
async fn replace(
    site: &Site,
    daemon: &mut Daemon,
    (query, more): (&str, &str),
    happens: impl AsyncFnOnce(),
) {
    let watch = site.config_of_the_next(&format!("{query}\n {more}"));
    let config = site.folder.load(&format!("{watch}{}", site.seeing(query)));
    let (reloaded, ()) = tokio::join!(daemon.reload(config), async {
        happens().await;
        site.set("hold", false);
    });
    assert_eq!(reloaded.unwrap().changed, 1);
}

#[actix_rt::test]
async fn events_in_the_queue_are_handled_one_after_another_by_the_next() {
    let (site, queue) = (Site::new(), "concurrency { queue = 20 }");
    fire(&site, "0");
    site.set("hold", true);
    let mut daemon = start(&site, EVENTS, queue).await;
    site.until_runs(&[&["event 0"]]).await;
    for (at, event) in ["1", "2", "3"].into_iter().enumerate() {
        fire(&site, event);
        site.until_seen(at + 2).await;
    }
    replace(&site, &mut daemon, (EVENTS, queue), async || {
        fire(&site, "4");
        site.until_seen(5).await;
    })
    .await;
    let expected = ["0", "1", "2", "3", "4"].map(|event| format!("event {event}"));
    let expected = expected.each_ref().map(|line| [line.as_str()]);
    site.until_runs(&expected.each_ref().map(|run| &run[..]))
        .await;
    daemon.stop().await;
}

#[actix_rt::test]
async fn an_event_that_waits_for_its_retry_goes_to_the_next_with_a_later_one() {
    let site = Site::new();
    fire(&site, "0");
    let mut daemon = start(&site, EVENTS, RETRY).await;
    site.until_succeeded(1).await;
    site.set("fail", true);
    fire(&site, "1");
    site.until_one_has_failed().await;
    site.set("hold", true);
    fire(&site, "2");
    let mut expected = vec![&["event 0"][..], &["event 1"], &["event 1", "event 2"]];
    site.until_distinct_runs(&expected).await;
    replace(&site, &mut daemon, (EVENTS, RETRY), async || {
        fire(&site, "3");
        site.until_seen(4).await;
    })
    .await;
    expected.push(&["event 3"]);
    site.until_distinct_runs(&expected).await;
    site.until_succeeded(3).await;
    daemon.stop().await;
}

#[actix_rt::test]
async fn events_that_were_given_up_go_to_the_next() {
    let (site, never) = (Site::new(), "retry = false");
    fire(&site, "0");
    let mut daemon = start(&site, EVENTS, never).await;
    site.until_succeeded(1).await;
    site.set("fail", true);
    fire(&site, "1");
    site.until_one_has_failed().await;
    site.set("hold", true);
    fire(&site, "2");
    let mut expected = vec![&["event 0"][..], &["event 1"], &["event 2"]];
    site.until_runs(&expected).await;
    replace(&site, &mut daemon, (EVENTS, never), async || ()).await;
    expected.push(&["event 1", "event 2"]);
    site.until_runs(&expected).await;
    daemon.stop().await;
}

#[actix_rt::test]
async fn states_in_the_queue_are_handled_in_order_by_the_next() {
    let (site, queue) = (Site::new(), "concurrency { queue = 20 }");
    site.agent.put("app/k", "0");
    site.set("hold", true);
    let mut daemon = start(&site, PREFIX, queue).await;
    let mut expected = vec![&["added app/k - 0"][..]];
    site.until_runs(&expected).await;
    for (at, value) in ["1", "2", "3"].into_iter().enumerate() {
        site.agent.put("app/k", value);
        site.until_seen(at + 2).await;
    }
    replace(&site, &mut daemon, (PREFIX, queue), async || {
        site.agent.put("app/k", "4");
        site.until_seen(5).await;
    })
    .await;
    expected.extend([
        &["updated app/k 0 1"][..],
        &["updated app/k 1 2"],
        &["updated app/k 2 3"],
        &["updated app/k 3 4"],
    ]);
    site.until_runs(&expected).await;
    daemon.stop().await;
}

#[actix_rt::test]
async fn the_next_handler_gets_all_that_has_changed_since_the_last_success() {
    let site = Site::new();
    site.agent.put("app/a", "1");
    site.agent.put("app/b", "1");
    let mut daemon = start(&site, PREFIX, RETRY).await;
    site.until_succeeded(1).await;
    site.set("fail", true);
    site.agent.delete("app/b");
    let mut expected = vec![
        &["added app/a - 1", "added app/b - 1"][..],
        &["removed app/b 1 -"],
    ];
    site.until_distinct_runs(&expected).await;
    site.agent.put("app/c", "1");
    expected.push(&["removed app/b 1 -", "added app/c - 1"]);
    site.until_distinct_runs(&expected).await;
    site.set("fail", false);

    let renamed = site.config(&format!("{PREFIX}\n {RETRY}\n label = \"another name\""));
    let text = format!("{renamed}{}", site.seeing(PREFIX));
    daemon.reload(site.folder.load(&text)).await.unwrap();
    site.until_succeeded(2).await;
    // The run of the next handler equals the one that failed.
    site.until_distinct_runs(&expected).await;
    site.agent.put("app/d", "1");
    expected.push(&["added app/d - 1"]);
    site.until_distinct_runs(&expected).await;
    daemon.stop().await;
}

#[actix_rt::test]
async fn a_state_that_the_old_handler_cannot_finish_takes_those_before_it_along() {
    let site = Site::new();
    site.agent.put("app/b", "1");
    let mut daemon = start(&site, PREFIX, RETRY).await;
    site.until_succeeded(1).await;
    site.set("fail", true);
    site.agent.delete("app/b");
    site.until_one_has_failed().await;
    site.set("hold", true);
    site.agent.put("app/c", "1");
    let mut expected = vec![
        &["added app/b - 1"][..],
        &["removed app/b 1 -"],
        &["removed app/b 1 -", "added app/c - 1"],
    ];
    site.until_distinct_runs(&expected).await;
    replace(&site, &mut daemon, (PREFIX, RETRY), async || {
        site.agent.put("app/d", "1");
        site.until_seen(4).await;
    })
    .await;
    expected.push(&["added app/d - 1"]);
    site.until_distinct_runs(&expected).await;
    site.until_succeeded(3).await;
    daemon.stop().await;
}

#[actix_rt::test]
async fn another_url_gets_all_that_has_changed_since_the_last_success() {
    let site = Site::new();
    let ((good, taken), (bad, refused)) = (server("204 No Content"), server("500 Broken"));
    site.agent.put("app/b", "1");
    let text = |url: &str| {
        format!(
            "{}watches {{ {PREFIX}\n {RETRY}\n handler_type = \"http\"\n payload = \"changes\"\n http_handler_config {{ path = \"{url}\" }} }}",
            consul(&site.agent.url())
        )
    };
    let next = async |calls: &std::sync::mpsc::Receiver<(Vec<String>, String)>| {
        let (_, body) = eventually_some_async(DEADLINE, "a call", || calls.try_recv().ok()).await;
        let lines = body.lines().map(serde_json::from_str::<Value>);
        lines
            .map(|line| super::shown(&line.unwrap()))
            .collect::<Vec<_>>()
    };
    let mut daemon = Daemon::start(site.folder.load(&text(&good))).await.unwrap();
    assert_eq!(next(&taken).await, ["added app/b - 1"]);
    daemon.reload(site.folder.load(&text(&bad))).await.unwrap();
    site.agent.delete("app/b");
    assert_eq!(next(&refused).await, ["removed app/b 1 -"]);
    site.agent.put("app/c", "1");
    let both = ["removed app/b 1 -", "added app/c - 1"];
    assert_eq!(next(&refused).await, both);
    daemon.reload(site.folder.load(&text(&good))).await.unwrap();
    assert_eq!(next(&taken).await, both);
    daemon.stop().await;
}
