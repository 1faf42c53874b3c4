//! A receiver that repeats the request in its answer, in any form: nothing of it gets into a log line, an error or a
//! report.

use consul_watch::handlers::Webhook;
use consul_watch_harness::log_capture::{capture, captured};

use crate::script_fixture::state;
use crate::webhook_target::{Answer, Target};

/// The texts that a receiver may respond: parts of the request as they were sent, and encoded, decoded, in parts or in other letters.
const ECHOES: [&str; 9] = [
    "no route for /hook-path/part7?token=query-secret",
    "no route for %2Fhook-path%2Fpart7 token query-secret",
    "user-name:pass-word is not allowed",
    "Basic dXNlci1uYW1lOnBhc3Mtd29yZA==",
    "{\"error\":\"bad header\",\"X-Key\":\"HEADER-VALUE\"}",
    "cannot parse {\"Key\":\"app\",\"Value\":\"c3RhdGUtdmFsdWU=\"}",
    "cannot parse state-value",
    "eulav-etats header-val",
    "bm90ZTogaGVhZGVyLXZhbHVl",
];

const SECRETS: [&str; 16] = [
    "hook-path",
    "part7",
    "query-secret",
    "user-name",
    "pass-word",
    "dXNlci1uYW1l",
    "eader-val",
    "EADER-VAL",
    "c3RhdGUtdmFsdWU",
    "state-value",
    "state-val",
    "eulav",
    "bm90ZTog",
    "forged",
    "\u{1b}",
    "signing-key",
];

#[actix_rt::test]
async fn nothing_that_a_receiver_repeats_is_told() {
    capture();
    for (number, echo) in ECHOES.into_iter().enumerate() {
        let answers: Vec<Answer> = vec![
            Answer::Reply("400 forged /hook-path", "X-Echo: header-value\r\n", echo),
            Answer::Reply(
                "302 forged",
                "Location: http://user-name:pass-word@127.0.0.1:1/hook-path?query-secret\r\n",
                echo,
            ),
            Answer::Reply(
                "401 forged",
                "WWW-Authenticate: Basic realm=\"header-value\"\r\n",
                echo,
            ),
            Answer::Reply(
                "503 forged\u{1b}[31m",
                "Retry-After: query-secret\r\n",
                echo,
            ),
        ];
        for answer in answers {
            let mut target = Target::start(Box::leak(Box::new([answer])));
            let host = target.url("");
            let url = target
                .url("/hook-path/part7?token=query-secret")
                .replace("http://", "http://user-name:pass-word@");
            let webhook = Webhook::new(url)
                .header("X-Key", "header-value")
                .sign_with("signing-key")
                .label(format!("echo {number}"));
            let handler = target.handler(webhook);
            handler.do_send(state("state-value", 7));
            target.call().await;
            let report = target.report().await;
            let error = report.outcome.clone().expect_err("refused");
            let lines = captured(&host);
            assert!(!lines.is_empty(), "the failure is logged");
            let told = format!("{lines:?} {report:?} {error} {error:?}");
            for secret in SECRETS {
                assert!(!told.contains(secret), "{secret}: {told}");
            }
            assert!(
                lines[0].text.contains(&format!("label=\"echo {number}\"")),
                "{told}"
            );
        }
    }
}

#[actix_rt::test]
async fn an_answer_that_is_no_http_is_not_told_either() {
    capture();
    for head in ["200 OK\r\nquery-secret", "hook-path header-value"] {
        let answer = Answer::Reply(head, "bad header-value line\r\n", "state-value");
        let mut target = Target::start(Box::leak(Box::new([answer])));
        let url = target.url("/hook-path?query-secret");
        let handler = target.handler(Webhook::new(url).header("X-Key", "header-value"));
        handler.do_send(state("state-value", 7));
        target.call().await;
        let report = target.report().await;
        let error = report.outcome.clone().expect_err("no answer");
        let told = format!("{:?} {report:?} {error:?}", captured(&target.url("")));
        for secret in SECRETS {
            assert!(!told.contains(secret), "{secret}: {told}");
        }
    }
}
