//! Places that are taken by queries that were cut.

use tokio::{
    runtime::Handle,
    time::{Instant, sleep_until},
};

use super::{ConnectionBudget, Place, Seat};

/// The seat of a query on its way. When that is cut its place stays taken until the server lets it go.
#[derive(Debug)]
pub(crate) struct Occupied {
    seat: Option<Seat>,
    kept: Option<(ConnectionBudget, Instant)>,
}

impl Occupied {
    /// `kept` is until when the server goes on with the query although nobody waits for it, if it does.
    pub(crate) fn new(seat: Option<Seat>, kept: Option<(ConnectionBudget, Instant)>) -> Self {
        Self { seat, kept }
    }

    /// The query has come to its end.
    pub(crate) fn finished(mut self) -> Option<Seat> {
        self.seat.take()
    }
}

impl Drop for Occupied {
    fn drop(&mut self) {
        if let (Some(Seat::Held(place)), Some((places, until))) =
            (self.seat.take(), self.kept.take())
        {
            places.keep(place, until);
        }
    }
}

impl ConnectionBudget {
    /// How many places are taken by queries that were cut, which the server goes on with.
    pub fn kept(&self) -> usize {
        let now = Instant::now();
        self.lock_kept()
            .iter()
            .filter(|(until, _)| *until > now)
            .count()
    }

    fn keep(&self, place: Place, until: Instant) {
        if until <= Instant::now() {
            return;
        }
        self.lock_kept().push((until, place));
        // Where there is nobody to look at the clock, whoever asks for a place does.
        if let Ok(runtime) = Handle::try_current() {
            let places = self.clone();
            runtime.spawn(async move {
                sleep_until(until).await;
                places.let_go();
            });
        }
    }

    /// Gives the places back that the server has let go by now.
    pub(super) fn let_go(&self) {
        let now = Instant::now();
        let gone: Vec<_> = self
            .lock_kept()
            .extract_if(.., |(until, _)| *until <= now)
            .collect();
        // Not under the lock, since it wakes those who wait for a place.
        drop(gone);
    }
}
