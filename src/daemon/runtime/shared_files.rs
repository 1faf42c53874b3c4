//! The order of a reload's changes by the checkpoint files that they share. No actors, no I/O.

use std::{collections::HashMap, path::PathBuf};

/// The checkpoint file of a watch that ends, and that of the watch that starts in its place.
pub(super) type ChangedFiles = (Option<PathBuf>, Option<PathBuf>);

/// Returns, for each change, whether a file of it passes from the watch of one change to that of another. All of the
/// old watches must then have ended before any of the new ones starts.
pub(super) fn passing_on(changes: &[ChangedFiles]) -> Vec<bool> {
    let ended: HashMap<_, _> = changes
        .iter()
        .enumerate()
        .filter_map(|(at, (old, _))| Some((old.as_ref()?, at)))
        .collect();
    let mut passes = vec![false; changes.len()];
    for (at, (_, new)) in changes.iter().enumerate() {
        let from = new.as_ref().and_then(|file| ended.get(file));
        if let Some(&from) = from.filter(|&&from| from != at) {
            (passes[from], passes[at]) = (true, true);
        }
    }
    passes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn passes(changes: &[(&str, &str)]) -> Vec<bool> {
        let file = |name: &str| (!name.is_empty()).then(|| PathBuf::from(name));
        let changes: Vec<_> = changes
            .iter()
            .map(|(old, new)| (file(old), file(new)))
            .collect();
        passing_on(&changes)
    }

    #[test]
    fn a_file_passes_from_one_watch_to_another() {
        let exchanged = [("a", "b"), ("b", "a"), ("c", "c"), ("", "")];
        assert_eq!(passes(&exchanged), [true, true, false, false]);
        let taken_over = [("", "a"), ("a", ""), ("b", "c"), ("", "d")];
        assert_eq!(passes(&taken_over), [true, true, false, false]);
    }
}
