//! The service: watches and their handlers from files.
//!
//! Start with [`run`], which ends by a signal, or [`check`], which runs nothing. [`ServiceConfig::load`] reads
//! the files by themselves, and [`Service`] runs them in an application that has signals of its own. The format
//! is told in `docs/service.md`.

mod engine;
mod fault;
mod notify;
mod programs;
mod run;
mod source;
mod spec;
mod summary;

pub use self::{
    engine::{HandlerError, Reloaded, Service, ServiceError},
    fault::{ConfigErrors, Fault},
    run::{RunOptions, check, run},
    source::Place,
    spec::{LogFormat, LogSettings, ServiceConfig},
    summary::Summary,
};
