//! Treatment of the entries that a catalog or health list lacks.
//!
//! # Invariants
//!
//! - A doubtful answer is never delivered ([`absence::is_doubtful`]). The list is read again at once.
//! - An entry leaves the list only if it is proven gone ([`crate::absence`]). The proof starts with a fresh list.
//! - An entry that the token may not read keeps its last good value, marked by `hidden_since`. One warning names it.
//! - If an entry's state is unknown, its last good value stays, and the next query repeats the proof.
//! - All other changes of the answer are delivered in every case, at most [`MAX_HOLD_BACK`] later. The query fails
//!   only if there are none.

#[cfg(test)]
mod model;

use std::{
    collections::{BTreeMap, BTreeSet, HashSet},
    sync::Arc,
    time::SystemTime,
};

use consul_watch_actors::{Cursor, Failure, FailureClass, WatchPath};

use super::{
    catalog_item::{CatalogItem, missing},
    catalog_proof::{CatalogProof, prove},
    consul_query::{ask, ask_afresh},
    hidden::{shown, wait_while_hidden},
    pacing::{MAX_HOLD_BACK, jitter},
    query_options::QueryOptions,
    shared_entries::reuse_unchanged,
    source::failure,
};
use crate::{
    absence::{self, Absence, Why},
    client::{ConsulClient, QueryAnswer, QueryRequest},
};

/// The number of fresh lists that one query reads at most.
const MAX_READS: usize = 4;

/// A query for a list of the catalog or of health.
pub(super) struct ListQuery<'a> {
    pub(super) client: &'a ConsulClient,
    pub(super) options: &'a QueryOptions,
    pub(super) path: &'a WatchPath,
    /// The request without a cursor.
    pub(super) query: &'a QueryRequest,
    /// Whether the entries are imported from a cluster peer.
    pub(super) is_peered: bool,
    /// Whether Consul's list is never empty.
    pub(super) is_never_empty: bool,
}

/// A list that can be delivered.
pub(super) struct Listed<T> {
    pub(super) answer: QueryAnswer,
    pub(super) list: Vec<Arc<T>>,
    pub(super) is_fresh: bool,
    /// Whether it equals the previous list.
    pub(super) same: bool,
    /// The reason why some entries are kept without proof. The query has to be repeated.
    pub(super) unsettled: Option<Failure>,
}

/// A list as it was read.
struct Answered<T> {
    answer: QueryAnswer,
    list: Vec<Arc<T>>,
    is_fresh: bool,
}

impl<T> Clone for Answered<T> {
    fn clone(&self) -> Self {
        Self {
            answer: self.answer.clone(),
            list: self.list.clone(),
            is_fresh: self.is_fresh,
        }
    }
}

/// The state of the entries that a list lacks, by their positions in the previous list.
#[derive(Default)]
struct Verdicts {
    gone: BTreeSet<usize>,
    hidden: BTreeSet<usize>,
    /// Readable after a fresh list that lacks them.
    readable: BTreeMap<usize, Absence>,
    unknown: BTreeSet<usize>,
    failure: Option<Failure>,
}

