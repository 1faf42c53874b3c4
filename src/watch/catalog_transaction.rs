//! Transactions of `get` that say whether nodes, instances and checks exist.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use serde_json::{Value, json};

use super::catalog_item::{Object, Subject};
use crate::absence::{self, Absence, Why};

/// The number of operations that Consul accepts in one transaction.
pub(super) const MAX_OPERATIONS: usize = 64;

/// The result of a transaction for one subject.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Judgement {
    Known(Absence),
    /// The object exists, and the right to its service is unknown: the instance may have another name now.
    Exists,
    /// Other objects do not exist, so the answer holds no results.
    AskAgain,
}

/// A transaction that reads the objects of these subjects, and their nodes.
pub(super) struct Transaction<'a> {
    subjects: &'a [Subject<'a>],
    operations: Vec<Value>,
    /// The operations of each subject.
    of_subject: Vec<Vec<usize>>,
}

impl<'a> Transaction<'a> {
    pub(super) fn of(subjects: &'a [Subject<'a>]) -> Self {
        let mut transaction = Self {
            subjects,
            operations: Vec::new(),
            of_subject: Vec::with_capacity(subjects.len()),
        };
        let mut of_node: BTreeMap<&str, usize> = BTreeMap::new();
        for subject in subjects {
            let node = subject.node.unwrap_or_default();
            let at = *of_node.entry(node).or_insert_with(|| {
                transaction.push(json!({ "Node": { "Verb": "get", "Node": { "Node": node } } }))
            });
            let mut of_subject = vec![at];
            let namespace = subject.namespace;
            match subject.object {
                Object::Node | Object::Service => {}
                Object::Instance(id) => {
                    let service = with_namespace(json!({ "ID": id }), namespace);
                    let get = json!({ "Verb": "get", "Node": node, "Service": service });
                    of_subject.push(transaction.push(json!({ "Service": get })));
                }
                Object::Check(id) => {
                    let check = json!({ "Node": node, "CheckID": id });
                    let get = json!({ "Verb": "get", "Check": with_namespace(check, namespace) });
                    of_subject.push(transaction.push(json!({ "Check": get })));
                }
            }
            transaction.of_subject.push(of_subject);
        }
        transaction
    }

    fn push(&mut self, operation: Value) -> usize {
        self.operations.push(operation);
        self.operations.len() - 1
    }

    pub(super) fn body(&self) -> Vec<u8> {
        // Strings always serialize.
        serde_json::to_vec(&self.operations).unwrap_or_default()
    }

    /// Returns what the answer says of each subject.
    pub(super) fn judge(&self, answer: &Answer) -> Vec<Judgement> {
        let errors: BTreeMap<usize, Absence> = answer
            .errors
            .iter()
            .flatten()
            .map(|error| (error.op_index, absence::of_catalog_get(&error.what)))
            .collect();
        let results = Readable::of(answer.results.as_deref().unwrap_or_default());
        let judge = |(subject, operations): (&Subject<'_>, &Vec<usize>)| {
            let mut failed = operations.iter().filter_map(|at| errors.get(at));
            let failed = failed
                .clone()
                .find(|absence| absence.is_proven())
                .or_else(|| failed.next());
            match failed {
                Some(absence) => Judgement::Known(*absence),
                None if errors.is_empty() => results.right(subject),
                None => Judgement::AskAgain,
            }
        };
        self.subjects
            .iter()
            .zip(&self.of_subject)
            .map(judge)
            .collect()
    }
}

fn with_namespace(mut object: Value, namespace: &str) -> Value {
    if !namespace.is_empty() {
        object["Namespace"] = namespace.into();
    }
    object
}

/// The answer to a transaction.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Answer {
    #[serde(default)]
    results: Option<Vec<Value>>,
    #[serde(default)]
    errors: Option<Vec<OperationError>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct OperationError {
    op_index: usize,
    what: String,
}

/// The objects that the token may read.
#[derive(Default)]
struct Readable<'a> {
    nodes: BTreeSet<&'a str>,
    /// The names of services, since a right is one to a name.
    services: BTreeSet<&'a str>,
    checks: BTreeSet<(&'a str, &'a str)>,
}

impl<'a> Readable<'a> {
    fn of(results: &'a [Value]) -> Self {
        let mut readable = Self::default();
        let text = |value: &'a Value| value.as_str().unwrap_or_default();
        for result in results {
            if let Some(node) = result.get("Node") {
                readable.nodes.insert(text(&node["Node"]));
            }
            if let Some(service) = result.get("Service") {
                readable.services.insert(text(&service["Service"]));
            }
            if let Some(check) = result.get("Check") {
                let id = (text(&check["Node"]), text(&check["CheckID"]));
                readable.checks.insert(id);
            }
        }
        readable
    }

