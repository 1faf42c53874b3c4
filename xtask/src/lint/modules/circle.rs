//! Circles among the children of one folder.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt::Write as _;

use super::super::finding::Finding;
use super::tree::{Edge, Module};

/// Reports the shortest circle through each module that is in one, once per circle.
pub(crate) fn check(edges: &[Edge]) -> Vec<Finding> {
    let mut folders: BTreeMap<&Module, Vec<&Edge>> = BTreeMap::new();
    for edge in edges {
        folders.entry(&edge.folder).or_default().push(edge);
    }
    let mut findings = Vec::new();
    for (folder, edges) in folders {
        let mut seen = BTreeSet::new();
        for start in edges
            .iter()
            .map(|edge| edge.from.as_str())
            .collect::<BTreeSet<_>>()
        {
            let Some(circle) = shortest(start, &edges) else {
                continue;
            };
            let members: BTreeSet<&str> = circle.iter().map(|edge| edge.from.as_str()).collect();
            if seen.insert(members) {
                findings.push(finding(folder, &circle));
            }
        }
    }
    findings
}

/// Returns the shortest way from a module back to itself.
fn shortest<'a>(start: &str, edges: &[&'a Edge]) -> Option<Vec<&'a Edge>> {
    let mut came_by: BTreeMap<&str, &Edge> = BTreeMap::new();
    let mut queue = VecDeque::from([start]);
    while let Some(module) = queue.pop_front() {
        for edge in edges.iter().filter(|edge| edge.from == module) {
            if edge.to == start {
                let mut circle = vec![*edge];
                let mut at = module;
                while at != start {
                    let edge = came_by.get(at)?;
                    circle.push(edge);
                    at = &edge.from;
                }
                circle.reverse();
                return Some(circle);
            }
            if !came_by.contains_key(edge.to.as_str()) {
                came_by.insert(&edge.to, edge);
                queue.push_back(&edge.to);
            }
        }
    }
    None
}

fn finding(folder: &Module, circle: &[&Edge]) -> Finding {
    let mut way: Vec<&str> = circle.iter().map(|edge| edge.from.as_str()).collect();
    way.push(way[0]);
    let mut within = vec!["crate"];
    within.extend(folder.iter().map(String::as_str));
    let mut what = format!("circle in {}: {}", within.join("::"), way.join(" → "));
    for edge in circle {
        let Edge { from, to, line, .. } = edge;
        let _ = write!(
            what,
            "\n    {from} → {to} at {}:{line}",
            edge.path.display()
        );
    }
    Finding::new(&circle[0].path, circle[0].line, what)
}
