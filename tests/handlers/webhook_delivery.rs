//! Calls of a URL on each change: their content, their retries, their reports.

use std::time::{Duration, Instant, SystemTime};

use consul_watch::handlers::{
    DeliveryError, GetWebhookStats, StopHandler, Webhook, WebhookDelivered, WebhookHandler,
};

use crate::script_fixture::{change, state, stop};
use crate::webhook_target::{Answer, OK, Target};

/// `{"Key":"app",…}` of the value `1`, and a line feed.
const BODY: &str = concat!(
    r#"{"Key":"app","CreateIndex":1,"ModifyIndex":7,"LockIndex":0,"Flags":0,"Value":"MQ==","Session":""}"#,
    "\n"
);

#[actix_rt::test]
async fn a_delivery_is_what_consuls_own_handlers_get_and_more() {
    let mut target = Target::start(&[OK]);
    let webhook = Webhook::new(target.url("/hook?x=1#y"))
        .method("PUT")
        .header("X-Team", "blue")
        .header("X-Team", "green")
        .sign_with("hunter2");
    let handler = target.handler(webhook);
    handler.send(state("1", 7)).await.expect("handled");
    let call = target.call().await;
    assert_eq!(
        (call.line.as_str(), call.body.as_str()),
        ("PUT /hook?x=1", BODY)
    );
    let key = call.header("idempotency-key").to_owned();
    assert!(key.starts_with("7-") && key.len() == 34, "{key}");
    let host = target.url("")["http://".len()..].to_owned();
    let length = BODY.len().to_string();
    let agent = concat!("consul-watch/", env!("CARGO_PKG_VERSION"));
    // `webhook_signature` checks what is in it.
    let signature = call.header("x-consul-watch-signature");
    assert!(
        signature.starts_with("t=") && signature.contains(",v2="),
        "{signature}"
    );
    let expected = [
        ("accept-encoding", "identity"),
        ("content-length", &length),
        ("content-type", "application/json"),
        ("date", call.header("date")),
        ("host", &host),
        ("idempotency-key", &key),
        ("user-agent", agent),
        ("x-consul-index", "7"),
        ("x-consul-watch-repeated", "0"),
        ("x-consul-watch-signature", signature),
        ("x-team", "blue"),
        ("x-team", "green"),
    ];
    let given: Vec<_> = call
        .headers
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect();
    assert_eq!(given, expected);

    let report = target.report().await;
    assert_eq!(
        (report.status(), report.attempt, report.index),
        (Some(200), 1, 7)
    );
    let done = handler.send(GetWebhookStats).await.expect("it lives");
    assert_eq!(
        (done.delivered, done.failed, done.last_status, done.open),
        (1, 0, Some(200), 0)
    );
}

#[actix_rt::test]
async fn an_interim_response_is_not_the_response() {
    for interim in [
        "HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n",
        "HTTP/1.1 100 Continue\r\n\r\n",
    ] {
        let answers = Box::leak(Box::new([Answer::After(interim, "204 No Content")]));
        let mut target = Target::start(answers);
        let handler = target.handler(Webhook::new(target.url("/")));
        handler.send(state("1", 7)).await.expect("handled");
        let report = target.report().await;
        assert_eq!(
            (report.status(), report.attempt),
            (Some(204), 1),
            "{report:?}"
        );
    }
}

#[actix_rt::test]
async fn a_passing_failure_is_tried_again_with_the_same_key() {
    let mut target = Target::start(&[
        Answer::Reply("500 Oops", "", "no"),
        Answer::Close,
        Answer::Reply("503 Busy", "", ""),
        OK,
    ]);
    let handler = target.handler(Webhook::new(target.url("/")));
    handler
        .send(state("1", 7))
        .await
        .expect("it is acknowledged");
    let first = target.call().await;
    for _ in 0..3 {
        let again = target.call().await;
        assert_eq!(
            again.header("idempotency-key"),
            first.header("idempotency-key")
        );
        assert_eq!(again.body, first.body);
    }
    let reports = [
        target.report().await,
        target.report().await,
        target.report().await,
    ];
    assert_eq!(
        reports.each_ref().map(WebhookDelivered::status),
        [Some(500), None, Some(503)]
    );
    assert!(reports.iter().all(|report| report.retry_in.is_some()));
    let last = target.report().await;
    assert_eq!(
        (last.status(), last.attempt, last.retry_in),
        (Some(200), 4, None)
    );
    let done = handler.send(GetWebhookStats).await.expect("it lives");
    assert_eq!(
        (done.delivered, done.failed, done.given_up, done.waiting),
        (1, 3, 0, 0)
    );
}

