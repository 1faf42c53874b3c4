//! A derived query: the rows of several folders as one.

use std::{
    collections::BTreeMap,
    hash::{Hash, Hasher},
    rc::Rc,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use consul_watch_actors::{Derived, Evaluation, Input, Inputs, Outcome, Query, WatchPath};

use super::{Folder, Row, Rows, Store};

/// The value that a derivation panics at.
pub const PANIC_VALUE: u64 = 666;

/// The rows of the folders it names, of those that the keys of another folder name, and of other
/// merged ones. A row is called after its folder: `x.a`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Merged {
    name: String,
    folders: Vec<String>,
    list: Option<String>,
    parts: Vec<Merged>,
    pub count: Count,
}

/// The calls of a derivation. They make no difference between queries.
#[derive(Debug, Clone, Default)]
pub struct Count(Arc<(AtomicUsize, AtomicUsize)>);

impl Count {
    /// The calls for its inputs.
    pub fn inputs(&self) -> usize {
        self.0.0.load(Ordering::Relaxed)
    }

    /// The calls for its value.
    pub fn derived(&self) -> usize {
        self.0.1.load(Ordering::Relaxed)
    }
}

impl PartialEq for Count {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for Count {}

impl Hash for Count {
    fn hash<H: Hasher>(&self, _: &mut H) {}
}

impl Merged {
    pub fn of<F: Into<String>>(name: &str, folders: impl IntoIterator<Item = F>) -> Self {
        let folders = folders.into_iter().map(Into::into).collect();
        Self {
            name: name.to_owned(),
            folders,
            list: None,
            parts: Vec::new(),
            count: Count::default(),
        }
    }

    /// With the folders that the keys of this one name.
    #[must_use]
    pub fn listed_in(mut self, folder: &str) -> Self {
        self.list = Some(folder.to_owned());
        self
    }

    /// With the rows of these.
    #[must_use]
    pub fn with(mut self, parts: impl IntoIterator<Item = Self>) -> Self {
        self.parts.extend(parts);
        self
    }

    fn folders(&self, known: &Inputs) -> Option<Vec<String>> {
        let mut folders = self.folders.clone();
        if let Some(list) = &self.list {
            folders.extend(known.get(&Folder::new(list))?.to_map().into_keys());
        }
        Some(folders)
    }
}

impl Query for Merged {
    type Source = Store;
    type Value = Rows;

    fn path(&self) -> WatchPath {
        WatchPath::new("merged", self.name.clone())
    }

    fn evaluation(&self) -> Evaluation<'_, Self> {
        Evaluation::Derived(self)
    }
}

impl Derived for Merged {
    fn inputs(&self, known: &Inputs) -> Vec<Input<Self>> {
        self.count.0.0.fetch_add(1, Ordering::Relaxed);
        let folders = self.folders(known).unwrap_or_default();
        let folders = self
            .list
            .iter()
            .cloned()
            .chain(folders)
            .map(|folder| Input::of(Folder::new(folder)));
        folders
            .chain(self.parts.iter().cloned().map(Input::of))
            .collect()
    }

    fn compute(&self, known: &Inputs, _: Option<&Rows>) -> Option<Outcome<Rows>> {
        self.count.0.1.fetch_add(1, Ordering::Relaxed);
        let mut merged = BTreeMap::new();
        for folder in self.folders(known)? {
            for row in &known.get(&Folder::new(&folder))?.0 {
                assert!(
                    row.value != PANIC_VALUE,
                    "the derivation panics, as the test wants it"
                );
                let row = Row {
                    key: format!("{folder}.{}", row.key),
                    ..Row::clone(row)
                };
                merged.insert(row.key.clone(), Arc::new(row));
            }
        }
        for part in &self.parts {
            for row in &known.get(part)?.0 {
                merged.insert(row.key.clone(), Arc::clone(row));
            }
        }
        Some(Outcome::Value(Rows(merged.into_values().collect())))
    }
}
