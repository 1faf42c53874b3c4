//! [`Incidents`]: the failures that have not ended, by cause. They know no clock and do no I/O.

use std::{collections::BTreeMap, time::Duration};

use consul_watch_actors::WatchPath;
use tokio::time::Instant;

use super::{
    health_report::{FailureReport, Health, HealthReport, Source},
    options::ErrorThreshold,
};

/// The time in which further watches join an incident before it is announced.
const GATHER: Duration = Duration::from_millis(500);

/// The failures that have not ended.
#[derive(Debug)]
pub(super) struct Incidents {
    threshold: ErrorThreshold,
    open: Vec<Incident>,
}

/// The failures of one cause.
#[derive(Debug)]
struct Incident {
    cause: String,
    since: Instant,
    /// The sources that fail.
    failing: BTreeMap<Source, Failing>,
    /// The watches that have failed, in the order of their failures.
    paths: Vec<WatchPath>,
    error: String,
    output: String,
    is_announced: bool,
}

#[derive(Debug)]
struct Failing {
    times: u32,
    is_final: bool,
    heals_at: Option<Instant>,
}

/// The news for the program.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Announcement {
    /// The cause of the incident, which identifies it.
    cause: String,
    pub(super) recovered: bool,
    pub(super) error: String,
    pub(super) output: String,
    pub(super) paths: Vec<WatchPath>,
    pub(super) lasted: Duration,
}

impl Incidents {
    pub(super) fn new(threshold: ErrorThreshold) -> Self {
        Self {
            threshold,
            open: Vec::new(),
        }
    }

    /// Takes a report.
    pub(super) fn report(&mut self, report: HealthReport, now: Instant) {
        let HealthReport {
            source,
            path,
            health,
        } = report;
        match health {
            Health::Failed(failure) => self.failed(source, path, failure, now),
            Health::Recovered => {
                for incident in &mut self.open {
                    incident.failing.remove(&source);
                }
            }
            Health::Gone => {
                for incident in &mut self.open {
                    let was_last =
                        incident.failing.remove(&source).is_some() && incident.failing.is_empty();
                    // What no longer exists has not recovered.
                    incident.is_announced &= !was_last;
                }
            }
        }
        self.drop_unannounced();
    }

    fn failed(
        &mut self,
        source: Source,
        path: Option<WatchPath>,
        failure: FailureReport,
        now: Instant,
    ) {
        // A source that fails in another way has not recovered, and fails since then.
        let (mut since, mut is_announced, mut times) = (now, false, 0);
        for other in self
            .open
            .iter_mut()
            .filter(|other| other.cause != failure.cause)
        {
            if let Some(failing) = other.failing.remove(&source) {
                (since, times) = (other.since, failing.times);
                is_announced = other.is_announced;
                other.is_announced &= !other.failing.is_empty();
            }
        }
        let at = self
            .open
            .iter()
            .position(|incident| incident.cause == failure.cause);
        let at = at.unwrap_or_else(|| {
            self.open.push(Incident {
                cause: failure.cause,
                since,
                failing: BTreeMap::new(),
                paths: Vec::new(),
                error: String::new(),
                output: String::new(),
                is_announced,
            });
            self.open.len() - 1
        });
        let incident = &mut self.open[at];
        let failing = incident.failing.entry(source).or_insert(Failing {
            times,
            is_final: false,
            heals_at: None,
        });
        failing.times = failing.times.saturating_add(1);
        failing.is_final |= failure.is_final;
        failing.heals_at = failure.heals_after.map(|after| now + after);
        (incident.error, incident.output) = (failure.error, failure.output);
        incident
            .paths
            .extend(path.filter(|path| !incident.paths.contains(path)));
    }

    /// Returns what is to be announced now, until [`announced`](Self::announced) is called with it.
    pub(super) fn due(&mut self, now: Instant) -> Option<Announcement> {
        for incident in &mut self.open {
            incident
                .failing
                .retain(|_, failing| failing.heals_at.is_none_or(|at| at > now));
        }
        self.drop_unannounced();
        if let Some(over) = self
            .open
            .iter()
            .find(|incident| incident.failing.is_empty())
        {
            return Some(over.announcement(true, now));
        }
        let threshold = self.threshold;
        let due = self.open.iter().find(|incident| {
            !incident.is_announced && incident.due_at(threshold).is_some_and(|at| at <= now)
        })?;
        Some(due.announcement(false, now))
    }

