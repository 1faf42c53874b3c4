//! Reads configuration files, JSON or HCL, into one tree whose parts know their location.

mod agent_form;
pub(super) mod files;
mod hcl;
mod json;
mod line_index;
mod syntax_error;
pub(super) mod tree;
