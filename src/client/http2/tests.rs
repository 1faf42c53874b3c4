//! Servers that are not Consul: they take few streams, take them back, leave, or speak only HTTP/1.1.

mod peer;

use std::{
    fs, io,
    process::{Command, Stdio},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

use actix_rt::net::{TcpListener, TcpStream};
use bytes::Bytes;
use consul_watch_actors::Cursor;
use consul_watch_harness::DEADLINE;
use futures_util::future::{join, join_all};
use rustls::{
    ServerConfig,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
};
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    time::{sleep, timeout},
};
use tokio_rustls::{TlsAcceptor, server::TlsStream};

use self::peer::Peer;
use crate::client::{ClientError, ConsulClient, ConsulConfig, QueryRequest};

/// A certificate as Consul's own commands make it, and what offers it.
fn acceptor(protocols: &[&str]) -> (TempDir, TlsAcceptor) {
    let home = TempDir::new().unwrap();
    for arguments in [["ca", "create"].as_slice(), &["cert", "create", "-server"]] {
        let mut command = Command::new(consul_watch_harness::consul().unwrap());
        command
            .arg("tls")
            .args(arguments)
            .current_dir(home.path())
            .stdin(Stdio::null());
        assert!(command.output().unwrap().status.success());
    }
    let read = |name: &str| fs::read(home.path().join(name)).unwrap();
    let certificate = CertificateDer::from_pem_slice(&read("dc1-server-consul-0.pem")).unwrap();
    let key = PrivateKeyDer::from_pem_slice(&read("dc1-server-consul-0-key.pem")).unwrap();
    let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .unwrap();
    config.alpn_protocols = protocols.iter().map(|it| it.as_bytes().to_vec()).collect();
    (home, TlsAcceptor::from(Arc::new(config)))
}

/// Serves each connection like this, with its number, on a thread of its own; their count, and a client of it.
fn serve<F: Future<Output = ()> + 'static>(
    protocols: &[&str],
    each: impl Fn(usize, TlsStream<TcpStream>) -> F + Send + 'static,
) -> (Arc<AtomicUsize>, ConsulClient) {
    let (home, acceptor) = acceptor(protocols);
    let config = ConsulConfig::default().with_ca_file(home.path().join("consul-agent-ca.pem"));
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let config = config
        .with_address(format!("https://{}/x", listener.local_addr().unwrap()))
        .unwrap();
    let client = ConsulClient::new(&config).unwrap();
    let count = Arc::new(AtomicUsize::new(0));
    let accepted = Arc::clone(&count);
    thread::spawn(move || {
        actix_rt::System::new().block_on(async move {
            let listener = TcpListener::from_std(listener).unwrap();
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let number = accepted.fetch_add(1, Ordering::SeqCst);
                if let Ok(stream) = acceptor.accept(stream).await {
                    actix_rt::spawn(each(number, stream));
                }
            }
        });
    });
    (count, client)
}

/// Serves each connection frame by frame; the first allows so many streams.
fn serve_frames<F: Future<Output = io::Result<()>> + 'static>(
    streams: u32,
    each: impl Fn(usize, Peer) -> F + Clone + Send + 'static,
) -> (Arc<AtomicUsize>, ConsulClient) {
    serve(&["h2"], move |number, stream| {
        let each = each.clone();
        async move {
            // It ends with an error when the client leaves.
            if let Ok(peer) = Peer::greet(stream, streams).await {
                let _ = each(number, peer).await;
            }
        }
    })
}

/// The body of the answer to a query that may be held.
async fn ask(client: &ConsulClient) -> Bytes {
    let request = QueryRequest::new("/v1/kv/a").with_cursor(Cursor::Index(1));
    let answer = timeout(DEADLINE, client.blocking_query(&request)).await;
    answer.expect("in time").unwrap().body
}

#[actix_rt::test]
async fn no_more_streams_are_used_than_the_server_announces() {
    let (count, client) = serve(&["h2"], |_, stream| async move {
        let mut builder = h2::server::Builder::new();
        let mut connection = builder
            .max_concurrent_streams(2)
            .handshake::<_, Bytes>(stream)
            .await
            .unwrap();
        while let Some(Ok((request, mut respond))) = connection.accept().await {
            assert_eq!(request.uri().path(), "/x/v1/kv/a");
            // Held for a while, as a blocking query is.
            actix_rt::spawn(async move {
                sleep(Duration::from_millis(300)).await;
                let mut body = respond
                    .send_response(http::Response::new(()), false)
                    .unwrap();
                body.send_data(Bytes::from_static(b"[]"), true).unwrap();
            });
        }
    });
    let request = QueryRequest::new("/v1/kv/a");
    let started = std::time::Instant::now();
    for answer in join_all((0..5).map(|_| client.blocking_query(&request))).await {
        assert_eq!(answer.unwrap().body, "[]");
    }
    assert_eq!(count.load(Ordering::SeqCst), 3, "two on each");
    assert!(started.elapsed() < Duration::from_secs(5));
    client.blocking_query(&request).await.unwrap();
    assert_eq!(
        count.load(Ordering::SeqCst),
        3,
        "what is open is used again"
    );
}

