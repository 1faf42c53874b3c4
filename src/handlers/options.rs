//! The settings that handlers share.

use std::{sync::Arc, time::Duration};

use actix::{Message, Recipient};

use super::{
    payload_kind::PayloadKind, process::OutputTo, retry_policy::RetryPolicy, signal::Signal,
};

/// The settings that handlers share. Each handler has the setters of those that apply to it.
#[derive(Debug)]
pub(super) struct HandlerOptions<E>
where
    E: Message + Send,
    E::Result: Send,
{
    /// The name in log lines; `None` is the path of the watch.
    pub(super) label: Option<Arc<str>>,
    pub(super) payload: PayloadKind,
    pub(super) retry: Option<RetryPolicy>,
    /// The maximum of the random delay.
    pub(super) splay: Duration,
    pub(super) stop_signal: Signal,
    /// The time between `stop_signal` and SIGKILL.
    pub(super) grace: Duration,
    pub(super) output: OutputTo,
    /// The recipient of the reports.
    pub(super) events: Option<Recipient<E>>,
}

impl<E> HandlerOptions<E>
where
    E: Message + Send,
    E::Result: Send,
{
    /// The default time between the stop signal and SIGKILL.
    pub(super) const GRACE: Duration = Duration::from_secs(5);

    /// Returns a random delay.
    pub(super) fn delay(&self) -> Duration {
        self.splay.mul_f64(fastrand::f64())
    }

    /// Sends a report to its recipient, if there is one.
    pub(super) fn report(&self, event: E) {
        if let Some(events) = &self.events {
            events.do_send(event);
        }
    }
}

impl<E> Default for HandlerOptions<E>
where
    E: Message + Send,
    E::Result: Send,
{
    fn default() -> Self {
        Self {
            label: None,
            payload: PayloadKind::State,
            retry: None,
            splay: Duration::ZERO,
            stop_signal: Signal::TERM,
            grace: Self::GRACE,
            output: OutputTo::Inherit,
            events: None,
        }
    }
}

impl<E> Clone for HandlerOptions<E>
where
    E: Message + Send,
    E::Result: Send,
{
    fn clone(&self) -> Self {
        Self {
            label: self.label.clone(),
            retry: self.retry.clone(),
            events: self.events.clone(),
            ..*self
        }
    }
}

/// The setters of [`HandlerOptions`], for a type that has them in a field `options`: those named.
macro_rules! handler_setters {
    ($($name:ident $(($event:ty))?),+) => {
        $( $crate::handlers::options::handler_setters!(@ $name $($event)?); )+
    };
    (@ label) => {
        /// Sets the name that each log line of the handler has as `label` (default: the path of the watch).
        #[must_use]
        pub fn label(mut self, label: impl Into<::std::sync::Arc<str>>) -> Self {
            self.options.label = Some(label.into());
            self
        }
    };
    (@ payload) => {
        /// Sets the content that is handed on (default: the state).
        #[must_use]
        pub fn payload(mut self, payload: $crate::handlers::PayloadKind) -> Self {
            self.options.payload = payload;
            self
        }
    };
    (@ retry) => {
        /// Sets how a failure is retried; `None` gives up at the first one. The table above has the default.
        #[must_use]
        pub fn retry(mut self, retry: impl Into<Option<$crate::handlers::RetryPolicy>>) -> Self {
            self.options.retry = retry.into();
            self
        }
    };
    (@ splay) => {
        /// Delays the handling of each state by a random time up to this (default: none), so that many
        /// machines that see the same change do not all act at once. A retry is not delayed.
        #[must_use]
        pub fn splay(mut self, max: ::std::time::Duration) -> Self {
            self.options.splay = max.min($crate::handlers::longest::LONGEST);
            self
        }
    };
    (@ stop_signal) => {
        /// Sets the signal that asks a program to end (default SIGTERM).
        #[must_use]
        pub fn stop_signal(mut self, signal: $crate::handlers::Signal) -> Self {
            self.options.stop_signal = signal;
            self
        }
    };
    (@ output) => {
        /// Sets where the program's output goes. The table above has the default.
        #[must_use]
        pub fn output(mut self, output: $crate::handlers::OutputTo) -> Self {
            self.options.output = output;
            self
        }
    };
    (@ events $event:ty) => {
        /// Sends a report of each attempt that has ended to this recipient.
        #[must_use]
        pub fn events(mut self, to: ::actix::Recipient<$event>) -> Self {
            self.options.events = Some(to);
            self
        }
    };
}
pub(super) use handler_setters;
