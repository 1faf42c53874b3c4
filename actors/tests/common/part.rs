//! A query that a folder covers: one row of it, or those that begin with a text.

use std::{any::Any, rc::Rc, sync::Arc};

use consul_watch_actors::{
    Ask, Evaluation, Extracted, Failure, Input, KeySelector, Outcome, Query, QueryResponse,
    Request, SharedBy, WatchPath,
};
use futures_util::future::LocalBoxFuture;

use super::{Folder, Rows, Store};

/// The rows of a folder with this key, or whose keys begin with it. Queries of its own have a mode by its
/// [`name`](Part::name).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Part {
    folder: String,
    text: String,
    exact: bool,
}

impl Part {
    pub fn row(folder: &str, key: &str) -> Self {
        Self {
            folder: folder.to_owned(),
            text: key.to_owned(),
            exact: true,
        }
    }

    pub fn under(folder: &str, start: &str) -> Self {
        Self {
            folder: folder.to_owned(),
            text: start.to_owned(),
            exact: false,
        }
    }

    pub fn name(&self) -> String {
        format!(
            "{}/{}{}",
            self.folder,
            self.text,
            if self.exact { "" } else { "*" }
        )
    }

    /// Whether a row of this key belongs to it.
    pub fn has(&self, store: &Store, key: &str) -> bool {
        let Some(key) = key.strip_prefix(store.prefix()) else {
            return false;
        };
        if self.exact {
            key == self.text
        } else {
            key.starts_with(&self.text)
        }
    }
}

impl Query for Part {
    type Source = Store;
    type Value = Rows;

    fn path(&self) -> WatchPath {
        WatchPath::new("part", self.name())
    }

    fn evaluation(&self) -> Evaluation<'_, Self> {
        Evaluation::Asked(self)
    }

    fn shared_with(&self) -> Option<&dyn SharedBy<Self>> {
        Some(self)
    }
}

impl Ask for Part {
    fn run(
        &self,
        client: &Rc<Store>,
        request: Request<Rows>,
    ) -> LocalBoxFuture<'static, Result<QueryResponse<Rows>, Failure>> {
        let (store, part) = (Store::clone(client), self.clone());
        let keep = {
            let store = store.clone();
            move |key: &str, _hidden: bool| part.has(&store, key)
        };
        store.serve(&self.folder, &self.name(), request.cursor, keep)
    }
}

impl SharedBy<Self> for Part {
    fn wider_queries(&self) -> Vec<Input<Self>> {
        let shorter = (1..self.text.len())
            .rev()
            .map(|end| Self::under(&self.folder, &self.text[..end]));
        shorter
            .map(Input::of)
            .chain([Input::of(Folder::new(&*self.folder))])
            .collect()
    }

    fn key_selector(&self, store: &Store) -> KeySelector {
        let text = format!("{}{}", store.prefix(), self.text);
        if self.exact {
            KeySelector::Exact(text)
        } else {
            KeySelector::Prefix(text)
        }
    }

    fn extract(
        &self,
        store: &Store,
        whole: &dyn Any,
        index: u64,
        previous: Option<&Rows>,
    ) -> Option<Extracted<Rows>> {
        let whole = whole.downcast_ref::<Rows>()?;
        let rows: Vec<_> = whole
            .0
            .iter()
            .filter(|row| self.has(store, &row.key))
            .cloned()
            .collect();
        let same = previous.is_some_and(|old| {
            old.0.len() == rows.len()
                && old
                    .0
                    .iter()
                    .zip(&rows)
                    .all(|(old, new)| Arc::ptr_eq(old, new))
        });
        let there = |key: &str| rows.iter().any(|row| row.key == key);
        let lost = previous.is_some_and(|old| old.0.iter().any(|old| !there(&old.key)));
        let missing = self.exact && rows.is_empty() && !same;
        let latest = rows.iter().map(|row| row.stamp).max();
        Some(Extracted {
            index: latest.filter(|_| !lost).unwrap_or(index),
            outcome: if same {
                Outcome::Unchanged
            } else {
                Outcome::Value(Rows(rows))
            },
            confirm: lost || missing,
        })
    }

    fn extract_retaining(
        &self,
        store: &Store,
        whole: &dyn Any,
        index: u64,
        previous: &Rows,
    ) -> Option<Extracted<Rows>> {
        if self.exact {
            return None;
        }
        let mut part = self.extract(store, whole, index, None)?;
        if let Outcome::Value(rows) = &mut part.outcome {
            for old in &previous.0 {
                if !rows.0.iter().any(|row| row.key == old.key) {
                    rows.0.push(Arc::clone(old));
                }
            }
            rows.0.sort_by(|a, b| a.key.cmp(&b.key));
        }
        Some(part)
    }
}