#[actix_rt::test]
async fn a_server_that_is_not_there_or_hangs_gets_it_later() {
    let mut target = Target::start(&[Answer::Hang, OK]);
    let handler = target.handler(Webhook::new(target.url("/")).timeout(Duration::from_millis(200)));
    handler
        .send(state("1", 7))
        .await
        .expect("it is acknowledged");
    target.call().await;
    target.hung_up().await;
    let report = target.report().await;
    assert!(matches!(
        *report.outcome.expect_err("no answer"),
        DeliveryError::Timeout { .. }
    ));
    target.call().await;
    assert_eq!(target.report().await.status(), Some(200));

    let nobody = std::net::TcpListener::bind("127.0.0.1:0")
        .and_then(|port| port.local_addr())
        .expect("a port");
    let absent = target.handler(Webhook::new(format!("http://{nobody}/")));
    absent
        .send(state("1", 7))
        .await
        .expect("it is acknowledged");
    let report = target.report().await;
    assert!(report.retry_in.is_some());
    assert!(matches!(
        *report.outcome.expect_err("nobody"),
        DeliveryError::Unreachable { .. }
    ));
    stop(&absent, StopHandler::now()).await;
}

#[actix_rt::test]
async fn the_newest_state_takes_the_place_of_a_failed_one() {
    let mut target = Target::start(&[Answer::Reply("500 Oops", "", ""), Answer::Hang, OK]);
    let handler = target.handler(Webhook::new(target.url("/")).timeout(Duration::from_millis(300)));
    let first = state("1", 7);
    handler
        .send(first.clone())
        .await
        .expect("it is acknowledged");
    target.call().await;
    // The second try hangs; meanwhile there is news.
    target.call().await;
    handler.do_send(change("2", 8, &first));
    handler.do_send(change("3", 9, &first));
    let call = target.call().await;
    assert_eq!(call.header("x-consul-index"), "9");
    while target.report().await.index != 9 {}
    target.has_no_call();
}

#[actix_rt::test]
async fn a_server_that_asks_for_a_pause_is_left_alone_for_so_long() {
    let mut target = Target::start(&[
        Answer::Reply("429 Slow down", "Retry-After: 1\r\n", "later"),
        OK,
    ]);
    let handler = target.handler(Webhook::new(target.url("/")));
    let first = state("1", 7);
    handler
        .send(first.clone())
        .await
        .expect("it is acknowledged");
    target.call().await;
    let asked = Instant::now();
    assert_eq!(
        target.report().await.retry_in.map(|pause| pause.as_secs()),
        Some(0),
        "a little less by now"
    );
    // A newer state waits too.
    handler.do_send(change("2", 8, &first));
    assert_eq!(target.call().await.header("x-consul-index"), "8");
    assert!(
        asked.elapsed() > Duration::from_millis(900),
        "{:?}",
        asked.elapsed()
    );
}

#[actix_rt::test]
async fn what_will_not_pass_is_told_and_not_repeated() {
    let mut target = Target::start(&[
        Answer::Reply("404 Not Found", "", "no hunter2 here"),
        Answer::Reply("302 Found", "Location: http://127.0.0.1:1/stolen\r\n", ""),
        OK,
    ]);
    let handler = target.handler(Webhook::new(target.url("/")).header("Authorization", "hunter2"));
    let first = state("1", 7);
    handler.send(first.clone()).await.expect("handled");
    let report = target.report().await;
    assert_eq!((report.status(), report.retry_in), (Some(404), None));
    let told = report.outcome.expect_err("no success").to_string();
    assert!(
        told.contains("404 Not Found; check the `path`") && !told.contains("here"),
        "{told}"
    );
    handler.send(change("2", 8, &first)).await.expect("handled");
    let report = target.report().await;
    assert_eq!((report.status(), report.retry_in), (Some(302), None));
    handler.send(change("3", 9, &first)).await.expect("handled");
    assert_eq!(target.report().await.status(), Some(200));
    for index in ["7", "8", "9"] {
        assert_eq!(target.call().await.header("x-consul-index"), index);
    }
    target.has_no_call();
    let done = handler.send(GetWebhookStats).await.expect("it lives");
    assert_eq!((done.delivered, done.failed, done.given_up), (1, 2, 2));
}

#[actix_rt::test]
async fn stopped_means_that_no_call_is_open() {
    let mut target = Target::start(&[Answer::Hang]);
    let handler = target.handler(Webhook::new(target.url("/")));
    let pending = handler.send(state("1", 7));
    let handled = actix_rt::spawn(pending);
    target.call().await;
    stop(&handler, StopHandler::now()).await;
    target.hung_up().await;
    assert!(
        handled.await.expect("it ends").is_err(),
        "what was not delivered was not handled"
    );

    // An idle one has nothing to wait for, and one in a pause stays silent.
    let mut target = Target::start(&[Answer::Reply("503 Busy", "Retry-After: 60\r\n", "")]);
    let handler = target.handler(Webhook::new(target.url("/")));
    handler
        .send(state("1", 7))
        .await
        .expect("it is acknowledged");
    let started = SystemTime::now();
    stop(&handler, StopHandler::within(Duration::from_secs(60))).await;
    assert!(started.elapsed().expect("a clock") < Duration::from_secs(30));
    target.call().await;
    target.has_no_call();
}

#[actix_rt::test]
async fn no_secret_shows_in_debug() {
    let webhook = Webhook::new("http://hunter2:hunter2@host/hunter2?hunter2")
        .header("X-Key", "hunter2")
        .sign_with("hunter2");
    let handler = WebhookHandler::new(webhook.clone()).expect("it can be called");
    for shown in [format!("{webhook:?}"), format!("{handler:?}")] {
        assert!(!shown.contains("hunter2"), "{shown}");
    }
}
