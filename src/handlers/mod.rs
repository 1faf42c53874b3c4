//! Ready-made subscribers that do with a change what Consul's own watches do.
//!
//! | on each change | handler |
//! |---|---|
//! | run a program | [`ScriptHandler`], made of a [`Script`] |
//! | signal or restart a program that keeps running | [`ExecHandler`], made of an [`Exec`] |
//! | call a URL | [`WebhookHandler`], made of a [`Webhook`] |
//!
//! An [`ErrorHandler`] runs a program when they fail for long. [`StopHandler`] stops each of them. [`ForwardSignal`] passes a signal on to their programs.

mod change;
mod change_lines;
mod deferred_reply;
mod exec;
mod handled_change;
mod input;
mod job;
mod lifecycle;
mod longest;
mod on_error;
mod options;
mod payload;
mod payload_kind;
mod process;
mod retry_policy;
mod run_stats;
mod script;
mod signal;
mod task_queue;
mod webhook;

#[cfg(feature = "cli")]
pub(crate) use self::{
    change::supersede, handled_change::HandledChange, longest::LONGEST, on_error::HealthReport,
};
pub use self::{
    exec::{Exec, ExecHandler, OnChange},
    lifecycle::StopHandler,
    on_error::{ErrorHandler, ErrorThreshold, OnError},
    payload::HandlerPayload,
    payload_kind::PayloadKind,
    process::{
        Environment, Exit, OrphanPolicy, Output, OutputTo, Program, ProgramError, guard_programs,
    },
    retry_policy::RetryPolicy,
    run_stats::{GetRunStats, RunEnded, RunStats},
    script::{Script, ScriptHandler},
    signal::{ForwardSignal, Signal, SignalError},
    webhook::{
        DeliveryError, GetWebhookStats, Webhook, WebhookDelivered, WebhookError, WebhookHandler,
        WebhookStats,
    },
};