#[actix_rt::test]
async fn a_server_without_http2_is_asked_by_http1() {
    let (count, client) = serve(&["http/1.1"], |_, mut stream| async move {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            // The first connection is only there to find out, and closes.
            let Ok(byte) = stream.read_u8().await else {
                return;
            };
            head.push(byte);
        }
        assert!(head.starts_with(b"GET /x/v1/kv/a HTTP/1.1\r\n"));
        stream
            .write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]")
            .await
            .unwrap();
        stream.flush().await.unwrap();
        sleep(Duration::from_secs(5)).await;
    });
    let budget = client.config().connection_budget().unwrap();
    assert!(
        !budget.is_enabled(),
        "it is not known yet that each query needs a connection"
    );
    let answer = client
        .blocking_query(&QueryRequest::new("/v1/kv/a"))
        .await
        .unwrap();
    assert_eq!(answer.body, "[]");
    assert_eq!(count.load(Ordering::SeqCst), 2);
    assert!(budget.is_enabled());
}

#[actix_rt::test]
async fn a_request_that_waits_for_a_stream_that_was_taken_back_moves_to_another_connection() {
    let begun = Arc::new(AtomicBool::new(false));
    let seen = Arc::clone(&begun);
    let (count, client) = serve_frames(3, move |number, mut peer| {
        let begun = Arc::clone(&begun);
        async move {
            let stream = peer.request().await?;
            if number == 0 {
                begun.store(true, Ordering::SeqCst);
                sleep(Duration::from_millis(100)).await;
                peer.allow(1).await?;
            } else {
                peer.answer(stream).await?;
            }
            peer.hold().await;
            Ok(())
        }
    });
    let held = client.clone();
    let held = actix_rt::spawn(async move { ask(&held).await });
    while !seen.load(Ordering::SeqCst) {
        sleep(Duration::from_millis(1)).await;
    }
    // The settings arrive while this thread does nothing. Then this task and the connection's are woken together,
    // this one first: the request is made before the settings are read, and sent after.
    thread::sleep(Duration::from_millis(300));
    tokio::task::yield_now().await;
    assert_eq!(ask(&client).await, "[]");
    assert_eq!(count.load(Ordering::SeqCst), 2);
    held.abort();
}

#[actix_rt::test]
async fn a_request_that_the_server_has_not_begun_with_is_sent_again() {
    for leaves in [false, true] {
        let (count, client) = serve_frames(3, move |number, mut peer| async move {
            let stream = peer.request().await?;
            match (number, leaves) {
                (0, false) => peer.refuse(stream).await?,
                (0, true) => peer.leave_after(0).await?,
                _ => peer.answer(stream).await?,
            }
            peer.hold().await;
            Ok(())
        });
        assert_eq!(ask(&client).await, "[]");
        assert_eq!(count.load(Ordering::SeqCst), 2, "{leaves}");
    }
}

#[actix_rt::test]
async fn a_connection_that_the_server_leaves_answers_what_it_has_begun_with() {
    let (count, client) = serve_frames(3, |number, mut peer| async move {
        let stream = peer.request().await?;
        if number == 0 {
            peer.leave_after(stream).await?;
            sleep(Duration::from_millis(200)).await;
        }
        peer.answer(stream).await?;
        peer.hold().await;
        Ok(())
    });
    let second = async {
        sleep(Duration::from_millis(100)).await;
        ask(&client).await
    };
    let (first, second) = join(ask(&client), second).await;
    assert_eq!((first, second), (Bytes::from("[]"), Bytes::from("[]")));
    assert_eq!(count.load(Ordering::SeqCst), 2);
}

#[actix_rt::test]
async fn a_server_that_refuses_every_stream_or_allows_none_is_an_error() {
    for streams in [0, 3] {
        let (count, client) = serve_frames(streams, |_, mut peer| async move {
            loop {
                let stream = peer.request().await?;
                peer.refuse(stream).await?;
            }
        });
        let request = QueryRequest::new("/v1/kv/a");
        let answer = timeout(DEADLINE, client.blocking_query(&request)).await;
        let error = answer.expect("in time").expect_err("no answer");
        match error {
            ClientError::Connect { .. } if streams == 0 => {}
            ClientError::Dropped { .. } if streams > 0 => {}
            other => panic!("{other:?}"),
        }
        assert!(count.load(Ordering::SeqCst) <= 3);
    }
}

#[actix_rt::test]
async fn awc_negotiates_no_http2() {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let chosen = Arc::clone(&seen);
    // A server that prefers it, and closes.
    let (_, client) = serve(&["h2", "http/1.1"], move |_, stream| {
        let protocol = stream.get_ref().1.alpn_protocol().map(<[u8]>::to_vec);
        chosen.lock().unwrap().push(protocol);
        async move { drop(stream) }
    });
    let request = QueryRequest::new("/v1/kv/a");
    client.read(&request).await.unwrap_err();
    client
        .transact::<()>(&[], None, Bytes::new())
        .await
        .unwrap_err();
    let by_awc = std::mem::take(&mut *seen.lock().unwrap());
    assert!(by_awc.len() >= 2);
    assert!(
        by_awc.iter().all(|it| it.as_deref() == Some(b"http/1.1")),
        "{by_awc:?}"
    );

    // Only the client of this module asks for it.
    client.blocking_query(&request).await.unwrap_err();
    let own = std::mem::take(&mut *seen.lock().unwrap());
    assert!(own.iter().all(|it| it.as_deref() == Some(b"h2")), "{own:?}");
}
