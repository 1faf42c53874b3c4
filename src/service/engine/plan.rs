//! From the watches that run to those that are wanted. No actors, no I/O.

use super::super::spec::WatchSpec;

/// What becomes of a watch; the numbers are its places among those that run and those that are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Step {
    /// It goes on untouched.
    Keep {
        old: usize,
        new: usize,
    },
    /// Its subscription goes on, with another handler.
    Swap {
        old: usize,
        new: usize,
    },
    /// It is subscribed anew, in another way, and goes on after what was handled.
    Replace {
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
pub(super) fn plan(old: &[&WatchSpec], new: &[WatchSpec]) -> Vec<Step> {
    let mut steps = Vec::new();
    let (mut old_left, mut new_left): (Vec<_>, Vec<_>) =
        ((0..old.len()).collect(), (0..new.len()).collect());
    // What is most alike is matched first, so that of twins none is taken for another without need.
    let mut pair = |alike: &dyn Fn(&WatchSpec, &WatchSpec) -> bool,
                    step: fn(usize, usize) -> Step| {
        new_left.retain(|&to| {
            let found = old_left.iter().position(|&from| alike(old[from], &new[to]));
            found
                .inspect(|&at| steps.push(step(old_left.remove(at), to)))
                .is_none()
        });
    };
    let label = |a: &WatchSpec, b: &WatchSpec| a.label == b.label;
    pair(&WatchSpec::is_same, |old, new| Step::Keep { old, new });
    pair(&|a, b| a.is_same_watch(b) && label(a, b), |old, new| {
        Step::Swap { old, new }
    });
    pair(&WatchSpec::is_same_watch, |old, new| Step::Swap {
        old,
        new,
    });
    pair(
        &|a, b| a.definition == b.definition && label(a, b),
        |old, new| Step::Replace { old, new },
    );
    pair(&|a, b| a.definition == b.definition, |old, new| {
        Step::Replace { old, new }
    });
    steps.extend(new_left.into_iter().map(|new| Step::Start { new }));
    steps.extend(old_left.into_iter().map(|old| Step::Stop { old }));
    steps
}

#[cfg(test)]
mod tests {
    use super::{super::super::ServiceConfig, *};
    use crate::ConsulConfig;

    fn specs(hcl: &str) -> Vec<WatchSpec> {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a.hcl");
        std::fs::write(&file, hcl).unwrap();
        ServiceConfig::load(&[file], &ConsulConfig::default())
            .unwrap()
            .watches
    }

    fn steps(old: &str, new: &str) -> Vec<Step> {
        let (old, new) = (specs(old), specs(new));
        plan(&old.iter().collect::<Vec<_>>(), &new)
    }

    fn key(key: &str, more: &str) -> String {
        format!("watches {{\n type = \"key\"\n key = \"{key}\"\n {more}\n}}\n")
    }

    #[test]
    fn the_same_in_another_order_and_place_is_kept() {
        let (a, b) = (key("a", "args = [\"x\"]"), key("b", "args = [\"x\"]"));
        assert_eq!(
            steps(&format!("{a}{b}"), &format!("# more lines\n{b}{a}")),
            [Step::Keep { old: 1, new: 0 }, Step::Keep { old: 0, new: 1 }]
        );
    }

    #[test]
    fn each_difference_has_its_step() {
        let old = key("a", "args = [\"x\"]");
        assert_eq!(
            steps(&old, &key("a", "args = [\"y\"]")),
            [Step::Swap { old: 0, new: 0 }]
        );
        assert_eq!(
            steps(&old, &key("a", "handler = \"x\"")),
            [Step::Swap { old: 0, new: 0 }]
        );
        assert_eq!(
            steps(&old, &key("a", "args = [\"x\"]\nquiet_period = \"1s\"")),
            [Step::Replace { old: 0, new: 0 }]
        );
        assert_eq!(
            steps(&old, &key("a", "args = [\"x\"]\ntoken = \"t\"")),
            [Step::Start { new: 0 }, Step::Stop { old: 0 }]
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
            steps(&old, &new),
            [
                Step::Keep { old: 0, new: 2 },
                Step::Swap { old: 1, new: 1 },
                Step::Start { new: 0 }
            ]
        );
    }
}
