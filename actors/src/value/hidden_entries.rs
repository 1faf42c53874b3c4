//! The entries of a watched value that its source no longer shows.

use std::{borrow::Cow, fmt, time::SystemTime};

/// The longest name of an entry, in characters.
const MAX_NAME: usize = 200;

/// The entries of a watched value that its source no longer shows, though they may exist
/// ([`Item::hidden_since`](crate::Item::hidden_since)). Their last good values stay.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct HiddenEntries {
    /// The number of them.
    pub count: usize,
    /// The names of the first [`MAX_NAMES`](Self::MAX_NAMES) of them, in the order of the value. A name is cut after
    /// 200 characters.
    pub names: Vec<String>,
    /// The time since which one of them has been hidden for longest.
    pub since: SystemTime,
}

impl HiddenEntries {
    /// The largest number of names.
    pub const MAX_NAMES: usize = 10;

    /// Returns these entries, each by its name and the time since which it is hidden; `None` if there are none.
    pub fn of<'a>(entries: impl IntoIterator<Item = (Cow<'a, str>, SystemTime)>) -> Option<Self> {
        let mut entries = entries.into_iter();
        let (first, since) = entries.next()?;
        let mut found = Self {
            count: 1,
            names: vec![short(&first)],
            since,
        };
        for (name, since) in entries {
            found.count += 1;
            found.since = found.since.min(since);
            if found.names.len() < Self::MAX_NAMES {
                found.names.push(short(&name));
            }
        }
        Some(found)
    }
}

fn short(name: &str) -> String {
    name.chars().take(MAX_NAME).collect()
}

/// Displays the number, the names and the time since then: `2 entries are hidden for 30 s (app/a, app/b)`.
impl fmt::Display for HiddenEntries {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let noun = if self.count == 1 {
            "entry is"
        } else {
            "entries are"
        };
        let seconds = self.since.elapsed().unwrap_or_default().as_secs();
        let more = if self.count > self.names.len() {
            ", …"
        } else {
            ""
        };
        write!(
            f,
            "{} {noun} hidden for {seconds} s ({}{more})",
            self.count,
            self.names.join(", ")
        )
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_few_are_named_and_all_are_counted() {
        let now = SystemTime::now();
        let ago = |seconds| now - Duration::from_secs(seconds);
        assert_eq!(HiddenEntries::of([]), None);
        let two = [("a".into(), ago(5)), ("c".into(), ago(60))];
        let found = HiddenEntries::of(two).unwrap();
        assert_eq!(
            (found.count, &*found.names),
            (2, &["a".to_owned(), "c".to_owned()][..])
        );
        assert_eq!(found.since, ago(60));
        let text = found.to_string();
        assert!(
            text.starts_with("2 entries are hidden for 6") && text.ends_with(" s (a, c)"),
            "{text}"
        );
        let many = (0..30).map(|_| ("ü".repeat(300).into(), ago(0)));
        let found = HiddenEntries::of(many).unwrap();
        assert_eq!(
            (found.count, found.names.len()),
            (30, HiddenEntries::MAX_NAMES)
        );
        assert_eq!(found.names[0].chars().count(), MAX_NAME);
        assert!(found.to_string().ends_with(", …)"));
    }
}
