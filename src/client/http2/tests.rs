//! Servers that are not Consul: one that takes few streams, one that speaks only HTTP/1.1.

use std::{
    cell::Cell,
    fs,
    process::{Command, Stdio},
    rc::Rc,
    sync::Arc,
    time::Duration,
};

use actix_rt::net::{TcpListener, TcpStream};
use bytes::Bytes;
use futures_util::future::join_all;
use rustls::{
    ServerConfig,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
};
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    time::sleep,
};
use tokio_rustls::{TlsAcceptor, server::TlsStream};

use crate::client::{ConsulClient, ConsulConfig, QueryRequest};

/// A certificate as Consul's own commands make it, and what offers it.
fn acceptor(protocol: &str) -> (TempDir, TlsAcceptor) {
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
    config.alpn_protocols = vec![protocol.as_bytes().to_vec()];
    (home, TlsAcceptor::from(Arc::new(config)))
}

/// Serves each connection like this; their number, and a client of it.
async fn serve<F: Future<Output = ()> + 'static>(
    protocol: &str,
    each: impl Fn(TlsStream<TcpStream>) -> F + 'static,
) -> (Rc<Cell<usize>>, ConsulClient) {
    let (home, acceptor) = acceptor(protocol);
    let config = ConsulConfig::default().with_ca_file(home.path().join("consul-agent-ca.pem"));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let config = config
        .with_address(format!("https://{}/x", listener.local_addr().unwrap()))
        .unwrap();
    let client = ConsulClient::new(&config).unwrap();
    let count = Rc::new(Cell::new(0));
    let accepted = Rc::clone(&count);
    actix_rt::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            accepted.set(accepted.get() + 1);
            let stream = acceptor.accept(stream).await.unwrap();
            actix_rt::spawn(each(stream));
        }
    });
    (count, client)
}

#[actix_rt::test]
async fn no_more_streams_are_used_than_the_server_announces() {
    let (count, client) = serve("h2", |stream| async move {
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
    })
    .await;
    let request = QueryRequest::new("/v1/kv/a");
    let started = std::time::Instant::now();
    for answer in join_all((0..5).map(|_| client.blocking_query(&request))).await {
        assert_eq!(answer.unwrap().body, "[]");
    }
    assert_eq!(count.get(), 3, "two on each");
    assert!(started.elapsed() < Duration::from_secs(5));
    client.blocking_query(&request).await.unwrap();
    assert_eq!(count.get(), 3, "what is open is used again");
}

#[actix_rt::test]
async fn a_server_without_http2_is_asked_by_http1() {
    let (count, client) = serve("http/1.1", |mut stream| async move {
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
    })
    .await;
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
    assert_eq!(count.get(), 2);
    assert!(budget.is_enabled());
}
