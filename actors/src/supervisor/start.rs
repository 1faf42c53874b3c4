//! The start of a supervisor.

use actix::{Actor, Addr, Arbiter, System};

use crate::{query::Source, supervisor::WatchSupervisor};

/// The reason for which a supervisor was not started.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// There is no actix system on this thread.
    #[error(
        "a `WatchSupervisor` needs an actix system, and none runs on this thread: start it within `#[actix::main]`, \
         `#[actix_web::main]` or `actix::System::new().block_on(…)` instead of `#[tokio::main]` or a thread of another kind"
    )]
    NoSystem,
}

impl<S: Source> WatchSupervisor<S> {
    /// Starts the supervisor on this thread's arbiter.
    ///
    /// # Panics
    ///
    /// Outside an actix system, with the text of [`StartError`]. See [`try_start`](Self::try_start).
    #[track_caller]
    pub fn start(self) -> Addr<Self> {
        match self.try_start() {
            Ok(address) => address,
            Err(error) => panic!("{error}"),
        }
    }

    /// Starts the supervisor on this thread's arbiter.
    ///
    /// # Errors
    ///
    /// [`StartError`] outside an actix system.
    pub fn try_start(self) -> Result<Addr<Self>, StartError> {
        if has_system() {
            Ok(Actor::start(self))
        } else {
            Err(StartError::NoSystem)
        }
    }
}

/// Returns whether an actor can be started here: an actix system runs on this thread, and is not only registered.
pub(super) fn has_system() -> bool {
    System::is_registered()
        && Arbiter::try_current().is_some()
        && tokio::runtime::Handle::try_current().is_ok()
}
