//! HCL 1 parser that keeps locations.
//!
//! HCL 1 is the language of
//! [Consul's configuration files](https://developer.hashicorp.com/consul/docs/agent/config/config-files). The
//! maintained crates read HCL 2, which refuses Consul's own example of a watch: a block inside an object inside
//! a list. In HCL 1, `${…}` and `%{…}` are plain text. This parser accepts what `github.com/hashicorp/hcl` v1
//! accepts.

mod lexer;
pub(super) mod parser;
mod text;
