//! One connection: how it is opened, kept alive and ends.

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

use super::super::tls_connector::{AlpnOffer, SecureStream, TlsConnectError, TlsConnector};

/// How many streams of a connection are used: a little less than Consul's 250, so that streams it has not
/// yet noticed the end of leave room; and never more than the server announces.
const STREAMS: usize = 240;

/// How often a connection is asked whether it is still there, and how soon it has to say so.
const PING_EVERY: Duration = Duration::from_secs(20);
const PONG_WITHIN: Duration = Duration::from_secs(10);

/// How much of one answer, and of all answers of a connection, may be on its way unread.
const STREAM_WINDOW: u32 = 1024 * 1024;
const CONNECTION_WINDOW: u32 = 8 * 1024 * 1024;

/// How large the headers of an answer may be.
const HEADERS: u32 = 64 * 1024;

/// A connection that takes requests.
pub(super) struct Connection {
    pub(super) send: SendRequest<Bytes>,
    pub(super) state: Rc<ConnectionState>,
}

/// What is known of a connection.
#[derive(Debug)]
pub(super) struct ConnectionState {
    /// How many streams it takes at once.
    pub(super) capacity: Cell<usize>,
    /// How many are in use.
    pub(super) used: Cell<usize>,
    /// Whether new streams may be tried.
    pub(super) alive: Cell<bool>,
    pub(super) opened: Instant,
}

/// What opening came to.
pub(super) enum Opened {
    Http2(Connection),
    /// The server does not speak HTTP/2.
    Http1Only,
}

/// Why a connection could not be opened; told to all who waited for it.
#[derive(Debug, Clone)]
pub(crate) enum ConnectError {
    Resolve(Arc<io::Error>),
    Connect(Arc<io::Error>),
    Timeout,
}

impl From<TlsConnectError> for ConnectError {
    fn from(fault: TlsConnectError) -> Self {
        match fault {
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

/// Opens a connection, up to the server's first answer: until then it is not known how many streams it
/// takes, or whether it takes us at all.
///
/// From time to time `on_unused` is told when nobody is on it.
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
    let (send, mut connection) = Builder::new()
        .enable_push(false)
        .initial_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_header_list_size(HEADERS)
        .handshake(stream)
        .await?;
    let pings = connection.ping_pong().ok_or(ConnectError::Timeout)?;
    let state = Rc::new(ConnectionState {
        capacity: Cell::new(1),
        used: Cell::new(0),
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
            // Whoever waits for it is told why; if nobody does any more, nobody need know.
            (Some(answered), Err(error)) => drop(answered.send(Err(error))),
            (None, Err(error)) => tracing::debug!(%error, "a connection of watches is lost"),
            (_, Ok(())) => {}
        }
    });
    match up.await {
        Ok(Ok(())) => Ok(Opened::Http2(Connection { send, state })),
        Ok(Err(error)) => Err(error.into()),
        Err(_) => Err(ConnectError::Connect(Arc::new(
            io::ErrorKind::UnexpectedEof.into(),
        ))),
    }
}

/// Word that the connection is up.
type Answered = oneshot::Sender<Result<(), h2::Error>>;

/// Moves the connection's bytes until it ends. It ends by itself when nobody uses it any more.
async fn drive(
    mut connection: h2::client::Connection<SecureStream, Bytes>,
    pings: PingPong,
    state: &Rc<ConnectionState>,
    answered: &mut Option<Answered>,
    on_unused: impl Fn(&Rc<ConnectionState>),
) -> Result<(), h2::Error> {
    let look = || {
        if state.used.get() == 0 {
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
            .capacity
            .set(connection.max_concurrent_send_streams().clamp(1, STREAMS));
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

/// Asks again and again; resolves when no answer comes.
async fn heartbeat(
    mut pings: PingPong,
    answered: &mut Option<Answered>,
    look: impl Fn(),
) -> h2::Error {
    loop {
        match timeout(PONG_WITHIN, pings.ping(Ping::opaque())).await {
            Ok(Ok(_)) => {}
            Ok(Err(error)) => return error,
            Err(_) => return h2::Reason::SETTINGS_TIMEOUT.into(),
        }
        if let Some(answered) = answered.take() {
            // It may have been given up meanwhile.
            let _ = answered.send(Ok(()));
        }
        sleep(PING_EVERY).await;
        look();
    }
}
