//! From the watches that run to those that are wanted. No actors, no I/O.

use crate::daemon::config::watch_spec::WatchSpec;

/// What becomes of a watch; the numbers are its places among those that run and those that are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum ReloadAction {
    /// It goes on untouched.
    Keep {
        old: usize,
        new: usize,
    },
    /// Its subscription goes on, with another handler.
    ReplaceHandler {
        old: usize,
        new: usize,
    },
    /// It is subscribed anew, in another way, and goes on after what was handled.
    Resubscribe {
        old: usize,
        new: usize,
    },
    Start {
        new: usize,
    },
    Stop {
        old: usize,
    },
}

/// The steps from the old watches to the new ones; every watch is in one of them.
pub(super) fn reload_actions(old: &[&WatchSpec], new: &[WatchSpec]) -> Vec<ReloadAction> {
    let mut actions = Vec::new();
    let (mut old_left, mut new_left): (Vec<_>, Vec<_>) =
        ((0..old.len()).collect(), (0..new.len()).collect());
    // What is most alike is matched first, so that of twins none is taken for another without need.
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
    fn the_same_in_another_order_and_place_is_kept() {
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
    fn each_difference_has_its_step() {
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
    fn of_twins_the_likest_are_matched() {
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
