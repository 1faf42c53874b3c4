//! Which state of a feed is sent when: one call at a time for each, and always the newest. No I/O.

use std::{any::TypeId, collections::HashMap};

use consul_watch_actors::{Backoff, SubscriptionId, WatchPath};
use tokio::time::Instant;

use super::call::Letter;
use crate::handlers::owed::Acknowledgement;

/// Which feed a state comes by: a newer state of it takes an older one's place.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Feed(
    pub(super) TypeId,
    pub(super) SubscriptionId,
    pub(super) WatchPath,
);

/// A state that is to be delivered.
#[derive(Debug)]
pub(super) struct Parcel {
    pub(super) letter: Letter,
    /// How often this very state was sent.
    pub(super) tries: u32,
    /// The pauses since the last success.
    pub(super) backoff: Option<Backoff>,
    /// Taken when its sender has been let go on.
    pub(super) acknowledgement: Option<Acknowledgement>,
}

/// The states of all feeds.
#[derive(Debug, Default)]
pub(super) struct Desk(HashMap<Feed, Tray>);

#[derive(Debug, Default)]
struct Tray {
    open: bool,
    waiting: Option<Parcel>,
    /// Not to be sent before this.
    not_before: Option<Instant>,
    /// The server itself has asked to wait until then, which holds for a newer state too.
    asked: bool,
}

/// When a failed call is repeated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Again {
    pub(super) at: Instant,
    pub(super) asked: bool,
}

impl Parcel {
    pub(super) fn acknowledge(&mut self) {
        if let Some(acknowledgement) = self.acknowledgement.take() {
            acknowledgement.give();
        }
    }
}

impl Desk {
    /// How many calls are open, and how many states wait.
    pub(super) fn counts(&self) -> (usize, usize) {
        let open = self.0.values().filter(|tray| tray.open).count();
        (
            open,
            self.0
                .values()
                .filter(|tray| tray.waiting.is_some())
                .count(),
        )
    }

    /// A new state: it takes the place of one that waits, and need not wait for that one's pause.
    pub(super) fn arrived(&mut self, feed: Feed, mut parcel: Parcel) {
        let tray = self.0.entry(feed).or_default();
        if let Some(mut older) = tray.waiting.take() {
            parcel.backoff = older.backoff.take();
            older.acknowledge();
        }
        if !tray.asked {
            tray.not_before = None;
        }
        tray.waiting = Some(parcel);
    }

    /// The next state that may be sent now, or else when to look again.
    pub(super) fn next(&mut self, now: Instant) -> Result<(Feed, Parcel), Option<Instant>> {
        let due = |tray: &Tray| tray.not_before.is_none_or(|at| at <= now);
        let ready = self
            .0
            .iter_mut()
            .find(|(_, tray)| !tray.open && tray.waiting.is_some() && due(tray));
        if let Some((feed, tray)) = ready
            && let Some(parcel) = tray.waiting.take()
        {
            (tray.open, tray.not_before, tray.asked) = (true, None, false);
            return Ok((feed.clone(), parcel));
        }
        let later = self
            .0
            .values()
            .filter(|tray| !tray.open && tray.waiting.is_some());
        Err(later.filter_map(|tray| tray.not_before).min())
    }

    /// A call has ended; its state is sent again if there is no newer one.
    pub(super) fn ended(&mut self, feed: &Feed, mut parcel: Parcel, again: Option<Again>) {
        parcel.acknowledge();
        let Some(tray) = self.0.get_mut(feed) else {
            return;
        };
        tray.open = false;
        match (&mut tray.waiting, again) {
            (Some(newer), again) => {
                newer.backoff = parcel.backoff.take().filter(|_| again.is_some());
                let asked = again.filter(|again| again.asked);
                (tray.not_before, tray.asked) = (asked.map(|again| again.at), asked.is_some());
            }
            (None, Some(again)) => {
                (tray.not_before, tray.asked) = (Some(again.at), again.asked);
                tray.waiting = Some(parcel);
            }
            (None, None) => {
                self.0.remove(feed);
            }
        }
    }

    /// Gives everything up that is not open.
    pub(super) fn clear(&mut self) {
        self.0.retain(|_, tray| {
            tray.waiting = None;
            tray.open
        });
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn feed(name: &str) -> Feed {
        Feed(
            TypeId::of::<()>(),
            SubscriptionId::default(),
            WatchPath::new("key", name),
        )
    }

    fn parcel(index: u64) -> Parcel {
        let letter = Letter {
            index,
            idempotency_key: String::new(),
            body: bytes::Bytes::new(),
        };
        Parcel {
            letter,
            tries: 0,
            backoff: None,
            acknowledgement: None,
        }
    }

    fn next(desk: &mut Desk, now: Instant) -> Result<u64, Option<Instant>> {
        desk.next(now).map(|(_, parcel)| parcel.letter.index)
    }

    #[test]
    fn one_call_at_a_time_for_each_feed_and_always_the_newest() {
        let (mut desk, now) = (Desk::default(), Instant::now());
        desk.arrived(feed("a"), parcel(1));
        assert_eq!(next(&mut desk, now), Ok(1));
        desk.arrived(feed("a"), parcel(2));
        desk.arrived(feed("a"), parcel(3));
        assert_eq!(next(&mut desk, now), Err(None), "one is open");
        desk.arrived(feed("b"), parcel(9));
        assert_eq!(next(&mut desk, now), Ok(9), "another feed does not wait");
        assert_eq!(desk.counts(), (2, 1));
        desk.ended(&feed("a"), parcel(1), None);
        assert_eq!(next(&mut desk, now), Ok(3));
        desk.ended(&feed("a"), parcel(3), None);
        desk.ended(&feed("b"), parcel(9), None);
        assert!(desk.0.is_empty());
    }

    #[test]
    fn a_failed_state_waits_and_a_newer_one_does_not_unless_the_server_has_asked() {
        let (mut desk, now) = (Desk::default(), Instant::now());
        let at = now + Duration::from_secs(9);
        desk.arrived(feed("a"), parcel(1));
        let (_, first) = desk.next(now).unwrap();
        desk.ended(&feed("a"), first, Some(Again { at, asked: false }));
        assert_eq!(next(&mut desk, now), Err(Some(at)));
        desk.arrived(feed("a"), parcel(2));
        let (_, second) = desk.next(now).unwrap();
        assert_eq!(second.letter.index, 2);

        desk.arrived(feed("a"), parcel(3));
        desk.ended(&feed("a"), second, Some(Again { at, asked: true }));
        assert_eq!(
            next(&mut desk, now),
            Err(Some(at)),
            "it asked to be left alone"
        );
        desk.arrived(feed("a"), parcel(4));
        assert_eq!(next(&mut desk, now), Err(Some(at)));
        assert_eq!(next(&mut desk, at), Ok(4));
    }

    #[test]
    fn what_waits_is_given_up_at_the_end() {
        let (mut desk, now) = (Desk::default(), Instant::now());
        desk.arrived(feed("a"), parcel(1));
        desk.arrived(feed("b"), parcel(1));
        desk.next(now).unwrap();
        desk.clear();
        assert_eq!(desk.counts(), (1, 0));
    }
}
