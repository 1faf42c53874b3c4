//! [`Streams`]: the streams of one connection that are in use, and those that were cut and that the server still counts.

use std::{
    cell::{Cell, RefCell},
    time::Duration,
};

use tokio::{sync::Notify, time::Instant};

/// The streams of a connection that are used: a little less than Consul's 250, since it notices the end of a
/// stream late; and never more than the server announces.
const MAX_STREAMS: usize = 240;

/// The time that a query takes to reach Consul, whose wait begins there.
const ON_THE_WAY: Duration = Duration::from_secs(1);

/// The end of a query at the server when its stream is cut.
///
/// Go's HTTP/2 server counts the running handlers of a connection, and queues further requests without a word
/// (since the remedy for CVE-2023-44487; in Consul since 1.14.11, 1.15.7 and 1.16.3). Most of Consul's handlers
/// do not notice that nobody waits for them any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AfterCut {
    /// It runs on until its wait is over.
    RunsOn,
    /// It ends at once.
    Ends,
    /// It ends at once where Consul answers it by its streaming backend.
    EndsIfStreaming,
}

/// The time for which the server counts the stream of a query.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Hold {
    pub(crate) since: Instant,
    /// The longest time that the server takes for the answer.
    pub(crate) time: Duration,
    pub(crate) after_cut: AfterCut,
}

/// The number of a request on its connection, in the order of sending.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(super) struct Ticket(u64);

/// The streams of one connection.
#[derive(Debug)]
pub(super) struct Streams {
    /// The number that the server accepts at once.
    announced: Cell<usize>,
    /// The number in use.
    used: Cell<usize>,
    /// The times until which the server counts streams that were cut.
    pending_release: RefCell<Vec<Instant>>,
    /// The last request, and the last one that is known to have been sent and not queued here.
    last: Cell<Ticket>,
    sent: Cell<Ticket>,
    /// Notified when the server accepts fewer streams than are used.
    lowered: Notify,
    /// Whether Consul has answered by its streaming backend here.
    streaming: Cell<bool>,
}

impl Streams {
    pub(super) fn new(announced: usize) -> Self {
        Self {
            announced: Cell::new(announced),
            used: Cell::new(0),
            pending_release: RefCell::default(),
            last: Cell::default(),
            sent: Cell::default(),
            lowered: Notify::new(),
            streaming: Cell::new(false),
        }
    }

    /// The number that may be used.
    pub(super) fn capacity(&self) -> usize {
        self.announced.get().min(MAX_STREAMS)
    }

    pub(super) fn used(&self) -> usize {
        self.used.get()
    }

    /// The number of further requests that the server would answer now.
    pub(super) fn free(&self) -> usize {
        let taken = self.used.get() + self.pending_release();
        self.capacity().saturating_sub(taken)
    }

    /// The number of streams that were cut and that the server still counts.
    fn pending_release(&self) -> usize {
        let now = Instant::now();
        let mut pending = self.pending_release.borrow_mut();
        pending.retain(|until| *until > now);
        pending.len()
    }

    /// Whether only streams that were cut are left, and so many that a new connection serves better: the server
    /// counts none of them once this one is closed.
    pub(super) fn is_worn_out(&self) -> bool {
        self.used.get() == 0 && self.pending_release() * 2 > self.capacity()
    }

    /// Takes a stream for one request, if there is one.
    pub(super) fn acquire(&self) -> Option<Ticket> {
        if self.free() == 0 {
            return None;
        }
        self.used.set(self.used.get() + 1);
        let ticket = Ticket(self.last.get().0 + 1);
        self.last.set(ticket);
        Some(ticket)
    }

    /// Releases a stream that is over.
    pub(super) fn release(&self) {
        self.used.set(self.used.get().saturating_sub(1));
    }

