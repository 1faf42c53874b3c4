//! Options with an empty text, as of a variable of the shell that is not set.

use super::arguments::WatchArguments;

/// An option that restricts the watch, and whose text is empty.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`--{option}` has an empty text, perhaps of a variable that is not set, and without it the watch would have \
     {more}: give {what}, or leave the option out"
)]
pub(super) struct WiderWatch {
    option: String,
    more: &'static str,
    what: &'static str,
}

/// Refuses an option that would restrict the watch if its text were not empty. The others are ignored, as by
/// `consul watch`.
pub(super) fn refuse_wider(empty: &[String], watch: &WatchArguments) -> Result<(), WiderWatch> {
    let kind = watch.kind.as_deref().unwrap_or_default();
    for option in empty {
        let found = match (&**option, kind) {
            ("key", "key") => Some(("no key", "the name of a key")),
            ("prefix", "keyprefix") => Some(("every key", "a prefix (`/` is every key)")),
            ("service", "service" | "connect_leaf") => Some(("no service", "a service")),
            ("service-id", "agent_service") => Some(("no service", "the ID of a service")),
            ("service", "checks") if watch.state.is_none() => {
                Some(("the checks of every service", "a service"))
            }
            ("state", "checks") if watch.service.is_none() => {
                Some(("checks in every state", "a state (`any` is every state)"))
            }
            ("tag", "service") => Some(("instances without the tag", "a tag")),
            ("passingonly", "service") => {
                Some(("instances whose checks fail", "`true` or `false`"))
            }
            ("name", "event") => Some(("every event", "the name of an event")),
            ("filter", "services" | "nodes" | "service" | "checks") => {
                Some(("every entry", "a filter"))
            }
            _ => None,
        };
        if let Some((more, what)) = found {
            return Err(WiderWatch {
                option: option.clone(),
                more,
                what,
            });
        }
    }
    Ok(())
}

/// Logs the options that were given and do not count.
pub(super) fn warn_of_ignored(empty: &[String], replaced: &[String]) {
    for option in empty {
        let name = format!("--{option}");
        if replaced.contains(option) {
            tracing::warn!(
                option = name,
                "option ignored, also where it was given before: the last one counts, and its text is empty, perhaps \
                 that of a variable that is not set"
            );
        } else {
            tracing::warn!(
                option = name,
                "option ignored: its text is empty, perhaps that of a variable that is not set"
            );
        }
    }
    for option in replaced.iter().filter(|option| !empty.contains(option)) {
        tracing::warn!(
            option = format!("--{option}"),
            "option given more than once: the last one counts"
        );
    }
}