impl ListQuery<'_> {
    /// Sends one query; `read` decodes its answer.
    pub(super) async fn ask<T: CatalogItem>(
        &self,
        cursor: &Cursor,
        previous: Option<&[Arc<T>]>,
        unproven: bool,
        read: &impl Fn(&QueryAnswer) -> Result<Vec<Arc<T>>, Failure>,
    ) -> Result<Listed<T>, Failure> {
        let known = previous.unwrap_or_default();
        let mut query = self.query.clone();
        let hidden = known.iter().map(|entry| entry.hidden_since());
        if let Some(wait) =
            wait_while_hidden(hidden, unproven, self.options.wait(self.client.config()))
        {
            query = query.with_wait(wait);
        }
        let (answer, is_fresh) = ask(self.client, query, cursor).await?;
        let list = read(&answer)?;
        let answered = Answered {
            answer,
            list,
            is_fresh,
        };
        let (answered, verdicts) = if missing(known, &answered.list).is_empty() {
            (answered, Verdicts::default())
        } else {
            // Boxed, so that the requests take no space in queries where no entry is missing.
            Box::pin(self.settle(answered, known, read)).await
        };
        Ok(self.listed(answered, &verdicts, previous))
    }

    /// Finds out what became of the entries that a list lacks.
    async fn settle<T: CatalogItem>(
        &self,
        answered: Answered<T>,
        known: &[Arc<T>],
        read: &impl Fn(&QueryAnswer) -> Result<Vec<Arc<T>>, Failure>,
    ) -> (Answered<T>, Verdicts) {
        let (list, same) = reuse_unchanged(answered.list.clone(), Some(known));
        let has_news = !same && !are_known(&list, known);
        if !has_news {
            return self.prove_missing(answered, known, read).await;
        }
        let proof = self.prove_missing(answered.clone(), known, read);
        let settled = tokio::time::timeout(MAX_HOLD_BACK, proof).await;
        settled.unwrap_or_else(|_| (answered, Verdicts::default()))
    }

    async fn prove_missing<T: CatalogItem>(
        &self,
        mut answered: Answered<T>,
        known: &[Arc<T>],
        read: &impl Fn(&QueryAnswer) -> Result<Vec<Arc<T>>, Failure>,
    ) -> (Answered<T>, Verdicts) {
        let mut verdicts = Verdicts::default();
        let _turn = self.client.proof_turn().await;
        for reads in 0..=MAX_READS {
            let open = verdicts.open(&missing(known, &answered.list), answered.is_fresh);
            if open.is_empty() {
                break;
            }
            // What was hidden before is proven first: as long as it is hidden, no list is needed.
            let was_hidden = |at: &usize| known[*at].hidden_since().is_some();
            let mut needs_list = !answered.is_fresh && !open.iter().all(was_hidden);
            if !needs_list {
                let was_fresh = answered.is_fresh;
                self.judge(&answered, known, &open, &mut verdicts).await;
                needs_list = verdicts.need_list(was_fresh);
            }
            if !needs_list {
                break;
            }
            if reads == MAX_READS {
                verdicts
                    .failure
                    .get_or_insert_with(|| Failure::new(FailureClass::Transient, Why::Present));
                break;
            }
            if !answered.is_fresh {
                jitter().await;
            }
            match self.read_afresh(read).await {
                Ok((mut answer, list)) => {
                    answer.is_beside_held |= answered.answer.is_beside_held;
                    answered = Answered {
                        answer,
                        list,
                        is_fresh: true,
                    };
                }
                Err(failure) => {
                    verdicts.failure = Some(failure);
                    break;
                }
            }
        }
        (answered, verdicts)
    }

    /// Reads the list without an index.
    pub(super) async fn read_afresh<T>(
        &self,
        read: &impl Fn(&QueryAnswer) -> Result<Vec<Arc<T>>, Failure>,
    ) -> Result<(QueryAnswer, Vec<Arc<T>>), Failure> {
        let answer = ask_afresh(self.client, self.query.clone()).await?;
        let list = read(&answer)?;
        Ok((answer, list))
    }

    /// Proves what became of these entries.
    async fn judge<T: CatalogItem>(
        &self,
        answered: &Answered<T>,
        known: &[Arc<T>],
        open: &[usize],
        verdicts: &mut Verdicts,
    ) {
        let absences = if self.is_peered {
            let filtered = answered.answer.meta.results_filtered_by_acls;
            vec![absence::of_peered_list(filtered); open.len()]
        } else if self.is_never_empty && answered.list.is_empty() {
            vec![absence::of_no_entries(); open.len()]
        } else {
            let subjects: Vec<_> = open.iter().map(|at| known[*at].subject()).collect();
            let CatalogProof { absences, error } =
                prove(self.client, self.options, &subjects).await;
            if let Some(error) = error {
                verdicts.failure = Some(failure(error));
            }
            absences
        };
        for (at, absence) in open.iter().zip(absences) {
            verdicts.judged(*at, absence, answered.is_fresh);
        }
    }

    /// Adds the entries that are not proven gone.
    fn listed<T: CatalogItem>(
        &self,
        answered: Answered<T>,
        verdicts: &Verdicts,
        previous: Option<&[Arc<T>]>,
    ) -> Listed<T> {
        let known = previous.unwrap_or_default();
        let Answered {
            answer,
            list,
            is_fresh,
        } = answered;
        let now = SystemTime::now();
        let drops_hidden = self.options.drops_hidden();
        let mut unsettled = None;
        let mut newly_hidden = Vec::new();
        let mut kept = Vec::new();
        for at in missing(known, &list) {
            let old = &known[at];
            if verdicts.gone.contains(&at) {
                continue;
            }
            if !verdicts.hidden.contains(&at) {
                let why = || Failure::new(FailureClass::Transient, Why::Unknown);
                unsettled =
                    unsettled.or_else(|| Some(verdicts.failure.clone().unwrap_or_else(why)));
                kept.push(Arc::clone(old));
            } else if old.hidden_since().is_some() {
                kept.push(Arc::clone(old));
            } else {
                newly_hidden.push(old.name().into_owned());
                if !drops_hidden {
                    kept.push(Arc::new(old.hidden(now)));
                }
            }
        }
        self.report(&newly_hidden, known, &list);
        let (mut list, same) = reuse_unchanged(list, previous);
        let same = if kept.is_empty() {
            same
        } else {
            list.extend(kept);
            list.len() == known.len() && are_known(&list, known)
        };
        Listed {
            answer,
            list,
            is_fresh,
            same,
            unsettled,
        }
    }

    /// Logs the entries that are hidden from now on, and those that were.
    fn report<T: CatalogItem>(&self, hidden: &[String], known: &[Arc<T>], list: &[Arc<T>]) {
        if !hidden.is_empty() {
            let names: Vec<_> = hidden.iter().map(String::as_str).collect();
            tracing::warn!(
                path = %self.path,
                entries = shown(&names),
                count = names.len(),
                "the token may no longer read these entries: their last values stay; give it `service:read` and \
                 `node:read` for them, or watch without hidden entries"
            );
        }
        let was_hidden = known.iter().filter(|entry| entry.hidden_since().is_some());
        let ids: BTreeSet<_> = was_hidden.map(|entry| entry.id()).collect();
        if ids.is_empty() {
            return;
        }
        let shown_again = list.iter().filter(|entry| ids.contains(&entry.id()));
        let names: Vec<_> = shown_again.map(|entry| entry.name()).collect();
        if !names.is_empty() {
            let names: Vec<_> = names.iter().map(|name| &**name).collect();
            tracing::info!(
                path = %self.path,
                entries = shown(&names),
                count = names.len(),
                "entries that the token could not read are readable again"
            );
        }
    }
}

