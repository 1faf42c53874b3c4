//! The entries of a watched value that its source no longer shows.

use std::{fmt, sync::Arc, time::SystemTime};

use crate::value::snapshot::Item;

/// The longest name of an entry, in characters.
const MAX_NAME: usize = 200;

/// The entries of a watched value that its source no longer shows, though they may exist
/// ([`Item::hidden_since`]). Their last good values stay.
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

    /// Returns the hidden ones among these entries; `None` if the source shows all of them.
    pub fn among<I: Item>(items: &[Arc<I>]) -> Option<Self> {
        let mut hidden = items
            .iter()
            .filter_map(|item| item.hidden_since().map(|since| (item, since)));
        let (first, since) = hidden.next()?;
        let mut found = Self {
            count: 1,
            names: vec![short(&first.name())],
            since,
        };
        for (item, since) in hidden {
            found.count += 1;
            found.since = found.since.min(since);
            if found.names.len() < Self::MAX_NAMES {
                found.names.push(short(&item.name()));
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
    use std::{borrow::Cow, time::Duration};

    use super::*;

    #[derive(Debug)]
    struct Named(String, Option<SystemTime>);

    impl Item for Named {
        type Id<'a> = &'a str;

        fn id(&self) -> &str {
            &self.0
        }

        fn content_eq(&self, other: &Self) -> bool {
            self.0 == other.0
        }

        fn hidden_since(&self) -> Option<SystemTime> {
            self.1
        }

        fn name(&self) -> Cow<'_, str> {
            (&*self.0).into()
        }
    }

    #[test]
    fn a_few_are_named_and_all_are_counted() {
        let now = SystemTime::now();
        let ago = |seconds| Some(now - Duration::from_secs(seconds));
        let named = |name: &str, since| Arc::new(Named(name.to_owned(), since));
        assert_eq!(HiddenEntries::among(&[named("a", None)]), None);
        let two = [named("a", ago(5)), named("b", None), named("c", ago(60))];
        let found = HiddenEntries::among(&two).unwrap();
        assert_eq!(
            (found.count, &*found.names),
            (2, &["a".to_owned(), "c".to_owned()][..])
        );
        assert_eq!(Some(found.since), ago(60));
        let text = found.to_string();
        assert!(
            text.starts_with("2 entries are hidden for 6") && text.ends_with(" s (a, c)"),
            "{text}"
        );
        let many: Vec<_> = (0..30).map(|_| named(&"ü".repeat(300), ago(0))).collect();
        let found = HiddenEntries::among(&many).unwrap();
        assert_eq!(
            (found.count, found.names.len()),
            (30, HiddenEntries::MAX_NAMES)
        );
        assert_eq!(found.names[0].chars().count(), MAX_NAME);
        assert!(found.to_string().ends_with(", …)"));
    }
}
