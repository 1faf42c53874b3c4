//! Treatment of the keys that a list lacks.
//!
//! # Invariants
//!
//! - A key leaves the list only if it is proven gone ([`crate::absence`]).
//! - A key that the token may not read keeps its last good value, marked by [`KvPair::hidden_since`]. One
//!   warning names it. The same holds for a key whose name Consul refuses where no transaction is possible.
//! - If Consul says that a missing key exists, the list is read again at once.
//! - If a key's state is unknown, its last good value stays, and the next query repeats the proof.
//! - All other changes of the answer are delivered in every case, at most [`MAX_HOLD_BACK`] later. The query fails
//!   only if there are none.

use std::{sync::Arc, time::SystemTime};

use consul_watch_actors::{Failure, FailureClass, WatchPath};

use super::{
    hidden::shown,
    kv_list::{AskedKeys, KvListReader},
    kv_proof::{KvProof, prove},
    pacing::{MAX_HOLD_BACK, jitter},
    query_options::QueryOptions,
    source::failure,
    unreadable::Readable,
};
use crate::{
    absence::{Absence, Why},
    client::{ClientError, ConsulClient, Cursor, QueryAnswer, QueryRequest},
    kv::KvPair,
};

/// The number of times that a list is read again because it lacks keys that exist.
pub(super) const MAX_REREADS: usize = 2;

/// A query for a list of keys, and the previous list.
pub(super) struct KvListQuery<'a> {
    pub(super) client: &'a ConsulClient,
    pub(super) options: &'a QueryOptions,
    pub(super) path: &'a WatchPath,
    /// The request without a cursor.
    pub(super) query: &'a QueryRequest,
    pub(super) previous: &'a [Arc<KvPair>],
    /// Tests whether a key belongs to the watch.
    pub(super) keep: &'a dyn Fn(&str) -> bool,
    pub(super) asked: &'a AskedKeys,
}

/// A list that can be delivered.
pub(super) struct Settled {
    pub(super) answer: QueryAnswer,
    pub(super) pairs: Vec<Arc<KvPair>>,
    /// The reason why some pairs are kept without proof. The query has to be repeated.
    pub(super) unsettled: Option<Failure>,
}

