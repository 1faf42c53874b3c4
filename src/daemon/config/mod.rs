//! From a tree to what it means.

mod concurrency;
mod consul;
mod daemon_config;
mod handler;
mod http;
mod log;
mod retry;
mod roots;
mod section;
#[cfg(test)]
mod tests;
mod values;
mod watch;
mod watch_options;

pub(super) use self::{
    concurrency::Concurrency,
    handler::HandlerSpec,
    roots::{Root, same_prefixes},
    watch::WatchSpec,
};
pub use self::{
    daemon_config::DaemonConfig,
    log::{LogFormat, LogSettings},
};
