//! Predicates for [`Watch::only`](crate::Watch::only), which filters the changes that a subscriber receives.
//!
//! ```
//! use consul_watch::{Checks, KeyPrefix, Service, model::CheckStatus, watch::predicates};
//! # use actix::prelude::*;
//! # use consul_watch::{Changed, Watch};
//! # fn example(
//! #     keys: Recipient<Changed<KeyPrefix>>, web: Recipient<Changed<Service>>, checks: Recipient<Changed<Checks>>,
//! # ) {
//!
//! Watch::new(KeyPrefix::new("app"), keys).only(predicates::key_glob("app/*/port"));
//! Watch::new(Service::new("web"), web).only(predicates::tagged("canary"));
//! Watch::new(Checks::any(), checks).only(predicates::turned(CheckStatus::Critical));
//! # }
//! ```

use consul_watch_actors::Change;

use crate::{
    kv::KvPair,
    model::{CheckStatus, Health, ServiceEntry, Transitions},
    watch::glob,
};

/// Selects changes of keys that match a glob: `*` is any text without a slash, `**` between slashes any
/// number of folders, `?` one byte, `[a-z]` a range of ASCII, `{a,b}` alternatives, and `\` escapes the next
/// character. The glob has to match the full key, including the configuration's prefix. A malformed glob, and one whose
/// alternatives have more than 64 combinations, matches nothing.
pub fn key_glob(
    glob: impl Into<String>,
) -> impl Fn(&Change<KvPair>) -> bool + Send + Sync + 'static {
    let glob = Some(glob.into()).filter(|glob| glob::check(glob).is_ok());
    move |change| {
        let key = &change.item().key;
        glob.as_deref().is_some_and(|glob| glob::matches(glob, key))
    }
}

/// Selects changes of instances that have or had this tag, so that the loss of it is one of them.
pub fn tagged(
    tag: impl Into<String>,
) -> impl Fn(&Change<ServiceEntry>) -> bool + Send + Sync + 'static {
    let tag = tag.into();
    move |change| {
        [change.old(), change.new()]
            .into_iter()
            .flatten()
            .any(|entry| entry.service.tags.contains(&tag))
    }
}

/// Selects changes of the health of a check or an instance. Additions and removals are among them.
pub fn health_changed<T: Health>() -> impl Fn(&Change<T>) -> bool + Send + Sync + 'static {
    |change| change.transition().is_some()
}

/// Selects changes of a check or an instance to this health.
pub fn turned<T: Health>(to: CheckStatus) -> impl Fn(&Change<T>) -> bool + Send + Sync + 'static {
    move |change| {
        change
            .transition()
            .is_some_and(|step| step.to.as_ref() == Some(&to))
    }
}

/// Selects changes of a check or an instance from one health to another.
pub fn transition<T: Health>(
    from: CheckStatus,
    to: CheckStatus,
) -> impl Fn(&Change<T>) -> bool + Send + Sync + 'static {
    move |change| {
        let step = change.transition();
        step.is_some_and(|step| step.from.as_ref() == Some(&from) && step.to.as_ref() == Some(&to))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::model::HealthCheck;

    fn pair(key: &str) -> Change<KvPair> {
        let text = format!(r#"{{"Key":"{key}","Value":null,"CreateIndex":1,"ModifyIndex":1}}"#);
        Change::Added(Arc::new(serde_json::from_str(&text).unwrap()))
    }

    fn check(status: &str) -> Arc<HealthCheck> {
        let text = format!(r#"{{"Node":"n","CheckID":"c","Status":"{status}"}}"#);
        Arc::new(serde_json::from_str(&text).unwrap())
    }

    fn entry(tags: &[&str]) -> Arc<ServiceEntry> {
        let tags = serde_json::to_string(tags).unwrap();
        let text = format!(
            r#"{{"Node":{{"Node":"n"}},"Service":{{"ID":"a","Tags":{tags}}},"Checks":[]}}"#
        );
        Arc::new(serde_json::from_str(&text).unwrap())
    }

    #[test]
    fn keys_match_a_glob() {
        let matches = |glob: &str, key: &str| key_glob(glob)(&pair(key));
        assert!(matches("app/*/port", "app/web/port"));
        assert!(!matches("app/*/port", "app/web/eu/port"));
        assert!(matches("app/**/port", "app/web/eu/port"));
        assert!(matches("app/**/port", "app/port"));
        assert!(matches("app/{web,db}/p?rt", "app/db/port"));
        assert!(!matches("app", "app/web"));
        assert!(!matches("app/[", "app/["));
    }

    #[test]
    fn the_loss_of_the_tag_is_selected() {
        let wanted = tagged("v1");
        assert!(wanted(&Change::Added(entry(&["v1", "eu"]))));
        assert!(wanted(&Change::Updated {
            old: entry(&["v1"]),
            new: entry(&[])
        }));
        assert!(!wanted(&Change::Updated {
            old: entry(&["v10"]),
            new: entry(&[])
        }));
    }

    #[test]
    fn changes_of_health_are_selected_by_both_ends() {
        let worse = Change::Updated {
            old: check("passing"),
            new: check("critical"),
        };
        let added = Change::Added(check("critical"));
        let output = Change::Updated {
            old: check("critical"),
            new: check("critical"),
        };
        assert!(health_changed()(&worse) && health_changed()(&added) && !health_changed()(&output));
        let critical = turned(CheckStatus::Critical);
        assert!(critical(&worse) && critical(&added) && !critical(&output));
        assert!(!turned(CheckStatus::Passing)(&worse));
        let broke = transition(CheckStatus::Passing, CheckStatus::Critical);
        assert!(broke(&worse) && !broke(&added) && !broke(&output));
    }
}
