//! A server of HTTP/2 in front of an agent that counts as Go's does since 2023: running handlers and not streams.
//!
//! Consul 1.8.7 counts streams, and so releases one that was cut at once.

use std::fs;
use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use actix_rt::net::{TcpListener, TcpStream};
use bytes::Bytes;
use consul_watch_harness::Authority;
use h2::server::SendResponse;
use http::{Request, Response};
use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::Semaphore;
use tokio_rustls::TlsAcceptor;

/// The numbers that the server allows on one connection.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Allowed {
    /// The number of streams that it announces.
    pub(crate) streams: u32,
    /// The number of handlers that run at once; further requests are queued without a word.
    pub(crate) handlers: usize,
}

/// Serves the agent at this plain address on the current thread, and returns the address for HTTPS.
pub(crate) async fn serve(
    agent: SocketAddr,
    authority: &Authority,
    allowed: Allowed,
) -> SocketAddr {
    let acceptor = acceptor(authority.directory());
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("its number");
    actix_rt::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            // It ends with an error when the client leaves.
            actix_rt::spawn(
                async move { connection(stream, &acceptor, agent, allowed).await.ok() },
            );
        }
    });
    address
}

async fn connection(
    stream: TcpStream,
    acceptor: &TlsAcceptor,
    agent: SocketAddr,
    allowed: Allowed,
) -> io::Result<()> {
    let stream = acceptor.accept(stream).await?;
    let mut builder = h2::server::Builder::new();
    builder.max_concurrent_streams(allowed.streams);
    let handshake = builder.handshake::<_, Bytes>(stream).await;
    let mut connection = handshake.map_err(io::Error::other)?;
    // Fair, as Go's queue is.
    let handlers = Arc::new(Semaphore::new(allowed.handlers));
    while let Some(accepted) = connection.accept().await {
        let (request, respond) = accepted.map_err(io::Error::other)?;
        let handlers = Arc::clone(&handlers);
        actix_rt::spawn(async move {
            let _running = handlers.acquire_owned().await;
            // It runs on when the stream is cut, and only then finds nobody to answer.
            if let Ok(answer) = ask(agent, &request).await {
                send(respond, answer).ok();
            }
        });
    }
    Ok(())
}

fn send(mut respond: SendResponse<Bytes>, answer: Response<Bytes>) -> Result<(), h2::Error> {
    let (head, body) = answer.into_parts();
    let mut stream = respond.send_response(Response::from_parts(head, ()), false)?;
    stream.send_data(body, true)
}

/// Asks the agent on a connection of its own.
async fn ask<B>(agent: SocketAddr, request: &Request<B>) -> io::Result<Response<Bytes>> {
    let mut stream = TcpStream::connect(agent).await?;
    let target = request
        .uri()
        .path_and_query()
        .map_or("/", |target| target.as_str());
    // Without chunks.
    let head = format!("GET {target} HTTP/1.0\r\n\r\n");
    stream.write_all(head.as_bytes()).await?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await?;
    let at = answer.windows(4).position(|end| end == b"\r\n\r\n");
    let at = at.ok_or(io::ErrorKind::UnexpectedEof)?;
    let head = String::from_utf8_lossy(&answer[..at]).into_owned();
    let mut lines = head.split("\r\n");
    let status = lines.next().and_then(|first| first.split(' ').nth(1));
    let mut response = Response::builder().status(status.unwrap_or_default());
    for (name, value) in lines.filter_map(|line| line.split_once(": ")) {
        if !name.eq_ignore_ascii_case("connection") {
            response = response.header(name, value);
        }
    }
    let body = Bytes::from(answer.split_off(at + 4));
    response.body(body).map_err(io::Error::other)
}

fn acceptor(directory: &Path) -> TlsAcceptor {
    let read = |name: &str| fs::read(directory.join(name)).expect("a file of the authority");
    let certificate = CertificateDer::from_pem_slice(&read("dc1-server-consul-0.pem"));
    let key = PrivateKeyDer::from_pem_slice(&read("dc1-server-consul-0-key.pem"));
    let builder = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()));
    let mut config = builder
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(vec![certificate.expect("one")], key.expect("its key"))
        .expect("they fit");
    config.alpn_protocols = vec![b"h2".to_vec()];
    TlsAcceptor::from(Arc::new(config))
}
