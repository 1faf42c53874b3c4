//! Runs the configured watches and applies reloads.

mod checkpoint_writer;
pub(super) mod daemon;
pub(super) mod daemon_error;
mod error_handlers;
mod handler_proxy;
mod handler_view;
mod proxies;
mod reload_diff;
pub(super) mod reload_summary;
pub(super) mod running_handler;
mod running_watch;
mod shared_files;
