//! The client against peers that are not Consul, and against a network that fails.

use std::{
    io::{Read, Write},
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    sync::mpsc::{self, Receiver},
    thread,
    time::{Duration, Instant},
};

use consul_watch_actors::FailureClass;

use super::*;

mod interim_responses;
mod raw_answers;

/// Accepts connections one after the other, reads each request to the end of its head and calls `answer`. The
/// receiver returns the heads.
fn peer(answer: impl Fn(&mut TcpStream) + Send + 'static) -> (SocketAddr, Receiver<String>) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    let address = listener.local_addr().expect("an address");
    let (asked, seen) = mpsc::channel();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.expect("a connection");
            let mut head = Vec::new();
            let mut byte = [0];
            while !head.ends_with(b"\r\n\r\n") && stream.read(&mut byte).is_ok_and(|read| read == 1)
            {
                head.push(byte[0]);
            }
            if asked
                .send(String::from_utf8_lossy(&head).into_owned())
                .is_err()
            {
                return;
            }
            answer(&mut stream);
        }
    });
    (address, seen)
}

fn says(bytes: impl Into<Vec<u8>>) -> (SocketAddr, Receiver<String>) {
    let bytes = bytes.into();
    peer(move |stream| stream.write_all(&bytes).expect("written"))
}

fn reply(status: &str, headers: &str, body: &str) -> String {
    format!(
        "HTTP/1.1 {status}\r\nContent-Length: {}\r\n{headers}\r\n{body}",
        body.len()
    )
}

fn config(address: SocketAddr) -> ConsulConfig {
    let config = ConsulConfig::default()
        .with_address(address.to_string())
        .expect("an address");
    config
        .with_gzip(true)
        .with_request_timeout(Duration::from_millis(300))
        .with_token("hunter2")
}

async fn ask(config: &ConsulConfig, request: &QueryRequest) -> Result<QueryAnswer, ClientError> {
    ConsulClient::new(config)
        .expect("a client")
        .blocking_query(request)
        .await
}

fn key() -> QueryRequest {
    QueryRequest::new("/v1/kv/a").accept_404(true)
}

async fn fails(address: SocketAddr) -> ClientError {
    let error = ask(&config(address), &key()).await.expect_err("a failure");
    assert!(
        !format!("{error} {error:?}").contains("hunter2"),
        "{error:?}"
    );
    assert!(error.target().ends_with("/v1/kv/a"), "{error:?}");
    error
}

#[actix_rt::test]
async fn an_answer_is_read_and_the_request_is_consuls() {
    let (address, seen) = says(reply(
        "200 OK",
        "X-Consul-Index: 7\r\nX-Consul-KnownLeader: true\r\n",
        "[1]",
    ));
    let config = config(address)
        .with_basic_auth("me", "secret")
        .with_datacenter("east 1");
    let answer = ask(&config, &key().with_cursor(Cursor::Index(6)))
        .await
        .expect("an answer");
    assert_eq!(
        (answer.found, answer.index, &answer.body[..]),
        (true, Some(7), &b"[1]"[..])
    );
    assert_eq!(answer.meta.known_leader, Some(true));
    assert_eq!(answer.json::<Vec<u8>>().expect("JSON"), [1]);

    let head = seen.recv().expect("a request").to_ascii_lowercase();
    assert!(
        head.starts_with("get /v1/kv/a?index=6&wait=300000ms&dc=east%201 http/1.1\r\n"),
        "{head}"
    );
    assert!(head.contains("\r\nx-consul-token: hunter2\r\n"), "{head}");
    assert!(
        head.contains("\r\nauthorization: basic bwu6c2vjcmv0\r\n"),
        "{head}"
    );
    assert!(
        head.contains("accept-encoding: gzip") && head.contains("user-agent: consul-watch/"),
        "{head}"
    );
}

#[actix_rt::test]
async fn a_path_prefix_and_a_token_of_the_query_are_used() {
    let (address, seen) = says(reply("200 OK", "", "[]"));
    let config = config(address)
        .with_address(format!("http://{address}/consul/"))
        .expect("an address");
    ask(&config.with_gzip(false), &key().with_token("other"))
        .await
        .expect("an answer");
    let head = seen.recv().expect("a request").to_ascii_lowercase();
    assert!(
        head.starts_with("get /consul/v1/kv/a http/1.1\r\n"),
        "{head}"
    );
    assert!(
        head.contains("x-consul-token: other\r\n") && !head.contains("hunter2"),
        "{head}"
    );
    assert!(head.contains("accept-encoding: identity\r\n"), "{head}");
}

