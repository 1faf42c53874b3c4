//! The queries of the in-memory source, and its answers.

use std::{
    collections::BTreeMap,
    rc::Rc,
    sync::Arc,
    time::{Duration, SystemTime},
};

use consul_watch_actors::{
    Ask, Cursor, Evaluation, Failure, FailureClass, Outcome, Position, Query, QueryResponse,
    Request, WatchPath,
};
use futures_util::future::LocalBoxFuture;
use tokio::time::Instant;

use super::{
    super::rows::{Row, Rows},
    Asked, Mode, Outage, Store, Told,
};

/// The query of a folder.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Folder(String);

impl Folder {
    pub fn new(name: impl Into<String>) -> Self {
        Self(name.into())
    }
}

impl Query for Folder {
    type Source = Store;
    type Value = Rows;

    fn path(&self) -> WatchPath {
        WatchPath::new("folder", self.0.clone())
    }

    fn evaluation(&self) -> Evaluation<'_, Self> {
        Evaluation::Asked(self)
    }
}

impl Ask for Folder {
    fn proves_removals(&self, store: &Store) -> bool {
        store.proves_removals
    }

    fn server_hold(&self, store: &Store) -> Duration {
        store.hold
    }

    fn run(
        &self,
        client: &Rc<Store>,
        request: Request<Rows>,
    ) -> LocalBoxFuture<'static, Result<QueryResponse<Rows>, Failure>> {
        let store = Store::clone(client);
        let prefix = store.prefix.clone();
        if let Some(wait) = request.longest_wait {
            store.lock().waits.push(wait);
        }
        store.serve(&self.0, &self.0, request.cursor, move |key, hidden| {
            !hidden && key.starts_with(&prefix)
        })
    }
}

impl Store {
    /// Marks a row as one that the source no longer shows.
    pub fn mark_hidden(&self, folder: &str, key: &str) {
        self.change(|state| {
            state.index += 1;
            if let Some(row) = state
                .folders
                .entry(folder.to_owned())
                .or_default()
                .get_mut(key)
            {
                let hidden_since = Some(SystemTime::now());
                *row = Arc::new(Row {
                    hidden_since,
                    ..Row::clone(row)
                });
            }
        });
    }

    /// The answer to a query of this name now, if there is one: the rows that it keeps.
    fn answer(
        &self,
        folder: &str,
        name: &str,
        cursor: &Cursor,
        keep: &impl Fn(&str, bool) -> bool,
    ) -> Option<Result<QueryResponse<Rows>, Failure>> {
        let state = self.lock();
        let mode = state.modes.get(name).cloned().unwrap_or_default();
        let away = || {
            Some(Err(Failure::new(
                FailureClass::Transient,
                Told("nobody is there"),
            )
            .with_outage(true)))
        };
        match (state.away, cursor) {
            _ if matches!(mode, Mode::Panic) => {}
            (Some(Outage::Silent), Cursor::Start) => return None,
            (Some(_), _) => return away(),
            (None, _) => {}
        }
        let news = !matches!(cursor, Cursor::Index(index) if *index == state.index);
        let rows = || {
            let hidden = |row: &Row| state.hidden.contains(&(folder.to_owned(), row.key.clone()));
            let rows = state
                .folders
                .get(folder)
                .into_iter()
                .flat_map(BTreeMap::values);
            Rows(
                rows.filter(|row| keep(&row.key, hidden(row)))
                    .cloned()
                    .collect(),
            )
        };
        let (position, last_contact) = (Position::Index(state.index), None);
        match mode {
            Mode::Honest | Mode::Unproven if !news => None,
            Mode::Unproven => Some(Ok(QueryResponse {
                position,
                outcome: Outcome::Unproven(rows()),
                last_contact,
            })),
            Mode::Repeating if !news => Some(Ok(QueryResponse {
                position: Position::Repeated(state.index),
                outcome: Outcome::Unchanged,
                last_contact,
            })),
            Mode::Honest | Mode::Impatient | Mode::Repeating => Some(Ok(QueryResponse {
                position,
                outcome: Outcome::Value(rows()),
                last_contact,
            })),
            Mode::Outage => away(),
            Mode::Fail(class) => Some(Err(Failure::new(class, Told("it went wrong")))),
            Mode::FailFor(pause) => {
                let failure = Failure::new(FailureClass::Transient, Told("come back later"));
                Some(Err(failure
                    .with_retry_after(Some(pause))
                    .with_released(true)))
            }
            Mode::Reject(why, at_once) if news || at_once => {
                let outcome = Outcome::Rejected(Arc::new(Told(why)));
                Some(Ok(QueryResponse {
                    position,
                    outcome,
                    last_contact,
                }))
            }
            Mode::Panic => {
                drop(state);
                panic!("the query of {name} panics, as the test wants it")
            }
            Mode::Silent | Mode::Reject(..) => None,
        }
    }

    /// Serves a query of this name.
    pub fn serve(
        &self,
        folder: &str,
        name: &str,
        cursor: Cursor,
        keep: impl Fn(&str, bool) -> bool + 'static,
    ) -> LocalBoxFuture<'static, Result<QueryResponse<Rows>, Failure>> {
        let (store, folder, name) = (self.clone(), folder.to_owned(), name.to_owned());
        Box::pin(async move {
            let mut open = Open::new(store.clone(), &name, &cursor);
            let mut bell = store.bell.subscribe();
            let latency = store.lock().latency;
            if cursor == Cursor::Start && !latency.is_zero() {
                tokio::time::sleep(latency).await;
            }
            let answer = async {
                loop {
                    bell.borrow_and_update();
                    if let Some(answer) = store.answer(&folder, &name, &cursor, &keep) {
                        return answer;
                    }
                    bell.changed()
                        .await
                        .expect("the store lives as long as its queries");
                }
            };
            let answer = if store.lock().away == Some(Outage::Silent) {
                tokio::time::timeout(Outage::DEADLINE, answer)
                    .await
                    .unwrap_or_else(|_| {
                        Err(
                            Failure::new(FailureClass::Transient, Told("it says nothing"))
                                .with_outage(true),
                        )
                    })
            } else {
                answer.await
            };
            open.answered = true;
            answer
        })
    }
}

/// A request that is open.
struct Open {
    store: Store,
    held: bool,
    answered: bool,
}

impl Open {
    fn new(store: Store, folder: &str, cursor: &Cursor) -> Self {
        let held = *cursor != Cursor::Start;
        {
            let mut state = store.lock();
            state.open += 1;
            state.held += usize::from(held);
            state.most_held = state.most_held.max(state.held);
            state.most_short = state.most_short.max(state.open - state.held);
            state.asked.push(Asked {
                folder: folder.to_owned(),
                cursor: cursor.clone(),
                at: Instant::now(),
            });
        }
        Self {
            store,
            held,
            answered: false,
        }
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        let mut state = self.store.lock();
        state.open -= 1;
        state.held -= usize::from(self.held);
        state.dropped += usize::from(!self.answered);
    }
}
