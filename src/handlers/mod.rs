//! Ready-made subscribers: what Consul's own watches do with a change.
//!
//! | to do with each change | handler |
//! |---|---|
//! | run a program | [`ScriptHandler`], made of a [`Script`] |
//! | signal or restart a program that goes on running | [`ExecHandler`], made of an [`Exec`] |
//! | call a URL | [`HttpHandler`], made of an [`Http`] |
//!
//! All of them are ended by [`StopHandler`], and told of signals by [`ForwardSignal`].

mod change;
mod exec;
mod http;
mod job;
mod lifecycle;
mod options;
mod owed;
mod payload;
mod process;
mod queue;
mod retry;
mod runs;
mod script;
mod signal;

pub use self::{
    exec::{Exec, ExecHandler, OnChange},
    http::{Delivered, Deliveries, DeliveryError, Http, HttpError, HttpHandler, HttpStatus},
    lifecycle::StopHandler,
    payload::Payload,
    process::{Environment, Exit, Forks, Output, OutputTo, Program, ProgramError},
    retry::Retry,
    runs::{RunEnded, Runs, ScriptStatus},
    script::{Script, ScriptHandler},
    signal::{ForwardSignal, Signal, SignalError},
};
