//! From a tree to what it means.

mod concurrency;
mod config;
mod consul;
mod handler;
mod http;
mod log;
mod retry;
mod roots;
mod section;
#[cfg(test)]
mod tests;
mod tuning;
mod values;
mod watch;

pub(super) use self::{
    concurrency::Concurrency,
    handler::HandlerSpec,
    roots::{Root, are_same},
    watch::WatchSpec,
};
pub use self::{
    config::ServiceConfig,
    log::{LogFormat, LogSettings},
};
