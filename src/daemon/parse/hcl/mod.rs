//! HCL 1, the language of Consul's own files ("Agents Configuration File Reference"), with places.
//!
//! It is not HCL 2, which the maintained crates read: Consul's own example of a watch has a block inside of an
//! object of a list, and `${…}` and `%{…}` are text like any other. What is read here is what
//! `github.com/hashicorp/hcl` v1 reads.

mod lexer;
pub(super) mod parser;
mod text;
