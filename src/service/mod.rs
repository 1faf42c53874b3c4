//! The service: watches and their handlers from files.
//!
//! Start with [`run`], which ends by a signal, or [`check`], which runs nothing. [`ServiceConfig::load`] reads
//! the files by themselves. The format is told in `docs/service.md`.

mod engine;
mod fault;
mod source;
mod spec;

pub use self::{
    engine::{HandlerError, Reloaded, Service, ServiceError},
    fault::{ConfigErrors, Fault},
    source::Place,
    spec::{LogFormat, LogSettings, ServiceConfig},
};
