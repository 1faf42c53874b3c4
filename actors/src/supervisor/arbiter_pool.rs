//! The threads that watchers run on.

use actix::{Arbiter, ArbiterHandle};

/// Arbiters of the supervisor's own, used in turn; none means the one it runs on itself.
#[derive(Debug, Default)]
pub(crate) struct ArbiterPool {
    own: Vec<Arbiter>,
    next: usize,
}

impl ArbiterPool {
    pub(crate) fn start(count: usize) -> Self {
        Self {
            own: (0..count).map(|_| Arbiter::new()).collect(),
            next: 0,
        }
    }

    pub(crate) fn next(&mut self) -> ArbiterHandle {
        if self.own.is_empty() {
            return Arbiter::current();
        }
        self.next = (self.next + 1) % self.own.len();
        self.own[self.next].handle()
    }
}

impl Drop for ArbiterPool {
    fn drop(&mut self) {
        for arbiter in &self.own {
            arbiter.stop();
        }
    }
}