#[actix_rt::test]
async fn only_consuls_own_404_means_that_there_is_nothing() {
    let (address, _seen) = says(reply("404 Not Found", "X-Consul-Index: 9\r\n", ""));
    let answer = ask(&config(address), &key()).await.expect("an answer");
    assert_eq!(
        (answer.found, answer.index, answer.body.len()),
        (false, Some(9), 0)
    );
    let refused = ask(&config(address), &key().accept_404(false))
        .await
        .expect_err("not accepted");
    assert_eq!(refused.status(), Some(404));

    let (proxy, _seen) = says(reply("404 Not Found", "", "no such upstream"));
    let error = fails(proxy).await;
    assert_eq!(
        (error.status(), error.class()),
        (Some(404), FailureClass::Transient)
    );
    assert!(error.to_string().contains("no such upstream"), "{error}");
}

#[actix_rt::test]
async fn a_page_or_nothing_is_never_an_empty_value() {
    for body in ["<html>200 but not yours</html>", "", "  \n"] {
        let (address, _seen) = says(reply("200 OK", "X-Consul-Index: 9\r\n", body));
        let error = fails(address).await;
        assert!(
            matches!(error, ClientError::Decode { hint: Some(_), .. }),
            "{error:?}"
        );
        assert_eq!(error.class(), FailureClass::Transient);
    }
}

#[actix_rt::test]
async fn statuses_carry_consuls_text_and_no_token() {
    let (address, _seen) = says(reply("403 Forbidden", "", "token hunter2 lacks key:read"));
    let error = fails(address).await;
    assert_eq!(error.class(), FailureClass::Denied);
    assert!(error.to_string().contains("lacks key:read"), "{error}");

    let (address, _seen) = says(reply(
        "429 Too Many Requests",
        "Retry-After: 3\r\n",
        "slow down",
    ));
    let error = fails(address).await;
    assert_eq!(
        (error.status(), error.retry_after()),
        (Some(429), Some(Duration::from_secs(3)))
    );

    let (address, _seen) = says(reply("400 Bad Request", "", "Invalid index"));
    assert_eq!(fails(address).await.class(), FailureClass::BadRequest);
    let (address, _seen) = says(reply("400 Bad Request", "", "<html>proxy</html>"));
    assert_eq!(fails(address).await.class(), FailureClass::Transient);
}

#[actix_rt::test]
async fn a_redirect_is_not_followed() {
    let (elsewhere, seen) = says(reply("200 OK", "", "[]"));
    let (address, _seen) = says(reply(
        "301 Moved Permanently",
        &format!("Location: http://{elsewhere}/\r\n"),
        "",
    ));
    assert_eq!(fails(address).await.status(), Some(301));
    assert!(seen.try_recv().is_err(), "the token went elsewhere");
}

#[actix_rt::test]
async fn an_error_with_an_endless_body_is_told_in_time() {
    let (address, _seen) = peer(|stream| {
        let _ = stream
            .write_all(b"HTTP/1.1 500 Oops\r\nContent-Length: 100000000\r\n\r\nNo cluster leader");
        thread::sleep(Duration::from_secs(5));
    });
    let started = Instant::now();
    let error = fails(address).await;
    assert!(started.elapsed() < Duration::from_secs(3));
    assert_eq!(error.status(), Some(500));
}

#[actix_rt::test]
async fn nobody_there_is_a_refused_connection() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    let address = listener.local_addr().expect("an address");
    drop(listener);
    let error = fails(address).await;
    assert!(
        matches!(
            error,
            ClientError::Connect {
                stage: ConnectStage::Refused,
                ..
            }
        ),
        "{error:?}"
    );
    assert_eq!(error.class(), FailureClass::Transient);
}

#[actix_rt::test]
async fn an_end_right_after_connecting_suggests_the_limit() {
    let (address, _seen) = peer(|_| {});
    let error = fails(address).await;
    assert!(matches!(error, ClientError::Dropped { .. }), "{error:?}");
    assert_eq!(error.class(), FailureClass::LimitSuspected);

    // With unread bytes left behind, the end is a reset.
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    let address = listener.local_addr().expect("an address");
    thread::spawn(move || {
        for stream in listener.incoming() {
            let stream = stream.expect("a connection");
            let _ = stream.peek(&mut [0; 16]);
        }
    });
    let error = fails(address).await;
    assert_eq!(error.class(), FailureClass::LimitSuspected, "{error:?}");
}