impl KvListQuery<'_> {
    /// Returns the pairs of an answer.
    pub(super) fn read(
        &self,
        answer: &QueryAnswer,
        indexes_comparable: bool,
    ) -> Result<Vec<Arc<KvPair>>, ClientError> {
        let reader = KvListReader {
            previous: self.previous,
            indexes_comparable,
            keep: self.keep,
            asked: self.asked,
        };
        let Readable { list, unreadable } = reader.read(answer)?;
        unreadable.report(self.client, self.path);
        Ok(list)
    }

    /// Returns the answer with those missing keys that are not proven gone.
    pub(super) async fn settle(&self, answer: QueryAnswer, pairs: Vec<Arc<KvPair>>) -> Settled {
        let missing = missing(self.previous, &pairs, self.keep);
        if missing.is_empty() {
            return Settled {
                answer,
                pairs,
                unsettled: None,
            };
        }
        // One key that goes is the everyday case, and costs the leader little.
        let jitters = missing.len() > 1;
        if !has_news(self.previous, &pairs) {
            return self.prove_missing(answer, pairs, jitters).await;
        }
        let proof = self.prove_missing(answer.clone(), pairs.clone(), jitters);
        if let Ok(settled) = tokio::time::timeout(MAX_HOLD_BACK, proof).await {
            return settled;
        }
        let unknown = vec![Absence::Unproven(Why::Unknown); missing.len()];
        self.keep_unproven(answer, pairs, &missing, &unknown, None)
    }

    async fn prove_missing(
        &self,
        mut answer: QueryAnswer,
        mut pairs: Vec<Arc<KvPair>>,
        jitters: bool,
    ) -> Settled {
        if jitters {
            jitter().await;
        }
        let _turn = self.client.proof_turn().await;
        for reread in 0..=MAX_REREADS {
            let missing = missing(self.previous, &pairs, self.keep);
            if missing.is_empty() {
                break;
            }
            let keys: Vec<&str> = missing.iter().map(|pair| &*pair.key).collect();
            let KvProof { absences, error } = prove(self.client, self.options, &keys).await;
            let is_stale = absences.contains(&Absence::Unproven(Why::Present));
            if is_stale && reread < MAX_REREADS {
                let query = self
                    .query
                    .clone()
                    .resume_from(&Cursor::Start, self.client.config());
                let is_beside_held = answer.is_beside_held;
                let again = self.client.blocking_query(&query).await;
                let read = again.and_then(|again| Ok((self.read(&again, false)?, again)));
                match read {
                    Ok(read) => (pairs, answer) = read,
                    // What the first list says besides is delivered all the same.
                    Err(error) => {
                        return self.keep_unproven(answer, pairs, &missing, &absences, Some(error));
                    }
                }
                answer.is_beside_held = is_beside_held;
                continue;
            }
            return self.keep_unproven(answer, pairs, &missing, &absences, error);
        }
        Settled {
            answer,
            pairs,
            unsettled: None,
        }
    }

    fn keep_unproven(
        &self,
        answer: QueryAnswer,
        mut pairs: Vec<Arc<KvPair>>,
        missing: &[&Arc<KvPair>],
        absences: &[Absence],
        error: Option<ClientError>,
    ) -> Settled {
        let now = SystemTime::now();
        let mut unknown = None;
        let mut newly_hidden = Vec::new();
        let mut newly_nameless = Vec::new();
        for (pair, absence) in missing.iter().zip(absences) {
            match absence {
                Absence::Proven => {}
                Absence::Unproven(why @ (Why::Hidden | Why::RefusedName))
                    if pair.hidden_since.is_none() =>
                {
                    if *why == Why::RefusedName {
                        newly_nameless.push(&*pair.key);
                    } else {
                        newly_hidden.push(&*pair.key);
                        if self.options.drops_hidden() {
                            continue;
                        }
                    }
                    pairs.push(Arc::new(KvPair {
                        hidden_since: Some(now),
                        ..KvPair::clone(pair)
                    }));
                }
                Absence::Unproven(Why::Hidden | Why::RefusedName) => pairs.push(Arc::clone(pair)),
                Absence::Unproven(why) => {
                    unknown.get_or_insert(*why);
                    pairs.push(Arc::clone(pair));
                }
            }
        }
        // The sort merges two sorted runs.
        pairs.sort_by(|a, b| a.key.cmp(&b.key));
        if !newly_hidden.is_empty() {
            tracing::warn!(
                path = %self.path,
                keys = shown(&newly_hidden),
                count = newly_hidden.len(),
                "the token may no longer read these keys: their last values stay; give it `key:read` for them, or \
                 stop watching them"
            );
        }
        if !newly_nameless.is_empty() {
            tracing::warn!(
                path = %self.path,
                keys = shown(&newly_nameless),
                count = newly_nameless.len(),
                "nothing shows whether these keys are gone: their last values stay; let the proxy in front of Consul \
                 forward PUT /v1/txn, or rename the keys"
            );
        }
        let unsettled = unknown.map(|why| match error {
            Some(error) => failure(error),
            None => Failure::new(FailureClass::Transient, why),
        });
        Settled {
            answer,
            pairs,
            unsettled,
        }
    }

    /// Logs the keys that were hidden before.
    pub(super) fn report_shown(&self, pairs: &[Arc<KvPair>]) {
        let is_hidden = |key: &str| {
            let found = pairs.binary_search_by(|pair| pair.key.as_str().cmp(key));
            found.is_ok_and(|at| pairs[at].hidden_since.is_some())
        };
        let hidden = self
            .previous
            .iter()
            .filter(|pair| pair.hidden_since.is_some() && (self.keep)(&pair.key));
        let ended: Vec<&str> = hidden
            .map(|pair| &*pair.key)
            .filter(|key| !is_hidden(key))
            .collect();
        if !ended.is_empty() {
            tracing::info!(
                path = %self.path,
                keys = shown(&ended),
                count = ended.len(),
                "keys that the token could not read are readable again, or gone"
            );
        }
    }
}

/// Returns whether a list has a pair that the previous one does not share with it.
fn has_news(previous: &[Arc<KvPair>], pairs: &[Arc<KvPair>]) -> bool {
    let mut old = previous.iter();
    !pairs
        .iter()
        .all(|pair| old.any(|old| Arc::ptr_eq(old, pair)))
}

/// Returns the pairs of the previous list that this one lacks, in the order of the keys.
pub(super) fn missing<'a>(
    previous: &'a [Arc<KvPair>],
    pairs: &[Arc<KvPair>],
    keep: &dyn Fn(&str) -> bool,
) -> Vec<&'a Arc<KvPair>> {
    let mut there = pairs.iter().peekable();
    let is_missing = |old: &&Arc<KvPair>| {
        while there.next_if(|pair| pair.key < old.key).is_some() {}
        // After a reset the previous list may be of another prefix.
        there.peek().is_none_or(|pair| pair.key != old.key) && keep(&old.key)
    };
    previous.iter().filter(is_missing).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair(key: &str) -> Arc<KvPair> {
        Arc::new(KvPair {
            key: key.to_owned(),
            ..KvPair::default()
        })
    }

    #[test]
    fn keys_of_another_prefix_are_not_missing() {
        let old = ["a/1", "a/2", "a/3", "b/1"].map(pair);
        let new = ["a/0", "a/2"].map(pair);
        let found = missing(&old, &new, &|key| key.starts_with("a/"));
        let keys: Vec<_> = found.iter().map(|pair| &*pair.key).collect();
        assert_eq!(keys, ["a/1", "a/3"]);
    }
}
