//! How something's health changed.

use std::fmt;

use consul_watch_actors::Change;

use super::{
    check::{CheckStatus, HealthCheck},
    entry::ServiceEntry,
};

/// What has a health: a check, or an instance with all of its checks.
pub trait Health {
    /// How it is doing.
    fn health(&self) -> CheckStatus;
}

impl Health for HealthCheck {
    fn health(&self) -> CheckStatus {
        Self::health(self)
    }
}

impl Health for ServiceEntry {
    fn health(&self) -> CheckStatus {
        Self::health(self)
    }
}

/// The step from one health to another.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Transition {
    /// How it was doing; `None` when it was not there.
    pub from: Option<CheckStatus>,
    /// How it is doing; `None` when it is gone.
    pub to: Option<CheckStatus>,
}

impl Transition {
    /// Whether it got worse, as seen from what was there before: it is doing worse, or it is gone.
    pub fn is_worse(&self) -> bool {
        match (&self.from, &self.to) {
            (Some(from), Some(to)) => to.badness() > from.badness(),
            (Some(_), None) => true,
            (None, _) => false,
        }
    }
}

/// Prints as `passing → critical`, with `absent` for what is not there.
impl fmt::Display for Transition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = |status: &Option<CheckStatus>| {
            status
                .as_ref()
                .map_or("absent".to_owned(), ToString::to_string)
        };
        write!(f, "{} → {}", name(&self.from), name(&self.to))
    }
}

/// Tells how health changed, for each [`Change`] of a [`HealthCheck`] or a [`ServiceEntry`].
///
/// ```
/// use consul_watch::{Change, model::{HealthCheck, Transitions}};
///
/// fn tell(change: &Change<HealthCheck>) {
///     if let Some(transition) = change.transition() {
///         println!("{}: {transition}", change.item().check_id);
///     }
/// }
/// ```
pub trait Transitions {
    /// From which health to which; `None` when it is the same and something else changed.
    fn transition(&self) -> Option<Transition>;
}

impl<T: Health> Transitions for Change<T> {
    fn transition(&self) -> Option<Transition> {
        let from = self.old().map(|old| old.health());
        let to = self.new().map(|new| new.health());
        (from != to).then_some(Transition { from, to })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    fn check(status: &str) -> Arc<HealthCheck> {
        let text = format!(r#"{{"Node":"n","CheckID":"c","Status":"{status}"}}"#);
        Arc::new(serde_json::from_str(&text).unwrap())
    }

    fn shown(change: &Change<HealthCheck>) -> Option<String> {
        change.transition().map(|transition| transition.to_string())
    }

    #[test]
    fn a_transition_is_from_one_health_to_another() {
        let (good, bad) = (check("passing"), check("critical"));
        let worse = Change::Updated {
            old: Arc::clone(&good),
            new: Arc::clone(&bad),
        };
        assert_eq!(shown(&worse).as_deref(), Some("passing → critical"));
        assert!(worse.transition().unwrap().is_worse());
        assert_eq!(
            shown(&Change::Updated {
                old: Arc::clone(&good),
                new: check("passing")
            }),
            None
        );
        assert_eq!(
            shown(&Change::Added(bad)).as_deref(),
            Some("absent → critical")
        );
        assert_eq!(
            shown(&Change::Removed(good)).as_deref(),
            Some("passing → absent")
        );
    }
}
