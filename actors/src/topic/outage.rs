//! The reports of a watch's failures. No clock, no I/O.
//!
//! A failure is an event and a log line when it begins and when its class changes. Within one class
//! another cause is one too, at a bounded rate. An outage that lasts is logged again at growing intervals.

use std::{collections::VecDeque, time::Duration};

use tokio::time::Instant;

/// The pause before another cause of the same class is reported; it doubles up to [`MAX_CAUSE_INTERVAL`].
const MIN_CAUSE_INTERVAL: Duration = Duration::from_secs(10);
const MAX_CAUSE_INTERVAL: Duration = Duration::from_secs(5 * 60);

/// The pause before a failure that lasts is logged again; it doubles up to [`MAX_LOG_INTERVAL`].
const MIN_LOG_INTERVAL: Duration = Duration::from_secs(60);
const MAX_LOG_INTERVAL: Duration = Duration::from_secs(60 * 60);

/// The number of causes that count as reported: the attempts of one outage may fail for several in turn.
const MAX_CAUSES: usize = 4;

/// Failures of one class that follow each other.
#[derive(Debug)]
pub(crate) struct Outage {
    since: Instant,
    causes: VecDeque<String>,
    reported: Instant,
    cause_interval: Duration,
    logged: Instant,
    log_interval: Duration,
}

/// The report of a state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Notice {
    /// Nothing.
    None,
    /// A log line: the outage lasts, and for this long.
    Log(Duration),
    /// A log line, and an event for observers.
    Event,
}

impl Outage {
    /// Begins an outage, whose first cause is reported.
    pub(crate) fn new(cause: String, now: Instant) -> Self {
        Self {
            since: now,
            causes: VecDeque::from([cause]),
            reported: now,
            cause_interval: MIN_CAUSE_INTERVAL,
            logged: now,
            log_interval: MIN_LOG_INTERVAL,
        }
    }

    /// Records that another attempt has failed.
    pub(crate) fn failed(&mut self, cause: String, now: Instant) -> Notice {
        if !self.causes.contains(&cause) && now >= self.reported + self.cause_interval {
            if self.causes.len() == MAX_CAUSES {
                self.causes.pop_front();
            }
            self.causes.push_back(cause);
            self.reported = now;
            self.cause_interval = (self.cause_interval * 2).min(MAX_CAUSE_INTERVAL);
            self.logged = now;
            return Notice::Event;
        }
        if now >= self.logged + self.log_interval {
            self.logged = now;
            self.log_interval = (self.log_interval * 2).min(MAX_LOG_INTERVAL);
            return Notice::Log(now - self.since);
        }
        Notice::None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    /// Fails each second, and returns the seconds at which it is logged and the number of events.
    fn after(seconds: u32, cause: impl Fn(u32) -> String) -> (Vec<u32>, usize) {
        let start = Instant::now();
        let mut outage = Outage::new(cause(0), start);
        let (mut logged, mut events) = (Vec::new(), 0);
        for second in 1..=seconds {
            match outage.failed(cause(second), start + SECOND * second) {
                Notice::None => {}
                Notice::Log(lasts) => {
                    assert_eq!(lasts, SECOND * second);
                    logged.push(second);
                }
                Notice::Event => events += 1,
            }
        }
        (logged, events)
    }

    #[test]
    fn a_long_outage_is_logged_at_growing_intervals() {
        let (logged, events) = after(24 * 3600, |_| "refused".to_owned());
        assert_eq!(logged[..4], [60, 180, 420, 900]);
        assert_eq!(logged.len(), 6 + 22, "hourly in the end: {logged:?}");
        assert_eq!(events, 0);
    }

    #[test]
    fn another_cause_is_an_event_and_one_that_was_reported_is_none() {
        let (_, events) = after(3600, |second| {
            match second {
                0..100 => "refused",
                100..200 => "reset",
                // Two servers that fail differently, in turn.
                _ if second % 2 == 0 => "refused",
                _ => "no leader",
            }
            .to_owned()
        });
        assert_eq!(events, 2);
    }

    #[test]
    fn causes_that_never_repeat_are_events_at_a_bounded_rate() {
        let (logged, events) = after(24 * 3600, |second| format!("port {second}"));
        assert!((280..=300).contains(&events), "{events} events");
        assert!(logged.len() < 30, "{logged:?}");
    }
}
