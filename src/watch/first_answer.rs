//! Treatment of an empty list with which nothing can be compared: a first answer, or one after an unproven answer.
//!
//! # Invariants
//!
//! - Two fresh lists without an entry prove it, with a read between them that shows that the token may read what the
//!   list is about. Where there is no name to ask for, the flag of one fresh list decides.
//! - If a request fails, it is unproven: a plain subscriber receives it, and the next query tries again.

use std::sync::Arc;

use consul_watch_actors::{Failure, Outcome, WatchPath};

use crate::{
    absence::{self, Absence, Why},
    client::QueryAnswer,
};

/// A list that was empty, as the last request found it.
pub(super) struct FirstList<T> {
    pub(super) answer: QueryAnswer,
    pub(super) list: Vec<Arc<T>>,
    absence: Absence,
}

impl<T> FirstList<T> {
    /// Proves that an empty list lacks nothing. `afresh` reads it again without an index, and `right` asks for the
    /// right to the name that it is about.
    pub(super) async fn prove(
        answer: QueryAnswer,
        is_fresh: bool,
        is_never_empty: bool,
        afresh: impl AsyncFn() -> Result<(QueryAnswer, Vec<Arc<T>>), Failure>,
        right: Option<impl Future<Output = Option<Absence>>>,
    ) -> Self {
        let absence = by_flag(&answer, is_never_empty);
        let mut found = Self {
            answer,
            list: Vec::new(),
            absence,
        };
        if !is_fresh {
            found.read_again(afresh().await, is_never_empty);
        }
        let Some(right) = right.filter(|_| found.is_proven_empty()) else {
            return found;
        };
        found.absence = absence::of_first_empty_list(false, right.await);
        if found.is_proven_empty() {
            found.read_again(afresh().await, is_never_empty);
        }
        found
    }

    fn is_proven_empty(&self) -> bool {
        self.list.is_empty() && self.absence.is_proven()
    }

    fn read_again(
        &mut self,
        read: Result<(QueryAnswer, Vec<Arc<T>>), Failure>,
        is_never_empty: bool,
    ) {
        match read {
            Ok((answer, list)) => {
                self.absence = if list.is_empty() {
                    by_flag(&answer, is_never_empty)
                } else {
                    Absence::Proven
                };
                (self.answer, self.list) = (answer, list);
            }
            Err(_) => self.absence = Absence::Unproven(Why::Unknown),
        }
    }

    /// Returns the answer, and its outcome. An unproven first answer is named in a warning.
    pub(super) fn outcome<V: From<Vec<Arc<T>>>>(
        self,
        path: &WatchPath,
        is_first: bool,
    ) -> (QueryAnswer, Outcome<V>) {
        let list = self.list.into();
        let outcome = match self.absence {
            Absence::Proven => Outcome::Value(list),
            Absence::Unproven(why) if is_first => {
                tracing::warn!(%path, reason = why.text(), "the first answer is empty");
                Outcome::Unproven(list)
            }
            Absence::Unproven(_) => Outcome::Unchanged,
        };
        (self.answer, outcome)
    }
}

fn by_flag(answer: &QueryAnswer, is_never_empty: bool) -> Absence {
    absence::of_first_empty_list(answer.meta.results_filtered_by_acls || is_never_empty, None)
}
