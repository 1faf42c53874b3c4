//! One watch's turn to ask.

use std::{
    future::poll_fn,
    pin::{Pin, pin},
    task::{Poll, Waker, ready},
};

use tokio::time::{Instant, sleep_until};

use super::{
    ReconnectGate,
    line::{Comer, Standing, Verdict},
};

/// A place in the line and then the right to ask, until it is dropped.
#[derive(Debug)]
pub(crate) struct Turn {
    guard: ReconnectGate,
    standing: Standing,
}

impl ReconnectGate {
    /// Waits until this watch may ask; `None` when nothing is wrong and it needs no turn. Each time it is
    /// known to last longer, `put_off` is told until when at least.
    pub(crate) async fn turn(
        &self,
        comer: Comer,
        mut put_off: impl FnMut(Instant),
    ) -> Option<Turn> {
        let standing = self.line().enter(comer)?;
        let turn = Turn {
            guard: self.clone(),
            standing,
        };
        let mut until = Instant::now();
        // Each looks at the clock by itself: nobody has to rely on another one's thread.
        let mut sleep = pin!(sleep_until(until));
        poll_fn(|task| {
            loop {
                match turn.look(task.waker()) {
                    Verdict::Ask => return Poll::Ready(()),
                    Verdict::Wait(at) => {
                        if at != until {
                            until = at;
                            put_off(at);
                            sleep.as_mut().reset(at);
                        }
                        ready!(Pin::new(&mut sleep).poll(task));
                    }
                }
            }
        })
        .await;
        Some(turn)
    }
}

impl Turn {
    pub(super) fn standing(&self) -> Standing {
        self.standing
    }

    fn look(&self, waker: &Waker) -> Verdict {
        let now = Instant::now();
        let (verdict, woken) = {
            let mut line = self.guard.line();
            let woken = line.advance(now);
            (line.look(self.standing, waker, now), woken)
        };
        wake(woken);
        verdict
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let now = Instant::now();
        let woken = {
            let mut line = self.guard.line();
            line.leave(self.standing, now);
            let mut woken = line.advance(now);
            // It may have been the one that was to ask next.
            woken.extend(line.informed());
            woken
        };
        wake(woken);
    }
}

pub(super) fn wake(wakers: impl IntoIterator<Item = Waker>) {
    wakers.into_iter().for_each(Waker::wake);
}