#[actix_rt::test]
async fn what_is_not_http_is_said() {
    let (address, _seen) = says("SSH-2.0-OpenSSH_9.2\r\n\r\n");
    let error = fails(address).await;
    assert!(matches!(error, ClientError::Protocol { .. }), "{error:?}");
}

#[actix_rt::test]
async fn silence_ends_at_the_deadline_before_and_within_the_body() {
    let (address, _seen) = peer(|_| thread::sleep(Duration::from_secs(5)));
    let error = fails(address).await;
    assert!(
        matches!(
            error,
            ClientError::Timeout {
                stage: Stage::Headers,
                ..
            }
        ),
        "{error:?}"
    );

    let (address, _seen) = peer(|stream| {
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n[1");
        thread::sleep(Duration::from_secs(5));
    });
    let started = Instant::now();
    let error = fails(address).await;
    assert!(
        matches!(
            error,
            ClientError::Timeout {
                stage: Stage::Body,
                ..
            }
        ),
        "{error:?}"
    );
    assert!(started.elapsed() < Duration::from_secs(2));
}

#[actix_rt::test]
async fn a_cut_body_is_an_error_however_it_is_framed() {
    let (address, _seen) = says("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n[1]");
    let error = fails(address).await;
    assert!(
        matches!(error, ClientError::Body { received: 3, .. }),
        "{error:?}"
    );

    let (address, _seen) =
        says("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\n[1,\r\n");
    // awc takes the end of the connection for the end of the chunks; what is cut is no JSON.
    let answer = ask(&config(address), &key())
        .await
        .expect("what awc takes for an answer");
    assert!(matches!(
        answer.json::<Vec<u8>>(),
        Err(ClientError::Decode { .. })
    ));
}

#[actix_rt::test]
async fn a_body_beyond_the_limit_is_not_read() {
    let large = format!("[{}1]", "1,".repeat(5000));
    let length = large.len();
    let sized = format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n{large}");
    let chunked = format!(
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{length:x}\r\n{large}\r\n0\r\n\r\n"
    );
    for answer in [sized, chunked] {
        let (address, _seen) = says(answer);
        let error = ask(&config(address).with_max_body_size(10_000), &key())
            .await
            .expect_err("too large");
        assert!(
            matches!(error, ClientError::TooLarge { limit: 10_000, .. }),
            "{error:?}"
        );
        let answer = ask(&config(address), &key())
            .await
            .expect("within the default");
        assert_eq!(answer.body.len(), large.len());
    }
}

#[actix_rt::test]
async fn the_deadline_of_a_blocking_query_has_room_for_what_consul_adds() {
    let (address, _seen) = peer(|stream| {
        thread::sleep(Duration::from_millis(550));
        let _ = stream.write_all(reply("200 OK", "X-Consul-Index: 7\r\n", "[]").as_bytes());
    });
    let config = config(address).with_deadline_margin(Duration::from_millis(300));
    let request = key()
        .with_cursor(Cursor::Index(6))
        .with_wait(Duration::from_millis(500));
    assert_eq!(
        ask(&config, &request).await.expect("in time").index,
        Some(7)
    );
    let hasty = request.with_wait(Duration::from_millis(100));
    let error = ask(&config, &hasty).await.expect_err("too late");
    assert!(matches!(error, ClientError::Timeout { .. }), "{error:?}");
}

#[actix_rt::test]
async fn a_compressed_body_is_limited_by_its_real_size_and_known_to_be_whole() {
    // `[1,1,…,1]` of 4003 bytes.
    const GZIP: &[u8] = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\x03\xed\xc2\x31\x0d\x00\x00\x08\x03\x30\x43\x3c\xd3\x43\xf0\x6f\x03\x19\x7b\x9a\x76\x33\x00\x00\x00\x40\xdd\x3d\x75\x7c\xb7\x5f\xa3\x0f\x00\x00";
    let answer = |sent: &[u8]| {
        let head = "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length";
        [format!("{head}: {}\r\n\r\n", GZIP.len()).as_bytes(), sent].concat()
    };
    let (address, _seen) = says(answer(GZIP));
    let whole = ask(&config(address), &key()).await.expect("an answer");
    assert_eq!(whole.json::<Vec<u8>>().expect("JSON").len(), 2001);
    let error = ask(&config(address).with_max_body_size(4000), &key())
        .await
        .expect_err("too large");
    assert!(
        matches!(error, ClientError::TooLarge { limit: 4000, .. }),
        "{error:?}"
    );

    let (address, _seen) = says(answer(&GZIP[..GZIP.len() - 12]));
    let error = fails(address).await;
    assert!(matches!(error, ClientError::Body { .. }), "{error:?}");
}
