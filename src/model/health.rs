//! Changes of health.

use std::fmt;

use consul_watch_actors::Change;

use super::{
    check::{CheckStatus, HealthCheck},
    entry::ServiceEntry,
};

/// An item with a health: a check, or an instance with all of its checks.
pub trait Health {
    /// Returns the health.
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

/// A change from one health to another.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Transition {
    /// The health before; `None` if the item did not exist.
    pub from: Option<CheckStatus>,
    /// The health now; `None` if the item is gone.
    pub to: Option<CheckStatus>,
}

impl Transition {
    /// Returns whether the health of an item that existed before got worse, or the item is gone.
    pub fn is_worse(&self) -> bool {
        match (&self.from, &self.to) {
            (Some(from), Some(to)) => to.badness() > from.badness(),
            (Some(_), None) => true,
            (None, _) => false,
        }
    }
}

/// Displays `passing → critical`, with `absent` for `None`.
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

/// Extends a [`Change`] of a [`HealthCheck`] or a [`ServiceEntry`] with its change of health.
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
    /// Returns the change of health; `None` if only something else changed.
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
    fn a_transition_names_both_healths() {
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
