//! Proof that entries of catalog and health lists are gone.
//!
//! A list omits what the token may not read. Two kinds of requests distinguish the hidden from the gone:
//!
//! - A transaction of `get` (<https://developer.hashicorp.com/consul/api-docs/txn#node-operations>): the leader says
//!   of up to 64 objects whether they exist, whatever the rights, and returns those that the token may read.
//! - Reads that need a right and whose object may be missing: `service-defaults` for a service, the coordinates of
//!   a node. They decide for the names of services, and where a proxy forwards no transactions. The right to the
//!   nodes of a service shows in the list of its instances.
//!
//! # Invariants
//!
//! - Every entry is checked. None is sampled.
//! - Nothing is written.
//! - Each name is asked once per proof. The size of a request and the number of concurrent requests are bounded.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::{StreamExt, stream};

use super::{
    catalog_item::{Object, Subject},
    catalog_transaction::{Judgement, MAX_OPERATIONS, Transaction},
    kv_proof::is_refused,
    query_options::QueryOptions,
    url_segment::segment,
};
use crate::{
    absence::{self, Absence, Why},
    client::{ClientError, Consistency, ConsulClient, QueryRequest},
};

/// The number of concurrent requests of one proof.
const MAX_CONCURRENT: usize = 4;

/// The number of repetitions of a transaction in which some objects did not exist.
const MAX_ROUNDS: usize = 3;

/// The result for each entry.
#[derive(Debug)]
pub(super) struct CatalogProof {
    /// One entry per subject, in the same order.
    pub(super) absences: Vec<Absence>,
    /// The failed request, if it left some subjects unknown.
    pub(super) error: Option<ClientError>,
}

/// Checks whether these entries are gone, hidden or readable.
pub(super) async fn prove(
    client: &ConsulClient,
    options: &QueryOptions,
    subjects: &[Subject<'_>],
) -> CatalogProof {
    let mut proof = Proof {
        client,
        options,
        subjects,
        absences: vec![Absence::Unproven(Why::Unknown); subjects.len()],
        error: None,
    };
    let open = proof.by_transactions().await;
    proof.by_rights(open).await;
    let is_unknown = |absence: &Absence| *absence == Absence::Unproven(Why::Unknown);
    let unknown = proof.absences.iter().any(is_unknown);
    CatalogProof {
        absences: proof.absences,
        error: proof.error.filter(|_| unknown),
    }
}

struct Proof<'a> {
    client: &'a ConsulClient,
    options: &'a QueryOptions,
    subjects: &'a [Subject<'a>],
    absences: Vec<Absence>,
    error: Option<ClientError>,
}

impl<'a> Proof<'a> {
    /// Checks the subjects that have an object, and returns those whose rights are left to check.
    async fn by_transactions(&mut self) -> Vec<usize> {
        let subjects = self.subjects;
        let has_object = |at: &usize| subjects[*at].object != Object::Service;
        let (with_object, mut open): (Vec<usize>, Vec<usize>) =
            (0..subjects.len()).partition(has_object);
        // An entry has two operations at most.
        let transactions = with_object
            .chunks(MAX_OPERATIONS / 2)
            .map(|part| transact(self.client, self.options, subjects, part.to_vec()));
        let mut answers = stream::iter(transactions).buffered(MAX_CONCURRENT);
        while let Some((judged, result)) = answers.next().await {
            match result {
                Ok(()) => {}
                Err(error) if is_refused(&error) => {
                    open.extend(judged.iter().map(|(at, _)| *at));
                    continue;
                }
                Err(error) => self.error = Some(error),
            }
            for (at, absence) in judged {
                match absence {
                    Some(absence) => self.absences[at] = absence,
                    // The object exists, and its right is unknown.
                    None => open.push(at),
                }
            }
        }
        open
    }

    /// Reads the rights of these subjects, each name once.
    async fn by_rights(&mut self, open: Vec<usize>) {
        let mut names = BTreeSet::new();
        for at in &open {
            names.extend(rights(&self.subjects[*at]));
        }
        let (client, options) = (self.client, self.options);
        let reads = names.into_iter().map(|name| async move {
            let read = right(client, options, name).await;
            (name, read)
        });
        let mut answers = stream::iter(reads).buffer_unordered(MAX_CONCURRENT);
        let mut known: BTreeMap<Right<'a>, Absence> = BTreeMap::new();
        while let Some((name, read)) = answers.next().await {
            match read {
                Ok(absence) => {
                    known.insert(name, absence);
                }
                Err(error) => self.error = Some(error),
            }
        }
        for at in open {
            let all = rights(&self.subjects[at])
                .map(|name| known.get(&name).copied())
                .map(|known| known.unwrap_or(Absence::Unproven(Why::Unknown)));
            self.absences[at] = joined(all);
        }
    }
}

