//! [`Incidents`]: the failures that have not ended, by cause. They know no clock and do no I/O.

#[cfg(test)]
mod tests;

use std::{
    collections::{BTreeMap, HashSet},
    time::Duration,
};

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
    /// The begin of what was announced.
    since: Instant,
    /// The sources that fail.
    failing: BTreeMap<Source, Failing>,
    /// The watches that have failed, in the order of their failures. Before the announcement, some may be well again.
    paths: Vec<WatchPath>,
    error: String,
    output: String,
    is_announced: bool,
}

#[derive(Debug)]
struct Failing {
    path: Option<WatchPath>,
    since: Instant,
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
            #[cfg(feature = "cli")]
            Health::HealsAfter(time) => {
                for incident in &mut self.open {
                    if let Some(failing) = incident.failing.get_mut(&source) {
                        failing.heals_at = Some(now + time);
                    }
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

    /// Returns whether the number of failures of a watch may decide on an announcement.
    pub(super) fn awaits_attempts(&self) -> bool {
        let fails_as_watch = |incident: &Incident| incident.failing.keys().any(Source::is_watch);
        matches!(self.threshold, ErrorThreshold::Times(_))
            && self
                .open
                .iter()
                .any(|incident| !incident.is_announced && fails_as_watch(incident))
    }

    /// Takes the number of attempts of a watch that have failed in a row.
    pub(super) fn attempted(&mut self, path: &WatchPath, attempts: u32) {
        for (source, failing) in self.open.iter_mut().flat_map(|it| &mut it.failing) {
            if source.is_watch() && failing.path.as_ref() == Some(path) {
                failing.times = failing.times.max(attempts);
            }
        }
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
                (since, times) = (failing.since, failing.times);
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
            path: path.clone(),
            since,
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
            incident.since = incident.failing_since();
            incident.paths.clone_from(&announcement.paths);
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
        Some(self.failing_since() + wait.max(GATHER))
    }

    /// Returns since when that source fails that has failed for the longest time.
    fn failing_since(&self) -> Instant {
        let all = self.failing.values().map(|failing| failing.since);
        all.min().unwrap_or(self.since)
    }

    fn announcement(&self, recovered: bool, now: Instant) -> Announcement {
        let (mut since, mut paths) = (self.since, self.paths.clone());
        if !self.is_announced {
            // What was well again before has not failed for long.
            since = self.failing_since();
            let all = self.failing.values();
            let failing: HashSet<_> = all.filter_map(|failing| failing.path.as_ref()).collect();
            paths.retain(|path| failing.contains(path));
        }
        Announcement {
            cause: self.cause.clone(),
            recovered,
            error: self.error.clone(),
            output: self.output.clone(),
            paths,
            lasted: now.duration_since(since),
        }
    }
}