    /// Releases the stream of a query that is cut before its answer; returns whether it had its time, which
    /// means that the server does not answer here.
    pub(super) fn release_cut(&self, hold: &Hold) -> bool {
        self.release();
        let now = Instant::now();
        // A time without an end is cut for later, like every other.
        let until = hold.since.checked_add(hold.time);
        let overdue = until.is_some_and(|until| until <= now);
        let ends = match hold.after_cut {
            AfterCut::RunsOn => false,
            AfterCut::Ends => true,
            AfterCut::EndsIfStreaming => self.streaming.get(),
        };
        if !overdue && !ends {
            let until = until.and_then(|until| until.checked_add(ON_THE_WAY));
            let until = until.unwrap_or_else(|| now + Duration::from_secs(3600));
            self.pending_release.borrow_mut().push(until);
        }
        overdue
    }

    /// Learns whether Consul answers by its streaming backend.
    pub(super) fn learn_streaming(&self, streaming: bool) {
        self.streaming.set(streaming);
    }

    /// Follows the number that the server announces, after the connection has sent what it may.
    pub(super) fn announce(&self, announced: usize) {
        let before = self.announced.replace(announced);
        if self.used.get() <= announced {
            self.sent.set(self.last.get());
        } else if announced < before {
            self.lowered.notify_waiters();
        }
    }

    /// Resolves when the server has lowered its number so far that this request may be queued here unsent.
    pub(super) async fn queued(&self, ticket: Ticket) {
        loop {
            self.lowered.notified().await;
            if ticket > self.sent.get() {
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;
    use tokio::time::advance;

    use super::*;

    fn hold(after_cut: AfterCut) -> Hold {
        Hold {
            since: Instant::now(),
            time: Duration::from_secs(60),
            after_cut,
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_stream_that_was_cut_counts_until_the_wait_of_its_query_is_over() {
        let streams = Streams::new(2);
        let held = hold(AfterCut::RunsOn);
        for _ in 0..2 {
            streams.acquire().unwrap();
        }
        assert_eq!(streams.acquire(), None);
        advance(Duration::from_secs(30)).await;
        assert!(!streams.release_cut(&held));
        assert_eq!((streams.used(), streams.free()), (1, 0));
        streams.release();
        assert_eq!(streams.free(), 1, "an answered query counts no longer");
        advance(Duration::from_secs(30) + ON_THE_WAY).await;
        assert_eq!(streams.free(), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn a_handler_that_ends_with_its_stream_counts_no_longer() {
        let streams = Streams::new(1);
        for (after_cut, streaming, free) in [
            (AfterCut::Ends, false, 1),
            (AfterCut::EndsIfStreaming, true, 1),
            (AfterCut::EndsIfStreaming, false, 0),
        ] {
            streams.learn_streaming(streaming);
            streams.acquire().unwrap();
            streams.release_cut(&hold(after_cut));
            assert_eq!(streams.free(), free, "{after_cut:?} {streaming}");
        }
        assert!(streams.is_worn_out());
    }

    #[tokio::test(start_paused = true)]
    async fn a_query_that_had_its_time_shows_that_the_server_does_not_answer_here() {
        let streams = Streams::new(1);
        let held = hold(AfterCut::RunsOn);
        streams.acquire().unwrap();
        advance(Duration::from_secs(60)).await;
        assert!(streams.release_cut(&held));
    }

    #[tokio::test(start_paused = true)]
    async fn a_lowered_number_finds_the_requests_that_are_queued_here() {
        let streams = Streams::new(3);
        let first = streams.acquire().unwrap();
        streams.announce(3);
        let second = streams.acquire().unwrap();
        let mut waits = Box::pin(streams.queued(first));
        let mut moves = Box::pin(streams.queued(second));
        assert!(waits.as_mut().now_or_never().is_none());
        assert!(moves.as_mut().now_or_never().is_none());
        streams.announce(1);
        assert!(
            waits.as_mut().now_or_never().is_none(),
            "it was sent before"
        );
        assert!(moves.as_mut().now_or_never().is_some());
        assert_eq!(streams.acquire(), None);
    }

    #[tokio::test(start_paused = true)]
    async fn a_wait_without_an_end_is_counted() {
        let streams = Streams::new(1);
        streams.acquire().unwrap();
        let held = Hold {
            time: Duration::MAX,
            ..hold(AfterCut::RunsOn)
        };
        assert!(!streams.release_cut(&held));
        assert_eq!(streams.free(), 0);
    }
}