/// A name whose right is needed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Right<'a> {
    Node(&'a str),
    Service(&'a str),
    /// The right to the nodes of a service.
    Instances(&'a str),
}

fn rights<'a>(subject: &Subject<'a>) -> impl Iterator<Item = Right<'a>> + use<'a> {
    let instances = subject
        .service
        .filter(|_| subject.object == Object::Service);
    [
        subject.node.map(Right::Node),
        subject.service.map(Right::Service),
        instances.map(Right::Instances),
    ]
    .into_iter()
    .flatten()
}

/// Returns what several rights say together: all of them are needed to read an entry.
fn joined(all: impl Iterator<Item = Absence>) -> Absence {
    let mut joined = Absence::Unproven(Why::Readable);
    for absence in all {
        match absence {
            Absence::Unproven(Why::Hidden) => return absence,
            Absence::Unproven(Why::Readable) => {}
            _ => joined = Absence::Unproven(Why::Unknown),
        }
    }
    joined
}

/// Returns the right to a service; `None` if it is unknown.
pub(super) async fn right_to_service(
    client: &ConsulClient,
    options: &QueryOptions,
    service: &str,
) -> Option<Absence> {
    right(client, options, Right::Service(service)).await.ok()
}

/// Reads a right at the servers.
async fn right(
    client: &ConsulClient,
    options: &QueryOptions,
    name: Right<'_>,
) -> Result<Absence, ClientError> {
    let path = match name {
        Right::Node(node) => {
            segment("a node", node).map(|node| format!("/v1/coordinate/node/{node}"))
        }
        Right::Service(service) => segment("a service", service)
            .map(|service| format!("/v1/config/service-defaults/{service}")),
        Right::Instances(service) => {
            segment("a service", service).map(|service| format!("/v1/catalog/service/{service}"))
        }
    };
    let Ok(path) = path else {
        return Ok(Absence::Unproven(Why::Unknown));
    };
    let request = options
        .apply(QueryRequest::new(path))
        .with_consistency(Consistency::Consistent);
    match client.read(&request).await {
        Ok(answer) if matches!(name, Right::Instances(_)) => {
            Ok(absence::of_instances(answer.meta.results_filtered_by_acls))
        }
        Ok(_) => Ok(absence::of_right(200, true, "")),
        Err(ClientError::Denied { status, text, .. }) => Ok(absence::of_right(status, true, &text)),
        Err(ClientError::Status {
            status: 404,
            text,
            from_consul,
            ..
        }) => Ok(absence::of_right(404, from_consul, &text)),
        Err(error) => Err(error),
    }
}

/// The result of a transaction for each of its subjects; `None` for one that exists and whose right is unknown.
type Judged = Vec<(usize, Option<Absence>)>;

/// Checks these subjects by transactions. Where objects do not exist, Consul returns no other: the rest is asked
/// again.
async fn transact(
    client: &ConsulClient,
    options: &QueryOptions,
    subjects: &[Subject<'_>],
    mut open: Vec<usize>,
) -> (Judged, Result<(), ClientError>) {
    let unknown = Absence::Unproven(Why::Unknown);
    let request = options
        .apply(QueryRequest::new("/v1/txn"))
        .with_consistency(Consistency::Consistent);
    let query = request.query(client.config());
    let mut judged = Vec::with_capacity(open.len());
    for _ in 0..MAX_ROUNDS {
        let asked: Vec<_> = open.iter().map(|at| subjects[*at]).collect();
        let transaction = Transaction::of(&asked);
        let sent = client.transact(&query, request.token(), transaction.body().into());
        let judgements = match sent.await {
            Ok(answer) => transaction.judge(&answer),
            Err(error) => {
                judged.extend(open.iter().map(|at| (*at, Some(unknown))));
                return (judged, Err(error));
            }
        };
        let mut again = Vec::new();
        for (at, judgement) in open.iter().zip(judgements) {
            match judgement {
                Judgement::Known(absence) => judged.push((*at, Some(absence))),
                Judgement::Exists => judged.push((*at, None)),
                Judgement::AskAgain => again.push(*at),
            }
        }
        open = again;
        if open.is_empty() {
            break;
        }
    }
    judged.extend(open.iter().map(|at| (*at, Some(unknown))));
    (judged, Ok(()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_rights_are_needed() {
        let all = |whys: &[Why]| joined(whys.iter().map(|why| Absence::Unproven(*why)));
        let is = Absence::Unproven;
        assert_eq!(all(&[Why::Readable, Why::Readable]), is(Why::Readable));
        assert_eq!(all(&[Why::Unknown, Why::Hidden]), is(Why::Hidden));
        assert_eq!(all(&[Why::Readable, Why::Unknown]), is(Why::Unknown));
    }
}
