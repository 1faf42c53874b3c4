//! Computes the actions of a reload from the running and the wanted watches. No actors, no I/O.

use crate::daemon::config::watch_spec::WatchSpec;

/// The action of a reload on one watch. `old` is its index among the running watches, `new` among the wanted ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum ReloadAction {
    /// The watch continues untouched.
    Keep { old: usize, new: usize },
    /// The subscription continues with another handler.
    ReplaceHandler { old: usize, new: usize },
    /// The watch is subscribed again with other options, and resumes after the last handled state.
    Resubscribe { old: usize, new: usize },
    /// The watch is new.
    Start { new: usize },
    /// The watch is no longer wanted.
    Stop { old: usize },
}

/// Returns one action for each watch, running or wanted.
pub(super) fn reload_actions(old: &[&WatchSpec], new: &[WatchSpec]) -> Vec<ReloadAction> {
    let mut actions = Vec::new();
    let (mut old_left, mut new_left): (Vec<_>, Vec<_>) =
        ((0..old.len()).collect(), (0..new.len()).collect());
    // Exact matches first, so identical watches keep their state.
    let mut match_specs = |is_match: &dyn Fn(&WatchSpec, &WatchSpec) -> bool,
                           action: fn(usize, usize) -> ReloadAction| {
        new_left.retain(|&to| {
            let found = old_left
                .iter()
                .position(|&from| is_match(old[from], &new[to]));
            found
                .inspect(|&at| actions.push(action(old_left.remove(at), to)))
                .is_none()
        });
    };
    let label = |a: &WatchSpec, b: &WatchSpec| a.label == b.label;
    match_specs(&WatchSpec::is_same, |old, new| ReloadAction::Keep {
        old,
        new,
    });
    match_specs(&|a, b| a.is_same_watch(b) && label(a, b), |old, new| {
        ReloadAction::ReplaceHandler { old, new }
    });
    match_specs(&WatchSpec::is_same_watch, |old, new| {
        ReloadAction::ReplaceHandler { old, new }
    });
    match_specs(
        &|a, b| a.definition == b.definition && label(a, b),
        |old, new| ReloadAction::Resubscribe { old, new },
    );
    match_specs(&|a, b| a.definition == b.definition, |old, new| {
        ReloadAction::Resubscribe { old, new }
    });
    actions.extend(new_left.into_iter().map(|new| ReloadAction::Start { new }));
    actions.extend(old_left.into_iter().map(|old| ReloadAction::Stop { old }));
    actions
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{client::ConsulConfig, daemon::config::daemon_config::DaemonConfig};

    fn specs(hcl: &str) -> Vec<WatchSpec> {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a.hcl");
        std::fs::write(&file, hcl).unwrap();
        DaemonConfig::load(&[file], &ConsulConfig::default())
            .unwrap()
            .watches
    }

    fn actions(old: &str, new: &str) -> Vec<ReloadAction> {
        let (old, new) = (specs(old), specs(new));
        reload_actions(&old.iter().collect::<Vec<_>>(), &new)
    }

    fn key(key: &str, more: &str) -> String {
        format!("watches {{\n type = \"key\"\n key = \"{key}\"\n {more}\n}}\n")
    }

    #[test]
    fn order_and_location_do_not_matter() {
        let (a, b) = (key("a", "args = [\"x\"]"), key("b", "args = [\"x\"]"));
        assert_eq!(
            actions(&format!("{a}{b}"), &format!("# more lines\n{b}{a}")),
            [
                ReloadAction::Keep { old: 1, new: 0 },
                ReloadAction::Keep { old: 0, new: 1 }
            ]
        );
    }

    #[test]
    fn each_difference_has_its_action() {
        let old = key("a", "args = [\"x\"]");
        assert_eq!(
            actions(&old, &key("a", "args = [\"y\"]")),
            [ReloadAction::ReplaceHandler { old: 0, new: 0 }]
        );
        assert_eq!(
            actions(&old, &key("a", "handler = \"x\"")),
            [ReloadAction::ReplaceHandler { old: 0, new: 0 }]
        );
        assert_eq!(
            actions(&old, &key("a", "args = [\"x\"]\nquiet_period = \"1s\"")),
            [ReloadAction::Resubscribe { old: 0, new: 0 }]
        );
        assert_eq!(
            actions(&old, &key("a", "args = [\"x\"]\ntoken = \"t\"")),
            [
                ReloadAction::Start { new: 0 },
                ReloadAction::Stop { old: 0 }
            ]
        );
    }

    #[test]
    fn the_most_similar_of_equal_watches_are_matched() {
        let twin = |label: &str, program: &str| {
            key("a", &format!("label = \"{label}\"\nargs = [\"{program}\"]"))
        };
        let old = format!("{}{}", twin("one", "x"), twin("two", "x"));
        let new = format!(
            "{}{}{}",
            twin("three", "x"),
            twin("two", "y"),
            twin("one", "x")
        );
        assert_eq!(
            actions(&old, &new),
            [
                ReloadAction::Keep { old: 0, new: 2 },
                ReloadAction::ReplaceHandler { old: 1, new: 1 },
                ReloadAction::Start { new: 0 }
            ]
        );
    }
}
