//! Files and their languages: from paths to one tree.

mod files;
mod hcl;
mod json;
mod line_index;
mod syntax_error;
mod tree;

pub use self::tree::Location;
pub(super) use self::{
    files::read,
    tree::{ConfigNode, NodeData},
};
