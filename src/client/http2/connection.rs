//! One shared connection: opened, pinged until it is half-open or closed, and dropped when unused.

use std::{
    cell::Cell,
    io,
    pin::{Pin, pin},
    rc::Rc,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use futures_util::future::poll_fn;
use h2::{
    Ping, PingPong,
    client::{Builder, SendRequest},
};
use tokio::{
    sync::oneshot,
    time::{Instant, sleep, timeout},
};

use super::{
    super::tls_connector::{AlpnOffer, SecureStream, TlsConnectError, TlsConnector},
    streams::Streams,
};

/// The time between two pings, which find a half-open connection: one whose peer is gone without a word.
const PING_INTERVAL: Duration = Duration::from_secs(20);
/// The time that the peer has to answer a ping.
const PONG_TIMEOUT: Duration = Duration::from_secs(10);

/// The bytes of one answer that may be under way unread. This window is the backpressure on the server.
const STREAM_WINDOW: u32 = 1024 * 1024;
/// The bytes of all answers of a connection that may be under way unread.
const CONNECTION_WINDOW: u32 = 8 * 1024 * 1024;

/// The greatest size of the headers of an answer, in bytes.
const MAX_HEADERS: u32 = 64 * 1024;

/// A connection that accepts requests.
pub(super) struct Connection {
    pub(super) send: SendRequest<Bytes>,
    pub(super) state: Rc<ConnectionState>,
}

/// The state of a connection, which its permits share.
#[derive(Debug)]
pub(super) struct ConnectionState {
    pub(super) streams: Streams,
    /// Whether new streams may be opened.
    pub(super) alive: Cell<bool>,
    pub(super) opened: Instant,
}

/// The result of opening a connection.
pub(super) enum Opened {
    Http2(Connection),
    /// The server does not speak HTTP/2.
    Http1Only,
}

/// A connection that could not be opened; every request that waited for it gets a copy.
#[derive(Debug, Clone)]
pub(crate) enum ConnectError {
    Resolve(Arc<io::Error>),
    Connect(Arc<io::Error>),
    Timeout,
}

impl From<TlsConnectError> for ConnectError {
    fn from(error: TlsConnectError) -> Self {
        match error {
            TlsConnectError::Resolve(source) => Self::Resolve(Arc::new(source)),
            TlsConnectError::Connect(source) => Self::Connect(Arc::new(source)),
        }
    }
}

impl From<h2::Error> for ConnectError {
    fn from(error: h2::Error) -> Self {
        Self::Connect(Arc::new(into_io(error)))
    }
}

pub(super) fn into_io(error: h2::Error) -> io::Error {
    if error.is_io() {
        return error
            .into_io()
            .unwrap_or_else(|| io::ErrorKind::ConnectionAborted.into());
    }
    io::Error::new(io::ErrorKind::ConnectionAborted, error)
}

/// Opens a connection, up to the server's first answer: only that shows how many streams it accepts, or whether
/// it accepts this client at all.
///
/// `on_unused` is called from time to time while no stream is in use.
pub(super) async fn open(
    connector: &TlsConnector,
    within: Duration,
    on_unused: impl Fn(&Rc<ConnectionState>) + 'static,
) -> Result<Opened, ConnectError> {
    timeout(within, open_unbounded(connector, on_unused))
        .await
        .unwrap_or(Err(ConnectError::Timeout))
}

async fn open_unbounded(
    connector: &TlsConnector,
    on_unused: impl Fn(&Rc<ConnectionState>) + 'static,
) -> Result<Opened, ConnectError> {
    let stream = connector.connect(AlpnOffer::Http2OrHttp1).await?;
    if !stream.is_http2() {
        return Ok(Opened::Http1Only);
    }
    let alert = stream.alert();
    let failed = |error: h2::Error| match alert.error() {
        Some(refused) => ConnectError::Connect(Arc::new(refused)),
        None => error.into(),
    };
    let (send, mut connection) = Builder::new()
        .enable_push(false)
        .initial_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_header_list_size(MAX_HEADERS)
        .handshake(stream)
        .await
        .map_err(failed)?;
    let pings = connection.ping_pong().ok_or(ConnectError::Timeout)?;
    let state = Rc::new(ConnectionState {
        // Nothing is known before the server's settings.
        streams: Streams::new(0),
        alive: Cell::new(true),
        opened: Instant::now(),
    });
    let (answered, up) = oneshot::channel();
    let driven = Rc::clone(&state);
    actix_rt::spawn(async move {
        let mut answered = Some(answered);
        let end = drive(connection, pings, &driven, &mut answered, on_unused).await;
        driven.alive.set(false);
        match (answered.take(), end) {
            // A request that waits for it gets the error; without a waiter it is dropped.
            (Some(answered), Err(error)) => drop(answered.send(Err(error))),
            (None, Err(error)) => tracing::debug!(
                error = error.to_string(),
                "shared connection of watches lost"
            ),
            (_, Ok(())) => {}
        }
    });
    match up.await {
        Ok(Ok(())) if state.streams.capacity() == 0 => Err(ConnectError::Connect(Arc::new(
            io::Error::other("the server accepts no HTTP/2 streams"),
        ))),
        Ok(Ok(())) => Ok(Opened::Http2(Connection { send, state })),
        Ok(Err(error)) => Err(failed(error)),
        Err(_) => Err(ConnectError::Connect(Arc::new(
            io::ErrorKind::UnexpectedEof.into(),
        ))),
    }
}

/// Reports that the connection is up.
type Answered = oneshot::Sender<Result<(), h2::Error>>;

/// Moves the connection's bytes until it ends, which it does when all of its handles are dropped.
async fn drive(
    mut connection: h2::client::Connection<SecureStream, Bytes>,
    pings: PingPong,
    state: &Rc<ConnectionState>,
    answered: &mut Option<Answered>,
    on_unused: impl Fn(&Rc<ConnectionState>),
) -> Result<(), h2::Error> {
    let look = || {
        if state.streams.used() == 0 {
            on_unused(state);
        }
    };
    let mut heartbeat = pin!(heartbeat(pings, answered, look));
    poll_fn(|task| {
        if let Poll::Ready(end) = Pin::new(&mut connection).poll(task) {
            return Poll::Ready(end);
        }
        // The server's settings come before its first pong, and may change later.
        state
            .streams
            .announce(connection.max_concurrent_send_streams());
        poll_heartbeat(heartbeat.as_mut(), task)
    })
    .await
}

fn poll_heartbeat(
    heartbeat: Pin<&mut impl Future<Output = h2::Error>>,
    task: &mut Context<'_>,
) -> Poll<Result<(), h2::Error>> {
    heartbeat.poll(task).map(Err)
}

/// Pings in intervals; resolves when the connection is half-open or broken.
async fn heartbeat(
    mut pings: PingPong,
    answered: &mut Option<Answered>,
    look: impl Fn(),
) -> h2::Error {
    loop {
        match timeout(PONG_TIMEOUT, pings.ping(Ping::opaque())).await {
            Ok(Ok(_)) => {}
            Ok(Err(error)) => return error,
            Err(_) => return h2::Reason::SETTINGS_TIMEOUT.into(),
        }
        if let Some(answered) = answered.take() {
            // The request may be gone meanwhile.
            let _ = answered.send(Ok(()));
        }
        sleep(PING_INTERVAL).await;
        look();
    }
}
