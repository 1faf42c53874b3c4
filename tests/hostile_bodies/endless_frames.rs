//! A server of HTTP/2 that sends frames without end on a stream (RUSTSEC-2026-0258: empty ones, which no flow
//! control limits).

use std::fs;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;

use consul_watch::{ChangeKind, ConsulConfig, KeyPrefix, WatchStatus};
use consul_watch_harness::fixture::{supervisor, until, watch};
use consul_watch_harness::{Authority, DEADLINE};
use rustls::crypto::ring;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use crate::memory::{MIB, Memory};
use crate::server::pair;

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const ACK: u8 = 1;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;

type Tls = StreamOwned<ServerConnection, TcpStream>;

/// Answers each query at once. Its threads end with their connections, and the listener's with the process.
struct Server {
    address: SocketAddr,
    shared: Arc<Shared>,
}

struct Shared {
    tls: Arc<ServerConfig>,
    hostile: AtomicBool,
    index: AtomicU64,
    /// The number of frames that were sent where they are endless.
    sent: AtomicU64,
}

impl Server {
    fn start(authority: &Authority) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("its number");
        let shared = Arc::new(Shared {
            tls: Arc::new(tls(authority)),
            hostile: AtomicBool::new(false),
            index: AtomicU64::new(10),
            sent: AtomicU64::new(0),
        });
        let for_thread = Arc::clone(&shared);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let shared = Arc::clone(&for_thread);
                // Fails when a client disconnects in the middle, as it may.
                thread::spawn(move || shared.serve(stream));
            }
        });
        Self { address, shared }
    }
}

impl Shared {
    fn serve(&self, stream: TcpStream) -> io::Result<()> {
        let tls = ServerConnection::new(Arc::clone(&self.tls)).map_err(io::Error::other)?;
        let mut stream = StreamOwned::new(tls, stream);
        stream.read_exact(&mut [0; 24])?;
        stream.write_all(&frame(SETTINGS, 0, 0, &[]))?;
        loop {
            let mut head = [0; 9];
            stream.read_exact(&mut head)?;
            let [_, a, b, kind, flags, id @ ..] = head;
            let mut payload = vec![0; usize::from(a) << 8 | usize::from(b)];
            stream.read_exact(&mut payload)?;
            match kind {
                HEADERS => self.answer(&mut stream, u32::from_be_bytes(id))?,
                SETTINGS | PING if flags & ACK == 0 => {
                    let said = if kind == PING { &*payload } else { &[] };
                    stream.write_all(&frame(kind, ACK, 0, said))?;
                }
                _ => {}
            }
        }
    }

    fn answer(&self, stream: &mut Tls, id: u32) -> io::Result<()> {
        let index = self.index.load(Ordering::SeqCst);
        let text = index.to_string();
        // Status 200, and a header that is neither compressed nor remembered.
        let mut head = vec![0x88, 0];
        for part in ["x-consul-index", &text] {
            head.push(u8::try_from(part.len()).expect("short"));
            head.extend(part.bytes());
        }
        stream.write_all(&frame(HEADERS, END_HEADERS, id, &head))?;
        if self.hostile.load(Ordering::SeqCst) {
            let piece = frame(DATA, 0, id, &[]).repeat(1000);
            while self.hostile.load(Ordering::SeqCst) {
                stream.write_all(&piece)?;
                self.sent.fetch_add(1000, Ordering::SeqCst);
            }
        }
        let body = pair("app/a", &text, index);
        stream.write_all(&frame(DATA, END_STREAM, id, body.as_bytes()))
    }
}

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).expect("short").to_be_bytes();
    let mut frame = length[1..].to_vec();
    frame.extend([kind, flags]);
    frame.extend(stream.to_be_bytes());
    frame.extend(payload);
    frame
}

fn tls(authority: &Authority) -> ServerConfig {
    let read = |name: &str| fs::read(authority.directory().join(name)).expect("a file");
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
    config
}

#[actix_rt::test]
async fn empty_data_frames_without_end() {
    let mut memory = Memory::start();
    let authority = Authority::new();
    let server = Server::start(&authority);
    let config = ConsulConfig::default()
        .with_address(format!("https://{}", server.address))
        .expect("an address")
        .with_ca_file(authority.certificate())
        .with_request_timeout(DEADLINE);
    let watches = supervisor(&config);
    let mut keys = watch(&watches, KeyPrefix::new("app")).await;
    keys.next("the first state").await;

    memory.restart();
    server.shared.hostile.store(true, Ordering::SeqCst);
    let name = "a connection that is given up";
    let broken = |status: &WatchStatus| status.restarts >= 3 && status.state.error().is_some();
    let status = until(&watches, "keyprefix:app", name, broken).await;
    println!("{}", status.state);
    memory.grew_at_most(32 * MIB, "empty frames");
    println!("{} frames", server.shared.sent.load(Ordering::SeqCst));
    keys.has_nothing(name);

    server.shared.index.fetch_add(1, Ordering::SeqCst);
    server.shared.hostile.store(false, Ordering::SeqCst);
    let changed = keys.next("the next good answer").await;
    assert_eq!(changed.changes()[0].kind(), ChangeKind::Updated);
}
