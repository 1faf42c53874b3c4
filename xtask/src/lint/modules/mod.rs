//! `cargo xtask lint modules`: the modules of both crates form no circle, the engine's layers point downward, and
//! nothing inside a crate is imported through its `lib.rs`.
//!
//! An edge leads from the module that names a path to the module that the path ends in. Both are reduced to the
//! children of their nearest common folder, so that circles are found at every level. A folder's `mod.rs` and its
//! children are one unit: neither `super::Item` nor `child::Item` is an edge. Test code is left out.

mod circle;
mod layers;
mod paths;
mod tokens;
mod tree;

use std::path::Path;

use super::files::{self, TextFile};
use super::finding::Finding;
use tree::Crate;

/// The crates that are checked: the folder, and the order of the layers where there is one.
const CRATES: [(&str, Option<&[&[&str]]>); 2] =
    [("actors/src", Some(layers::ENGINE)), ("src", None)];

pub(crate) fn check(root: &Path) -> Result<Vec<Finding>, String> {
    let mut findings = Vec::new();
    for (folder, layers) in CRATES {
        let files = files::read(root, folder, &["rs"])?;
        findings.extend(check_crate(folder, &files, layers));
    }
    Ok(findings)
}

fn check_crate(folder: &str, files: &[TextFile], layers: Option<&[&[&str]]>) -> Vec<Finding> {
    let tree = Crate::read(folder, files);
    let mut findings = tree.root_imports();
    let edges = tree.edges();
    findings.extend(circle::check(&edges));
    if let Some(layers) = layers {
        findings.extend(layers::check(&tree, &edges, layers));
    }
    findings.sort();
    findings.dedup();
    findings
}

#[cfg(test)]
mod tests;
