//! Files and their languages: from paths to one tree.

mod files;
mod hcl;
mod json;
mod lines;
mod syntax;
mod tree;

pub use self::tree::Place;
pub(super) use self::{
    files::read,
    tree::{Data, Node},
};