    /// Notes that the program has been started for this.
    pub(super) fn announced(&mut self, announcement: &Announcement) {
        let is_it = |incident: &Incident| incident.cause == announcement.cause;
        if announcement.recovered {
            self.open.retain(|incident| !is_it(incident));
        } else if let Some(incident) = self.open.iter_mut().find(|incident| is_it(incident)) {
            incident.is_announced = true;
        }
    }

    /// Returns the time at which there may be something to announce.
    pub(super) fn next_at(&self) -> Option<Instant> {
        let announced = self
            .open
            .iter()
            .filter(|incident| !incident.is_announced)
            .filter_map(|incident| incident.due_at(self.threshold));
        let healed = self
            .open
            .iter()
            .flat_map(|incident| incident.failing.values())
            .filter_map(|failing| failing.heals_at);
        announced.chain(healed).min()
    }

    /// Forgets what has ended before it was announced.
    fn drop_unannounced(&mut self) {
        self.open
            .retain(|incident| incident.is_announced || !incident.failing.is_empty());
    }
}

impl Incident {
    /// Returns the time of its announcement; `None` if that depends on further failures.
    fn due_at(&self, threshold: ErrorThreshold) -> Option<Instant> {
        let is_final = self.failing.values().any(|failing| failing.is_final);
        let wait = match threshold {
            ErrorThreshold::Lasting(time) if !is_final => time,
            ErrorThreshold::Times(times)
                if !is_final && self.failing.values().all(|failing| failing.times < times) =>
            {
                return None;
            }
            _ => Duration::ZERO,
        };
        Some(self.since + wait.max(GATHER))
    }