impl Verdicts {
    /// Returns those of the missing entries whose state is not known yet.
    fn open(&mut self, missing: &[usize], is_fresh: bool) -> Vec<usize> {
        for at in missing {
            if is_fresh && let Some(between) = self.readable.remove(at) {
                self.judged(*at, absence::of_bracket(between), is_fresh);
            }
        }
        // Those that are there again start over.
        self.readable.clear();
        self.unknown.clear();
        let is_open = |at: &usize| !self.gone.contains(at) && !self.hidden.contains(at);
        missing.iter().copied().filter(is_open).collect()
    }

    /// Returns whether a fresh list can say more.
    fn need_list(&self, was_fresh: bool) -> bool {
        !self.readable.is_empty() || !self.unknown.is_empty() && !was_fresh
    }

    fn judged(&mut self, at: usize, absence: Absence, is_fresh: bool) {
        match absence {
            Absence::Proven => {
                self.gone.insert(at);
            }
            Absence::Unproven(Why::Hidden) => {
                self.hidden.insert(at);
            }
            Absence::Unproven(Why::Readable) if is_fresh => {
                self.readable.insert(at, absence);
            }
            Absence::Unproven(_) => {
                self.unknown.insert(at);
            }
        }
    }
}

/// Returns whether all entries are shared with the previous list.
fn are_known<T>(list: &[Arc<T>], known: &[Arc<T>]) -> bool {
    let known: HashSet<_> = known.iter().map(Arc::as_ptr).collect();
    list.iter().all(|entry| known.contains(&Arc::as_ptr(entry)))
}
