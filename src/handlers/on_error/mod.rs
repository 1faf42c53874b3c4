//! The program that runs when watches or their handlers fail for long, and when they have recovered.

mod handler;
mod health_report;
mod incidents;
mod options;

#[cfg(feature = "cli")]
pub(crate) use self::health_report::HealthReport;
pub use self::{
    handler::ErrorHandler,
    options::{ErrorThreshold, OnError},
};
