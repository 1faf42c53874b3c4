//! The connections to one server, and who is on which.

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
};

/// The shortest time between two attempts to open a connection when they fail: however many watches want
/// one, the server is not stormed.
const BETWEEN_ATTEMPTS: Duration = Duration::from_millis(250);

/// The connections of one thread to one server.
///
/// A request takes a place on a connection that has one; when none has, one request opens the next
/// connection and the others wait for it. So as many are open as the requests need, and a connection that
/// was lost is opened again once for all that were on it.
pub(crate) struct ConnectionPool {
    connector: TlsConnector,
    connect_timeout: Duration,
    open: RefCell<Vec<Connection>>,
    opening: RefCell<Option<Opening>>,
    failed: Cell<Option<Instant>>,
    http1_only: Cell<bool>,
    /// Told when the server turns out to speak no HTTP/2.
    on_http1_only: Box<dyn Fn()>,
    this: Weak<Self>,
}

type Opening = Shared<LocalBoxFuture<'static, Result<(), ConnectError>>>;

/// A place on a connection, until it is dropped.
pub(crate) struct StreamPermit {
    pub(super) send: SendRequest<Bytes>,
    state: Rc<ConnectionState>,
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

    /// A place for one request; `None` when the server speaks only HTTP/1.1.
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
        let mut pool = self.open.borrow_mut();
        pool.retain(|connection| connection.state.alive.get());
        // The first that has room, so that the last ones empty when watches end.
        let connection = pool
            .iter()
            .find(|connection| connection.state.used.get() < connection.state.capacity.get())?;
        connection.state.used.set(connection.state.used.get() + 1);
        Some(StreamPermit {
            send: connection.send.clone(),
            state: Rc::clone(&connection.state),
        })
    }

    /// The connection that is being opened, by this request if by no other.
    fn opening(&self) -> Opening {
        let mut current = self.opening.borrow_mut();
        if let Some(opening) = &*current {
            return opening.clone();
        }
        let earliest = self.failed.get().map(|at| at + BETWEEN_ATTEMPTS);
        let (this, connector, within) = (
            Weak::clone(&self.this),
            self.connector.clone(),
            self.connect_timeout,
        );
        // A task of its own: whoever asked first may go, and the others still wait for it.
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
                        ?pool,
                        "the server speaks no HTTP/2: each watch has its own connection"
                    );
                    pool.http1_only.set(true);
                    (pool.on_http1_only)();
                }
            }
            Ok(())
        });
        // It neither panics nor is aborted while somebody waits for it, short of the end of the thread.
        let opening = async move { task.await.unwrap_or(Err(ConnectError::Timeout)) };
        let opening = opening.boxed_local().shared();
        *current = Some(opening.clone());
        opening
    }

    /// Closes a connection that nobody uses now, when the others have room for what may come.
    fn close_spare(&self, left: &Rc<ConnectionState>) {
        let mut pool = self.open.borrow_mut();
        let room: usize = pool
            .iter()
            .filter(|connection| {
                connection.state.alive.get() && !Rc::ptr_eq(&connection.state, left)
            })
            .map(|connection| {
                connection
                    .state
                    .capacity
                    .get()
                    .saturating_sub(connection.state.used.get())
            })
            .sum();
        if room > left.capacity.get() / 2 {
            pool.retain(|connection| !Rc::ptr_eq(&connection.state, left));
        }
    }
}

impl StreamPermit {
    /// How long its connection has been open.
    pub(super) fn age(&self) -> Duration {
        self.state.opened.elapsed()
    }

    /// Nothing more is sent on its connection.
    pub(super) fn close(&self) {
        self.state.alive.set(false);
    }
}

impl Drop for StreamPermit {
    fn drop(&mut self) {
        self.state.used.set(self.state.used.get().saturating_sub(1));
    }
}

impl fmt::Debug for ConnectionPool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConnectionPool")
            .field("connector", &self.connector)
            .finish_non_exhaustive()
    }
}
