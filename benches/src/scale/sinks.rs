//! Many actors that only count their messages.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use actix::{Actor, Addr, Arbiter, Context, Handler, Message};
use consul_watch_actors::Changed;
use tokio::sync::Notify;

use super::memory::{MemoryQuery, Number};
use crate::measure::monotonic_ns;

/// The number of messages outstanding in this round, and the time of the last one.
#[derive(Default)]
pub(super) struct Arrivals {
    left: AtomicUsize,
    last: AtomicU64,
    complete: Notify,
}

impl Arrivals {
    pub(super) fn expect(&self, count: usize) {
        self.left.store(count, Ordering::SeqCst);
    }

    /// Waits for all messages, and returns the time of the last one.
    pub(super) async fn all(&self) -> u64 {
        self.complete.notified().await;
        self.last.load(Ordering::SeqCst)
    }

    fn one(&self) {
        if self.left.fetch_sub(1, Ordering::SeqCst) == 1 {
            self.last.store(monotonic_ns(), Ordering::SeqCst);
            self.complete.notify_one();
        }
    }
}

/// The smallest message that carries the shared value.
#[derive(Clone, Message)]
#[rtype(result = "()")]
pub(super) struct Bare(pub(super) Arc<Number>);

pub(super) struct Sink {
    arrivals: Arc<Arrivals>,
    latest: u64,
}

impl Sink {
    /// Starts `count` actors, half of them on each of two arbiters.
    pub(super) fn start(count: usize, arrivals: &Arc<Arrivals>) -> Vec<Addr<Self>> {
        let arbiters = [Arbiter::new(), Arbiter::new()];
        let start = |n: usize| {
            let arrivals = Arc::clone(arrivals);
            Self::start_in_arbiter(&arbiters[n % 2].handle(), move |_| Self {
                arrivals,
                latest: 0,
            })
        };
        (0..count).map(start).collect()
    }

    fn take(&mut self, number: u64) {
        self.latest = self.latest.max(number);
        self.arrivals.one();
    }
}

impl Actor for Sink {
    type Context = Context<Self>;
}

impl Handler<Changed<MemoryQuery>> for Sink {
    type Result = ();

    fn handle(&mut self, changed: Changed<MemoryQuery>, _: &mut Context<Self>) {
        self.take(
            changed
                .current
                .as_ref()
                .as_ref()
                .map_or(0, |number| number.0),
        );
    }
}

impl Handler<Bare> for Sink {
    type Result = ();

    fn handle(&mut self, Bare(number): Bare, _: &mut Context<Self>) {
        self.take(number.0);
    }
}