    fn announcement(&self, recovered: bool, now: Instant) -> Announcement {
        Announcement {
            cause: self.cause.clone(),
            recovered,
            error: self.error.clone(),
            output: self.output.clone(),
            paths: self.paths.clone(),
            lasted: now.duration_since(self.since),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn failed(name: &str, cause: &str) -> HealthReport {
        let failure = FailureReport {
            cause: cause.to_owned(),
            error: format!("{name} {cause}"),
            output: String::new(),
            is_final: false,
            heals_after: None,
        };
        HealthReport::test(name, Health::Failed(failure))
    }

    fn recovered(name: &str) -> HealthReport {
        HealthReport::test(name, Health::Recovered)
    }

    /// Announces what is due.
    fn announce(incidents: &mut Incidents, now: Instant) -> Option<Announcement> {
        incidents.due(now).inspect(|due| incidents.announced(due))
    }

    fn names(announcement: Option<Announcement>) -> Option<(bool, String)> {
        let announcement = announcement?;
        let names: Vec<_> = announcement.paths.iter().map(WatchPath::name).collect();
        Some((announcement.recovered, names.join(" ")))
    }

    #[test]
    fn one_cause_is_announced_once_and_its_recovery_once() {
        let (mut incidents, now) = (
            Incidents::new(ErrorThreshold::Lasting(10 * SECOND)),
            Instant::now(),
        );
        for name in ["a", "b", "c"] {
            incidents.report(failed(name, "gone"), now);
            incidents.report(failed(name, "gone"), now + SECOND);
        }
        assert_eq!(incidents.next_at(), Some(now + 10 * SECOND));
        assert_eq!(announce(&mut incidents, now + 9 * SECOND), None);
        let later = now + 10 * SECOND;
        assert_eq!(
            names(announce(&mut incidents, later)),
            Some((false, "a b c".to_owned()))
        );
        assert_eq!(
            (announce(&mut incidents, later), incidents.next_at()),
            (None, None)
        );
        incidents.report(failed("d", "gone"), later);
        incidents.report(recovered("a"), later);
        incidents.report(recovered("b"), later);
        incidents.report(recovered("c"), later);
        assert_eq!(announce(&mut incidents, later), None, "d fails");
        incidents.report(recovered("d"), later);
        assert_eq!(
            names(announce(&mut incidents, later)),
            Some((true, "a b c d".to_owned()))
        );
        assert_eq!(announce(&mut incidents, later), None);
    }

    #[test]
    fn a_hiccup_is_not_announced() {
        let (mut incidents, now) = (Incidents::new(ErrorThreshold::Times(3)), Instant::now());
        for _ in 0..5 {
            incidents.report(failed("a", "x"), now);
            incidents.report(failed("a", "x"), now);
            incidents.report(recovered("a"), now);
        }
        assert_eq!(
            (
                announce(&mut incidents, now + 100 * SECOND),
                incidents.next_at()
            ),
            (None, None)
        );
        for _ in 0..3 {
            incidents.report(failed("a", "x"), now);
        }
        assert_eq!(
            names(announce(&mut incidents, now + SECOND)),
            Some((false, "a".to_owned()))
        );
    }

    #[test]
    fn another_cause_goes_on_with_the_time_and_is_no_recovery() {
        let (mut incidents, now) = (
            Incidents::new(ErrorThreshold::Lasting(10 * SECOND)),
            Instant::now(),
        );
        incidents.report(failed("a", "one"), now);
        incidents.report(failed("a", "two"), now + 9 * SECOND);
        assert_eq!(
            names(announce(&mut incidents, now + 10 * SECOND)),
            Some((false, "a".to_owned()))
        );
        incidents.report(failed("a", "three"), now + 11 * SECOND);
        assert_eq!(announce(&mut incidents, now + 60 * SECOND), None);
        incidents.report(recovered("a"), now + 61 * SECOND);
        assert_eq!(
            names(announce(&mut incidents, now + 61 * SECOND)),
            Some((true, "a".to_owned()))
        );
    }

    #[test]
    fn what_is_given_up_is_announced_soon_and_what_is_gone_is_no_recovery() {
        let (mut incidents, now) = (Incidents::new(ErrorThreshold::Times(9)), Instant::now());
        let mut given_up = failed("a", "x");
        if let Health::Failed(failure) = &mut given_up.health {
            failure.is_final = true;
        }
        incidents.report(given_up, now);
        assert_eq!(announce(&mut incidents, now), None, "others may join");
        assert!(announce(&mut incidents, now + GATHER).is_some());
        incidents.report(HealthReport::test("a", Health::Gone), now + SECOND);
        assert_eq!(announce(&mut incidents, now + SECOND), None);
    }

    #[test]
    fn what_keeps_running_heals_by_time() {
        let (mut incidents, now) = (Incidents::new(ErrorThreshold::Times(1)), Instant::now());
        let mut crash = failed("a", "x");
        if let Health::Failed(failure) = &mut crash.health {
            failure.heals_after = Some(10 * SECOND);
        }
        incidents.report(crash.clone(), now);
        assert!(announce(&mut incidents, now + SECOND).is_some());
        incidents.report(crash, now + 9 * SECOND);
        assert_eq!(announce(&mut incidents, now + 11 * SECOND), None);
        assert_eq!(incidents.next_at(), Some(now + 19 * SECOND));
        assert_eq!(
            names(announce(&mut incidents, now + 19 * SECOND)),
            Some((true, "a".to_owned()))
        );
    }

    #[test]
    fn what_could_not_be_announced_is_due_until_its_incident_is_over() {
        let (mut incidents, now) = (Incidents::new(ErrorThreshold::Times(1)), Instant::now());
        incidents.report(failed("a", "x"), now);
        for _ in 0..2 {
            let due = incidents.due(now + SECOND);
            assert_eq!(names(due), Some((false, "a".to_owned())));
        }
        incidents.report(recovered("a"), now + SECOND);
        assert_eq!(incidents.due(now + SECOND), None, "nobody knows of it");
        incidents.report(failed("a", "x"), now);
        assert!(announce(&mut incidents, now + SECOND).is_some());
        incidents.report(recovered("a"), now + SECOND);
        for _ in 0..2 {
            let due = incidents.due(now + SECOND);
            assert_eq!(names(due), Some((true, "a".to_owned())));
        }
    }
}
