//! Answers of real agents, as they came over the connection.

use consul_watch_actors::{Failure, FailureClass};

use super::{fails, says};
use crate::client::ClientError;

const CLIENT_AGENTS: [&[u8]; 9] = [
    include_bytes!("../../../tests/answers/122-text-kv-500-no-known-consul-servers.http"),
    include_bytes!(
        "../../../tests/answers/122-text-kv-500-rpc-error-getting-client-failed-to-get-conn-dial-tcp-a-a-con.http"
    ),
    include_bytes!(
        "../../../tests/answers/122-text-kv-500-rpc-error-getting-client-failed-to-get-conn-rpc-error-lead-t.http"
    ),
    include_bytes!("../../../tests/answers/122-text-kv-500-rpc-error-making-call-eof.http"),
    include_bytes!(
        "../../../tests/answers/122-text-kv-500-rpc-error-making-call-i-o-deadline-reached.http"
    ),
    include_bytes!("../../../tests/answers/122-text-server-kv-500-no-cluster-leader.http"),
    include_bytes!(
        "../../../tests/answers/122-text-server-service-500-grpc-the-client-connection-is-closing.http"
    ),
    include_bytes!(
        "../../../tests/answers/122-text-service-500-subscription-closed-by-server-server-is-shutting-down.http"
    ),
    include_bytes!(
        "../../../tests/answers/122-text-service-503-error-reading-from-server-eof.http"
    ),
];

const TOO_MANY_CONNECTIONS: [&[u8]; 3] = [
    include_bytes!("../../../tests/answers/116-5-429.http"),
    include_bytes!("../../../tests/answers/121-5-429.http"),
    include_bytes!("../../../tests/answers/122-5-429.http"),
];

#[actix_rt::test]
async fn an_agent_that_reaches_no_server_is_an_outage() {
    for answer in CLIENT_AGENTS {
        let (address, _seen) = says(answer);
        let failure = Failure::from(fails(address).await);
        assert!(failure.is_outage(), "{failure}");
        assert_eq!(failure.class(), FailureClass::Transient, "{failure}");
    }
}

#[actix_rt::test]
async fn a_refused_connection_is_a_limit_and_an_outage() {
    for answer in TOO_MANY_CONNECTIONS {
        let (address, _seen) = says(answer);
        let error = fails(address).await;
        assert!(
            matches!(error, ClientError::ConnectionLimit { .. }),
            "{error:?}"
        );
        assert_eq!(error.status(), Some(429));
        let failure = Failure::from(error);
        assert_eq!(failure.class(), FailureClass::LimitSuspected);
        assert!(failure.is_outage() && failure.is_released(), "{failure}");
    }
}

#[actix_rt::test]
async fn a_rate_limit_is_an_outage_of_that_server() {
    for text in [
        "rate limit exceeded, try again later or against a different server",
        "RPC rate limit exceeded",
        "Rate limit reached, try again later",
    ] {
        let (address, _seen) = says(super::reply("429 Too Many Requests", "", text));
        let failure = Failure::from(fails(address).await);
        assert!(failure.is_outage(), "{failure}");
        assert_eq!(failure.class(), FailureClass::Transient);
    }
}

#[actix_rt::test]
async fn a_body_that_ends_with_the_connection_is_read() {
    for version in ["1.0", "1.1"] {
        let (address, _seen) = super::peer(move |stream| {
            use std::io::Write as _;
            let head =
                format!("HTTP/{version} 200 OK\r\nX-Consul-Index: 7\r\nConnection: close\r\n\r\n");
            stream.write_all(head.as_bytes()).expect("written");
            stream.write_all(b"[1,2]").expect("written");
            stream.shutdown(std::net::Shutdown::Both).expect("closed");
        });
        let answer = super::ask(&super::config(address), &super::key()).await;
        let answer = answer.unwrap_or_else(|error| panic!("{version}: {error:?}"));
        assert_eq!(answer.json::<Vec<u8>>().expect("JSON"), [1, 2], "{version}");
    }
}
