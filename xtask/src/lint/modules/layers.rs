//! The layers of the engine.

use super::super::finding::Finding;
use super::tree::{Crate, Edge};

/// The engine's top-level modules from the top down. A module may name those of lower layers, and of its own layer as
/// long as that makes no circle.
pub(crate) const ENGINE: &[&[&str]] = &[
    &["bench_support"],
    &["supervisor"],
    &["watcher", "shared_query"],
    &["topic"],
    &["subscription"],
    &["messages"],
    &["value", "query"],
    &["limits"],
    &["vec_map", "caught"],
];

pub(crate) fn check(tree: &Crate, edges: &[Edge], layers: &[&[&str]]) -> Vec<Finding> {
    let layer = |module: &str| layers.iter().position(|layer| layer.contains(&module));
    let unknown = tree.top_level().filter(|module| layer(module).is_none()).map(|module| {
        let what = format!("the module `{module}` has no layer: give it one in xtask/src/lint/modules/layers.rs");
        Finding::new(tree.root_file(), 1, what)
    });
    let upward = edges.iter().filter_map(|edge| {
        let (from, to) = (layer(&edge.from)?, layer(&edge.to)?);
        (edge.folder.is_empty() && from > to).then(|| {
            let what = format!(
                "`{}` names `{}`, which is a layer above it",
                edge.from, edge.to
            );
            Finding::new(&edge.path, edge.line, what)
        })
    });
    unknown.chain(upward).collect()
}
