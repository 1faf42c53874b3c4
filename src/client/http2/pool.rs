//! The pool of shared connections to one server, and the permits of streams on them.

use std::{
    cell::{Cell, RefCell},
    fmt,
    rc::{Rc, Weak},
    time::Duration,
};

use bytes::Bytes;
use futures_util::{
    FutureExt,
    future::{LocalBoxFuture, Shared},
};
use h2::client::SendRequest;
use tokio::time::{Instant, sleep_until};

use super::{
    super::tls_connector::TlsConnector,
    connection::{self, ConnectError, Connection, ConnectionState, Opened},
    streams::{Hold, Ticket},
};

/// The shortest time between two failing attempts to open a connection, however many watches need one (no
/// thundering herd).
const MIN_RETRY_INTERVAL: Duration = Duration::from_millis(250);

/// The connections of one thread to one server.
///
/// A request takes a stream of a connection that has one; when none has, one request opens the next
/// connection and the others wait for it. As many are open as the requests need, and a lost connection is opened
/// again once for all of its requests. A stream that was cut is not used again while the server counts it.
pub(crate) struct ConnectionPool {
    connector: TlsConnector,
    connect_timeout: Duration,
    open: RefCell<Vec<Connection>>,
    opening: RefCell<Option<Opening>>,
    failed: Cell<Option<Instant>>,
    http1_only: Cell<bool>,
    /// Called when the server turns out to speak no HTTP/2.
    on_http1_only: Box<dyn Fn()>,
    this: Weak<Self>,
}

type Opening = Shared<LocalBoxFuture<'static, Result<(), ConnectError>>>;

/// The permit for one stream of a connection, until it is dropped.
pub(crate) struct StreamPermit {
    pub(super) send: SendRequest<Bytes>,
    state: Rc<ConnectionState>,
    ticket: Ticket,
    /// The time for which the server counts a stream that is cut now: set between the request and its answer.
    unanswered: Option<Hold>,
}

impl ConnectionPool {
    pub(crate) fn new(
        connector: TlsConnector,
        connect_timeout: Duration,
        on_http1_only: impl Fn() + 'static,
    ) -> Rc<Self> {
        Rc::new_cyclic(|this| Self {
            connector,
            connect_timeout,
            open: RefCell::default(),
            opening: RefCell::default(),
            failed: Cell::new(None),
            http1_only: Cell::new(false),
            on_http1_only: Box::new(on_http1_only),
            this: Weak::clone(this),
        })
    }

    /// Returns the permit for one request; `None` when the server speaks only HTTP/1.1.
    pub(crate) async fn acquire_stream(&self) -> Result<Option<StreamPermit>, ConnectError> {
        loop {
            if self.http1_only.get() {
                return Ok(None);
            }
            if let Some(permit) = self.try_acquire_stream() {
                return Ok(Some(permit));
            }
            self.opening().await?;
        }
    }

    fn try_acquire_stream(&self) -> Option<StreamPermit> {
        let mut open = self.open.borrow_mut();
        open.retain(|connection| {
            connection.state.alive.get() && !connection.state.streams.is_worn_out()
        });
        // The first with room, so that the last ones become unused when watches end.
        open.iter().find_map(|connection| {
            Some(StreamPermit {
                ticket: connection.state.streams.acquire()?,
                send: connection.send.clone(),
                state: Rc::clone(&connection.state),
                unanswered: None,
            })
        })
    }

    /// Returns the connection that is being opened, by this request if by no other.
    fn opening(&self) -> Opening {
        let mut current = self.opening.borrow_mut();
        if let Some(opening) = &*current {
            return opening.clone();
        }
        let earliest = self.failed.get().map(|at| at + MIN_RETRY_INTERVAL);
        let (this, connector, within) = (
            Weak::clone(&self.this),
            self.connector.clone(),
            self.connect_timeout,
        );
        // A task of its own: the request that started it may be dropped while others still wait.
        let task = actix_rt::spawn(async move {
            if let Some(earliest) = earliest {
                sleep_until(earliest).await;
            }
            let spare = Weak::clone(&this);
            let on_unused = move |state: &Rc<ConnectionState>| {
                if let Some(pool) = spare.upgrade() {
                    pool.close_spare(state);
                }
            };
            let opened = connection::open(&connector, within, on_unused).await;
            let Some(pool) = this.upgrade() else {
                return Ok(());
            };
            *pool.opening.borrow_mut() = None;
            pool.failed.set(opened.is_err().then(Instant::now));
            match opened? {
                Opened::Http2(connection) => pool.open.borrow_mut().push(connection),
                Opened::Http1Only => {
                    tracing::debug!(
                        "the server speaks no HTTP/2: each watch has its own connection"
                    );
                    pool.http1_only.set(true);
                    (pool.on_http1_only)();
                }
            }
            Ok(())
        });
        // The task neither panics nor is aborted while a request waits for it, until the thread ends.
        let opening = async move { task.await.unwrap_or(Err(ConnectError::Timeout)) };
        let opening = opening.boxed_local().shared();
        *current = Some(opening.clone());
        opening
    }

    /// Closes a connection without streams when the others have room for new requests.
    fn close_spare(&self, unused: &Rc<ConnectionState>) {
        let mut open = self.open.borrow_mut();
        let room: usize = open
            .iter()
            .filter(|connection| {
                connection.state.alive.get() && !Rc::ptr_eq(&connection.state, unused)
            })
            .map(|connection| connection.state.streams.free())
            .sum();
        if room > unused.streams.capacity() / 2 {
            open.retain(|connection| !Rc::ptr_eq(&connection.state, unused));
        }
    }
}

impl StreamPermit {
    /// The time that its connection has been open.
    pub(super) fn age(&self) -> Duration {
        self.state.opened.elapsed()
    }

    /// Closes its connection for new requests.
    pub(super) fn close(&self) {
        self.state.alive.set(false);
    }

    /// From now on the server counts the stream for this time, also after it is cut.
    pub(super) fn is_sent(&mut self, hold: Hold) {
        self.unanswered = Some(hold);
    }

    /// The server's part is over, but for the body.
    pub(super) fn is_answered(&mut self) {
        self.unanswered = None;
    }

    /// Learns which part of Consul has answered.
    pub(super) fn learn_streaming(&self, streaming: bool) {
        self.state.streams.learn_streaming(streaming);
    }

    /// Resolves when the request waits here for a stream that the server has taken away.
    pub(super) async fn queued(&self) {
        self.state.streams.queued(self.ticket).await;
    }
}

impl Drop for StreamPermit {
    fn drop(&mut self) {
        match self.unanswered.take() {
            None => self.state.streams.release(),
            Some(hold) => {
                if self.state.streams.release_cut(&hold) {
                    tracing::debug!(
                        "a shared connection has left a query without an answer: it gets no new ones"
                    );
                    self.close();
                }
            }
        }
    }
}

impl fmt::Debug for ConnectionPool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConnectionPool")
            .field("connector", &self.connector)
            .finish_non_exhaustive()
    }
}