    /// Returns the right to a subject that exists.
    fn right(&self, subject: &Subject<'_>) -> Judgement {
        let node = subject.node.unwrap_or_default();
        let (is_readable, is_known) = match subject.object {
            Object::Instance(_) => {
                let service = subject.service.unwrap_or_default();
                (self.services.contains(service), false)
            }
            Object::Check(id) => (self.checks.contains(&(node, id)), true),
            Object::Node | Object::Service => (true, true),
        };
        if !self.nodes.contains(node) || !is_readable && is_known {
            Judgement::Known(Absence::Unproven(Why::Hidden))
        } else if is_readable {
            Judgement::Known(Absence::Unproven(Why::Readable))
        } else {
            Judgement::Exists
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn instance<'a>(node: &'a str, id: &'a str) -> Subject<'a> {
        Subject {
            node: Some(node),
            service: Some("web"),
            object: Object::Instance(id),
            namespace: "",
        }
    }

    fn judged(subjects: &[Subject<'_>], answer: Value) -> Vec<Judgement> {
        Transaction::of(subjects).judge(&serde_json::from_value(answer).unwrap())
    }

    const READABLE: Judgement = Judgement::Known(Absence::Unproven(Why::Readable));
    const HIDDEN: Judgement = Judgement::Known(Absence::Unproven(Why::Hidden));
    const GONE: Judgement = Judgement::Known(Absence::Proven);

    #[test]
    fn each_node_is_read_once() {
        let check = Subject {
            object: Object::Check("c"),
            namespace: "team",
            ..instance("x", "")
        };
        let subjects = [instance("x", "a"), instance("x", "b"), check];
        let body = Transaction::of(&subjects).body();
        let expected = json!([
            { "Node": { "Verb": "get", "Node": { "Node": "x" } } },
            { "Service": { "Verb": "get", "Node": "x", "Service": { "ID": "a" } } },
            { "Service": { "Verb": "get", "Node": "x", "Service": { "ID": "b" } } },
            { "Check": { "Verb": "get", "Check": { "Node": "x", "CheckID": "c", "Namespace": "team" } } },
        ]);
        assert_eq!(serde_json::from_slice::<Value>(&body).unwrap(), expected);
    }

    #[test]
    fn what_does_not_exist_is_gone_and_the_rest_is_open() {
        let subjects = [instance("x", "a"), instance("x", "b"), instance("y", "a")];
        let answer = json!({ "Results": null, "Errors": [
            { "OpIndex": 2, "What": r#"service "b" on node "x" doesn't exist"# },
            { "OpIndex": 3, "What": r#"node "y" doesn't exist"# },
            { "OpIndex": 4, "What": r#"service "a" on node "y" doesn't exist"# },
            { "OpIndex": 77, "What": "" },
        ]});
        assert_eq!(judged(&subjects, answer), [Judgement::AskAgain, GONE, GONE]);
    }

    #[test]
    fn what_exists_and_is_no_result_is_hidden() {
        let check = Subject {
            object: Object::Check("c"),
            ..instance("x", "")
        };
        let node = json!({ "Node": { "Node": "x" } });
        let service = json!({ "Service": { "ID": "a", "Service": "web" } });
        let found = json!({ "Check": { "Node": "x", "CheckID": "c" } });
        let answer = |results: &[&Value]| json!({ "Results": results, "Errors": null });
        let subjects = [instance("x", "a"), check];
        assert_eq!(
            judged(&subjects, answer(&[&node, &service, &found])),
            [READABLE, READABLE]
        );
        assert_eq!(
            judged(&subjects, answer(&[&service, &found])),
            [HIDDEN, HIDDEN]
        );
        assert_eq!(
            judged(&subjects, answer(&[&node])),
            [Judgement::Exists, HIDDEN]
        );
        assert_eq!(judged(&subjects, answer(&[])), [HIDDEN, HIDDEN]);
    }

    #[test]
    fn a_denied_operation_is_hidden_and_an_unknown_text_is_unknown() {
        let answer = |what| json!({ "Errors": [{ "OpIndex": 0, "What": what }] });
        let subjects = [instance("x", "a")];
        assert_eq!(judged(&subjects, answer("Permission denied: x")), [HIDDEN]);
        let unknown = Judgement::Known(Absence::Unproven(Why::Unknown));
        assert_eq!(judged(&subjects, answer("what?")), [unknown]);
    }
}
