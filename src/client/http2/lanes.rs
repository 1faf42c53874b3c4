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
    super::dial::Dialer,
    lane::{self, Lane, LaneState, OpenFault, Opened},
};

/// The shortest time between two attempts to open a connection when they fail: however many watches want
/// one, the server is not stormed.
const BETWEEN_ATTEMPTS: Duration = Duration::from_millis(250);

/// The connections of one thread to one server.
///
/// A request takes a place on a connection that has one; when none has, one request opens the next
/// connection and the others wait for it. So as many are open as the requests need, and a connection that
/// was lost is opened again once for all that were on it.
pub(crate) struct Lanes {
    dialer: Dialer,
    connect_timeout: Duration,
    open: RefCell<Vec<Lane>>,
    opening: RefCell<Option<Opening>>,
    failed: Cell<Option<Instant>>,
    only_http1: Cell<bool>,
    /// Told when the server turns out to speak no HTTP/2.
    when_only_http1: Box<dyn Fn()>,
    this: Weak<Self>,
}

type Opening = Shared<LocalBoxFuture<'static, Result<(), OpenFault>>>;

/// A place on a connection, until it is dropped.
pub(crate) struct Seat {
    pub(super) send: SendRequest<Bytes>,
    state: Rc<LaneState>,
}

impl Lanes {
    pub(crate) fn new(
        dialer: Dialer,
        connect_timeout: Duration,
        when_only_http1: impl Fn() + 'static,
    ) -> Rc<Self> {
        Rc::new_cyclic(|this| Self {
            dialer,
            connect_timeout,
            open: RefCell::default(),
            opening: RefCell::default(),
            failed: Cell::new(None),
            only_http1: Cell::new(false),
            when_only_http1: Box::new(when_only_http1),
            this: Weak::clone(this),
        })
    }

    /// A place for one request; `None` when the server speaks only HTTP/1.1.
    pub(crate) async fn seat(&self) -> Result<Option<Seat>, OpenFault> {
        loop {
            if self.only_http1.get() {
                return Ok(None);
            }
            if let Some(seat) = self.free_seat() {
                return Ok(Some(seat));
            }
            self.opening().await?;
        }
    }

    fn free_seat(&self) -> Option<Seat> {
        let mut lanes = self.open.borrow_mut();
        lanes.retain(|lane| lane.state.alive.get());
        // The first that has room, so that the last ones empty when watches end.
        let lane = lanes
            .iter()
            .find(|lane| lane.state.used.get() < lane.state.capacity.get())?;
        lane.state.used.set(lane.state.used.get() + 1);
        Some(Seat {
            send: lane.send.clone(),
            state: Rc::clone(&lane.state),
        })
    }

    /// The connection that is being opened, by this request if by no other.
    fn opening(&self) -> Opening {
        let mut current = self.opening.borrow_mut();
        if let Some(opening) = &*current {
            return opening.clone();
        }
        let earliest = self.failed.get().map(|at| at + BETWEEN_ATTEMPTS);
        let (this, dialer, within) = (
            Weak::clone(&self.this),
            self.dialer.clone(),
            self.connect_timeout,
        );
        // A task of its own: whoever asked first may go, and the others still wait for it.
        let task = actix_rt::spawn(async move {
            if let Some(earliest) = earliest {
                sleep_until(earliest).await;
            }
            let spare = Weak::clone(&this);
            let unused = move |state: &Rc<LaneState>| {
                if let Some(lanes) = spare.upgrade() {
                    lanes.close_spare(state);
                }
            };
            let opened = lane::open(&dialer, within, unused).await;
            let Some(lanes) = this.upgrade() else {
                return Ok(());
            };
            *lanes.opening.borrow_mut() = None;
            lanes.failed.set(opened.is_err().then(Instant::now));
            match opened? {
                Opened::Lane(lane) => lanes.open.borrow_mut().push(lane),
                Opened::OnlyHttp1 => {
                    tracing::debug!(
                        ?lanes,
                        "the server speaks no HTTP/2: each watch has its own connection"
                    );
                    lanes.only_http1.set(true);
                    (lanes.when_only_http1)();
                }
            }
            Ok(())
        });
        // It neither panics nor is aborted while somebody waits for it, short of the end of the thread.
        let opening = async move { task.await.unwrap_or(Err(OpenFault::Timeout)) };
        let opening = opening.boxed_local().shared();
        *current = Some(opening.clone());
        opening
    }

    /// Closes a connection that nobody uses now, when the others have room for what may come.
    fn close_spare(&self, left: &Rc<LaneState>) {
        let mut lanes = self.open.borrow_mut();
        let room: usize = lanes
            .iter()
            .filter(|lane| lane.state.alive.get() && !Rc::ptr_eq(&lane.state, left))
            .map(|lane| {
                lane.state
                    .capacity
                    .get()
                    .saturating_sub(lane.state.used.get())
            })
            .sum();
        if room > left.capacity.get() / 2 {
            lanes.retain(|lane| !Rc::ptr_eq(&lane.state, left));
        }
    }
}

impl Seat {
    /// How long its connection has been open.
    pub(super) fn age(&self) -> Duration {
        self.state.opened.elapsed()
    }

    /// Nothing more is sent on its connection.
    pub(super) fn give_up(&self) {
        self.state.alive.set(false);
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.state.used.set(self.state.used.get().saturating_sub(1));
    }
}

impl fmt::Debug for Lanes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lanes")
            .field("dialer", &self.dialer)
            .finish_non_exhaustive()
    }
}
