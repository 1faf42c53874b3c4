//! Interim responses (1xx) come before the answer, and are none.

use std::{
    io::{Read, Write},
    os::unix::net::UnixListener,
    thread,
};

use super::*;

const INTERIM: [&str; 4] = [
    "HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n",
    "HTTP/1.1 100 Continue\r\n\r\n",
    "HTTP/1.0 102 Processing\r\n\r\n",
    "HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 103 Early Hints\r\n\r\n",
];

/// Answers each request of a connection with an interim response and then, separately, with the number of the request.
fn answer_all(mut stream: impl Read + Write, interim: &str) {
    for number in 1.. {
        let mut head = Vec::new();
        let mut byte = [0];
        while !head.ends_with(b"\r\n\r\n") {
            if stream.read(&mut byte).is_ok_and(|read| read == 1) {
                head.push(byte[0]);
            } else {
                return;
            }
        }
        let answer = reply("200 OK", "X-Consul-Index: 7\r\n", &format!("[{number}]"));
        for part in [interim, &answer] {
            if stream.write_all(part.as_bytes()).is_err() || stream.flush().is_err() {
                return;
            }
            thread::sleep(Duration::from_millis(20));
        }
    }
}

async fn answers(config: &ConsulConfig) -> Vec<u8> {
    let client = ConsulClient::new(config).expect("a client");
    let mut numbers = Vec::new();
    for _ in 0..3 {
        let answer = client.blocking_query(&key()).await.expect("an answer");
        numbers.extend(answer.json::<Vec<u8>>().expect("JSON"));
    }
    numbers
}

#[actix_rt::test]
async fn the_answer_behind_them_is_read_and_the_connection_is_used_again() {
    for interim in INTERIM {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let address = listener.local_addr().expect("an address");
        thread::spawn(move || {
            for stream in listener.incoming() {
                let stream = stream.expect("a connection");
                thread::spawn(move || answer_all(stream, interim));
            }
        });
        let config = config(address).with_request_timeout(Duration::from_secs(20));
        assert_eq!(answers(&config).await, [1, 2, 3], "{interim}");
    }
}

#[actix_rt::test]
async fn that_holds_on_a_unix_socket_too() {
    let home = tempfile::tempdir().expect("a directory");
    let path = home.path().join("socket");
    let listener = UnixListener::bind(&path).expect("a socket");
    thread::spawn(move || {
        for stream in listener.incoming() {
            let stream = stream.expect("a connection");
            thread::spawn(move || answer_all(stream, INTERIM[0]));
        }
    });
    let config = ConsulConfig::default()
        .with_address(format!("unix://{}", path.display()))
        .expect("an address");
    assert_eq!(answers(&config).await, [1, 2, 3]);
}

/// A change of protocol was not asked for.
#[actix_rt::test]
async fn a_101_is_an_error() {
    let (address, _seen) = says("HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n");
    let error = fails(address).await;
    assert!(error.to_string().contains("101"), "{error}");
}
