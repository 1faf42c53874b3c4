//! The permit of one watch to reconnect, and the wait for it.

use std::{
    future::poll_fn,
    pin::{Pin, pin},
    task::{Poll, Waker, ready},
};

use tokio::time::{Instant, sleep_until};

use super::{
    ReconnectGate,
    queue::{Admission, Candidate, Ticket},
};

/// A ticket in the queue, and once admitted the permit to query, until it is dropped.
#[derive(Debug)]
pub(crate) struct Permit {
    gate: ReconnectGate,
    ticket: Ticket,
}

impl ReconnectGate {
    /// Waits until this watch may query; `None` when nothing is wrong and it needs no permit. Calls
    /// `on_postponed` with the earliest time whenever that changes.
    pub(crate) async fn acquire(
        &self,
        candidate: Candidate,
        mut on_postponed: impl FnMut(Instant),
    ) -> Option<Permit> {
        let ticket = self.queue().enqueue(candidate)?;
        let permit = Permit {
            gate: self.clone(),
            ticket,
        };
        let mut until = Instant::now();
        // Each watch has its own timer: it depends on no other watch's thread.
        let mut sleep = pin!(sleep_until(until));
        poll_fn(|task| {
            loop {
                match permit.poll_admission(task.waker()) {
                    Admission::Admitted => return Poll::Ready(()),
                    Admission::Pending(at) => {
                        if at != until {
                            until = at;
                            on_postponed(at);
                            sleep.as_mut().reset(at);
                        }
                        ready!(Pin::new(&mut sleep).poll(task));
                    }
                }
            }
        })
        .await;
        Some(permit)
    }
}

impl Permit {
    pub(super) fn ticket(&self) -> Ticket {
        self.ticket
    }

    fn poll_admission(&self, waker: &Waker) -> Admission {
        let now = Instant::now();
        let (admission, admitted) = {
            let mut queue = self.gate.queue();
            let admitted = queue.advance(now);
            (queue.poll_admission(self.ticket, waker, now), admitted)
        };
        wake(admitted);
        admission
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let now = Instant::now();
        let woken = {
            let mut queue = self.gate.queue();
            queue.dequeue(self.ticket, now);
            let mut woken = queue.advance(now);
            // It may have been the next to probe.
            woken.extend(queue.next_waker());
            woken
        };
        wake(woken);
    }
}

pub(super) fn wake(wakers: impl IntoIterator<Item = Waker>) {
    wakers.into_iter().for_each(Waker::wake);
}
