//! [`ReloadSummary`]: the effects of a reload.

use std::path::PathBuf;

use crate::daemon::{config::watch_spec::WatchSpec, runtime::reload_diff::ReloadAction};

/// The most names of one log field.
const MAX_NAMES: usize = 10;

/// The longest name in a log field, in characters.
const MAX_LENGTH: usize = 60;

/// The effects of a [`Daemon::reload`](super::daemon::Daemon::reload): numbers of watches, and their labels.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct ReloadSummary {
    /// The number of watches that continue untouched, or were only started afresh.
    pub kept: usize,
    /// The number of watches that continue with other settings, or with a handler whose files have changed.
    pub changed: usize,
    /// The number of watches that are new.
    pub started: usize,
    /// The number of watches that were stopped.
    pub stopped: usize,
    /// The number of watches that stood still after a failure and were started afresh. Zero if `consul` is set: then all
    /// watches query anew.
    pub afresh: usize,
    /// Whether the configuration of the Consul client changed, or a file that it names.
    pub consul: bool,
    /// Whether the files list other roots than those in use. Roots are in use until the daemon restarts.
    pub roots: bool,
    /// The files of tokens, certificates and keys that were read again since their content has changed.
    pub read_again: Vec<PathBuf>,
    /// The labels of the watches that did not continue untouched.
    pub labels: ReloadLabels,
}

/// The labels of watches, by what a reload did to them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct ReloadLabels {
    /// Those that continue with other settings.
    pub changed: Vec<String>,
    /// The new ones.
    pub started: Vec<String>,
    /// Those that were stopped.
    pub stopped: Vec<String>,
    /// Those that stood still and were started afresh.
    pub afresh: Vec<String>,
}

impl ReloadSummary {
    /// Counts one action, on a running watch and the wanted one.
    pub(super) fn count(
        &mut self,
        action: ReloadAction,
        running: Option<&WatchSpec>,
        wanted: Option<&WatchSpec>,
    ) {
        let labels = &mut self.labels;
        let (number, labels) = match action {
            ReloadAction::Keep { .. } => {
                self.kept += 1;
                return;
            }
            ReloadAction::ReplaceHandler { .. } | ReloadAction::Resubscribe { .. } => {
                (&mut self.changed, &mut labels.changed)
            }
            ReloadAction::Start { .. } => (&mut self.started, &mut labels.started),
            ReloadAction::Stop { .. } => (&mut self.stopped, &mut labels.stopped),
        };
        *number += 1;
        labels.extend(wanted.or(running).map(|spec| spec.label.clone()));
        if let (Some(running), Some(wanted)) = (running, wanted) {
            self.read_again
                .extend(wanted.handler.file_with_other_content(&running.handler));
        }
    }

    /// Logs it, with some of the names.
    pub(crate) fn log(&self) {
        let files: Vec<_> = self
            .read_again
            .iter()
            .map(|file| file.display().to_string())
            .collect();
        tracing::info!(
            kept = self.kept,
            changed = self.changed,
            changed_watches = names(&self.labels.changed),
            started = self.started,
            started_watches = names(&self.labels.started),
            stopped = self.stopped,
            stopped_watches = names(&self.labels.stopped),
            afresh = self.afresh,
            afresh_watches = names(&self.labels.afresh),
            consul = self.consul,
            roots = self.roots,
            read_again = self.read_again.len(),
            read_again_files = names(&files),
            "configuration reloaded"
        );
    }
}

/// Returns the first names, cut; `None` if there are none.
fn names(all: &[String]) -> Option<String> {
    let mut names: Vec<String> = all.iter().take(MAX_NAMES).map(|name| cut(name)).collect();
    if all.len() > MAX_NAMES {
        names.push(format!("and {} more", all.len() - MAX_NAMES));
    }
    (!names.is_empty()).then(|| names.join(", "))
}

fn cut(name: &str) -> String {
    let mut cut: String = name
        .chars()
        .take(MAX_LENGTH)
        .flat_map(char::escape_debug)
        .collect();
    if name.chars().nth(MAX_LENGTH).is_some() {
        cut.push('…');
    }
    cut
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_bounded_and_stay_in_their_line() {
        assert_eq!(names(&[]), None);
        let all: Vec<_> = (0..500)
            .map(|at| format!("{at}\n{}", "x".repeat(500)))
            .collect();
        let shown = names(&all).unwrap();
        assert!(
            shown.ends_with("and 490 more") && !shown.contains('\n'),
            "{shown}"
        );
        assert!(shown.len() < 1000, "{shown}");
    }
}
