//! `cargo xtask nightly`: what takes longer than a change should wait for.

use crate::{repeat, soak, storm, torture};

/// Runs every campaign to its end, and reports all that failed.
pub(crate) fn run() -> Result<(), String> {
    let owned = |args: &[&str]| args.iter().map(ToString::to_string).collect::<Vec<_>>();
    let campaigns: [(&str, Result<(), String>); 5] = [
        ("repeat", repeat::run(&owned(&["--times", "10", "--load"]))),
        ("storm restores", storm::run(&owned(&["restores"]))),
        ("storm policies", storm::run(&owned(&["policies"]))),
        ("torture", torture::run(&owned(&["--minutes", "5"]))),
        ("soak", soak::run()),
    ];
    let failed: Vec<String> = campaigns
        .into_iter()
        .filter_map(|(name, outcome)| Some(format!("{name}: {}", outcome.err()?)))
        .collect();
    if failed.is_empty() {
        Ok(())
    } else {
        Err(failed.join("\n"))
    }
}
