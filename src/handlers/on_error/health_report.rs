//! [`HealthReport`]: a failure or a recovery of a watch or of its handler.

use std::{error::Error, time::Duration};

use actix::Message;
use consul_watch_actors::{EventKind, FailureClass, WatchEvent, WatchPath, WatchState};

use crate::handlers::{process::Exit, run_stats::RunEnded, webhook::WebhookDelivered};

/// The time for which a program that is kept running must run before it counts as recovered.
const STABLE: Duration = Duration::from_secs(10);

/// A failure or a recovery.
#[derive(Debug, Clone, PartialEq, Message)]
#[rtype(result = "()")]
pub(crate) struct HealthReport {
    pub(super) source: Source,
    pub(super) path: Option<WatchPath>,
    pub(super) health: Health,
}

/// A watch, or its handler.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Source {
    /// Distinguishes those with the same path.
    owner: String,
    part: Part,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Part {
    Watch,
    Handler,
}

impl Source {
    pub(super) fn is_watch(&self) -> bool {
        self.part == Part::Watch
    }
}

/// The health of a source.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Health {
    Failed(FailureReport),
    Recovered,
    /// It counts as recovered after this time without another failure.
    #[cfg(feature = "cli")]
    HealsAfter(Duration),
    /// It no longer exists.
    Gone,
}

/// A failure.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct FailureReport {
    /// The same text for failures that are reported once.
    pub(super) cause: String,
    pub(super) error: String,
    pub(super) output: String,
    /// Whether nothing is tried again.
    pub(super) is_final: bool,
    /// The time without another failure after which it counts as recovered.
    pub(super) heals_after: Option<Duration>,
}

impl HealthReport {
    /// Reports the end of a run, of the handler `owner`.
    pub(crate) fn of_run(owner: Option<&str>, run: &RunEnded) -> Option<Self> {
        let health = match &run.exit {
            Exit::Stopped => return None,
            exit if exit.is_success() && !run.is_kept => Health::Recovered,
            exit => {
                let error = exit.to_string();
                Health::Failed(FailureReport {
                    // Programs that do not start often have one reason, whatever they are.
                    cause: match exit {
                        Exit::Failed(_) => error.clone(),
                        _ => format!("{} {error}", run.program),
                    },
                    error: format!("`{}` {error}", run.program),
                    output: run.output.to_string(),
                    is_final: run.retry_in.is_none(),
                    heals_after: run
                        .retry_in
                        .filter(|_| run.is_kept)
                        .map(|pause| pause + STABLE),
                })
            }
        };
        let path = run.path.clone();
        let unnamed = || {
            path.as_ref()
                .map_or_else(|| run.program.clone(), ToString::to_string)
        };
        Some(Self {
            source: Source {
                owner: owner.map_or_else(unnamed, str::to_owned),
                part: Part::Handler,
            },
            path,
            health,
        })
    }

    /// Reports the end of a call.
    pub(crate) fn of_call(owner: Option<&str>, call: &WebhookDelivered) -> Self {
        let health = match &call.outcome {
            Ok(_) => Health::Recovered,
            Err(error) => Health::Failed(FailureReport {
                cause: error.to_string(),
                error: with_causes(&**error),
                output: String::new(),
                is_final: call.retry_in.is_none(),
                heals_after: None,
            }),
        };
        Self::of(owner, &call.path, Part::Handler, health)
    }

    /// Reports an event of a watch, if it is a failure or a recovery.
    pub(crate) fn of_watch(owner: Option<&str>, event: &WatchEvent) -> Option<Self> {
        let path = &event.path;
        let health = match &event.kind {
            EventKind::State(WatchState::Live | WatchState::Polling { .. }) => Health::Recovered,
            EventKind::State(state) => {
                let error = state.error()?;
                let cause = match error.class() {
                    _ if error.is_outage() => "Consul does not answer".to_owned(),
                    class @ (FailureClass::Transient
                    | FailureClass::LimitSuspected
                    | FailureClass::Denied) => class.to_string(),
                    class => format!("{path}: {class}"),
                };
                Health::Failed(FailureReport {
                    cause,
                    error: error.to_string(),
                    output: String::new(),
                    is_final: matches!(state, WatchState::Stopped { .. }),
                    heals_after: None,
                })
            }
            EventKind::Rejected(error) => Health::Failed(FailureReport {
                cause: format!("{path}: {error}"),
                error: with_causes(&**error),
                output: String::new(),
                is_final: false,
                heals_after: None,
            }),
            EventKind::Ended => Health::Gone,
            _ => return None,
        };
        Some(Self::of(owner, path, Part::Watch, health))
    }

    /// Reports that a watch and its handler are not wanted any more, which ends what was announced of them.
    #[cfg(feature = "cli")]
    pub(crate) fn removed(owner: &str) -> [Self; 2] {
        [Part::Watch, Part::Handler].map(|part| Self::unnamed(owner, part, Health::Recovered))
    }

    /// Reports that a program that is kept running has replaced the handler. It reports no success.
    #[cfg(feature = "cli")]
    pub(crate) fn kept_from_now(owner: &str) -> Self {
        Self::unnamed(owner, Part::Handler, Health::HealsAfter(STABLE))
    }

    #[cfg(feature = "cli")]
    fn unnamed(owner: &str, part: Part, health: Health) -> Self {
        Self {
            source: Source {
                owner: owner.to_owned(),
                part,
            },
            path: None,
            health,
        }
    }

    fn of(owner: Option<&str>, path: &WatchPath, part: Part, health: Health) -> Self {
        Self {
            source: Source {
                owner: owner.map_or_else(|| path.to_string(), str::to_owned),
                part,
            },
            path: Some(path.clone()),
            health,
        }
    }

    /// Returns a report for tests.
    #[cfg(test)]
    pub(super) fn test(name: &str, health: Health) -> Self {
        Self::of(
            Some(name),
            &WatchPath::new("key", name),
            Part::Watch,
            health,
        )
    }
}

fn with_causes(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        text = format!("{text}: {cause}");
        next = cause.source();
    }
    text
}
