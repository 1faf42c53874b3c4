//! Turns the tree of the configuration files into checked settings.

mod agent_fields;
pub(super) mod concurrency;
mod consul_section;
pub(super) mod daemon_config;
pub(super) mod handler_spec;
mod http_spec;
pub(super) mod log_settings;
mod on_error_spec;
pub(super) mod only_spec;
mod retry_spec;
pub(super) mod root_spec;
mod section;
#[cfg(test)]
mod tests;
mod values;
pub(super) mod view_spec;
mod watch_options;
pub(super) mod watch_spec;
