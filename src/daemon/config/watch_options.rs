//! Options of a watch beyond Consul's own, which `defaults` may set for all watches.

use std::time::Duration;

use crate::{
    daemon::config::{
        concurrency::Concurrency,
        on_error_spec::OnErrorSpec,
        retry_spec::RetrySpec,
        values::{duration, list},
    },
    definition::{DefinitionError, DefinitionErrors, Fields},
    handlers::{Environment, LONGEST, OnError, PayloadKind},
};

/// The kind of handler that decides which options exist.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum HandlerKind {
    /// All kinds, for `defaults`.
    All,
    Script,
    Http,
    Exec,
}

/// The options that were given. A missing one comes from `defaults`, or else from the handler.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct WatchOptions {
    pub(crate) changes_only: Option<bool>,
    pub(crate) quiet_period: Option<Duration>,
    pub(crate) max_wait: Option<Duration>,
    pub(crate) payload: Option<PayloadKind>,
    pub(crate) retry: Option<RetrySpec>,
    pub(crate) timeout: Option<Duration>,
    pub(crate) grace: Option<Duration>,
    pub(crate) splay: Option<Duration>,
    pub(crate) concurrency: Option<Concurrency>,
    pub(crate) on_error: Option<OnErrorSpec>,
    pub(crate) environment_allow: Option<Vec<String>>,
    pub(crate) environment_deny: Option<Vec<String>>,
    /// Whether programs inherit the variables with Consul's token.
    pub(crate) inherit_token: Option<bool>,
}

impl WatchOptions {
    pub(super) fn read(
        fields: &mut Fields<'_>,
        kind: HandlerKind,
        errors: &mut DefinitionErrors,
    ) -> Self {
        let to = |kinds: &[HandlerKind]| kind == HandlerKind::All || kinds.contains(&kind);
        let mut watch_options = Self {
            changes_only: fields.boolean("changes_only", errors),
            quiet_period: duration(fields, "quiet_period", errors),
            max_wait: duration(fields, "max_wait", errors),
            on_error: OnErrorSpec::read(fields, errors),
            ..Self::default()
        };
        if to(&[HandlerKind::Script, HandlerKind::Http]) {
            watch_options.payload = payload(fields, errors);
            watch_options.retry = RetrySpec::read(fields, errors);
        } else {
            let reason = "it belongs to handlers of the types `script` and `http`; remove it";
            fields.refuse_misplaced(&["payload", "retry"], reason, errors);
        }
        if to(&[HandlerKind::Script]) {
            watch_options.timeout = duration(fields, "timeout", errors);
            watch_options.concurrency = Concurrency::read(fields, errors);
        } else {
            let reason = "it belongs to handlers of the type `script`; remove it";
            fields.refuse_misplaced(&["concurrency"], reason, errors);
            let reason = match kind {
                HandlerKind::Http => "it belongs into `http_handler_config`; move it there",
                _ => reason,
            };
            fields.refuse_misplaced(&["timeout"], reason, errors);
        }
        if to(&[HandlerKind::Script, HandlerKind::Exec]) {
            watch_options.grace = up_to_a_year(fields, "grace", errors);
            watch_options.splay = up_to_a_year(fields, "splay", errors);
            watch_options.environment_allow = variables(fields, "environment_allow", errors);
            watch_options.environment_deny = variables(fields, "environment_deny", errors);
            watch_options.inherit_token = fields.boolean("inherit_token", errors);
        } else {
            let names = [
                "grace",
                "splay",
                "environment_allow",
                "environment_deny",
                "inherit_token",
            ];
            let reason =
                "it belongs to handlers that are programs (`script` and `exec`); remove it";
            fields.refuse_misplaced(&names, reason, errors);
        }
        watch_options
    }

    /// Returns these options, completed by the defaults.
    pub(super) fn or(self, defaults: &Self) -> Self {
        Self {
            changes_only: self.changes_only.or(defaults.changes_only),
            quiet_period: self.quiet_period.or(defaults.quiet_period),
            max_wait: self.max_wait.or(defaults.max_wait),
            payload: self.payload.or(defaults.payload),
            retry: self.retry.or(defaults.retry),
            timeout: self.timeout.or(defaults.timeout),
            grace: self.grace.or(defaults.grace),
            splay: self.splay.or(defaults.splay),
            concurrency: self.concurrency.or(defaults.concurrency),
            on_error: self.on_error.or_else(|| defaults.on_error.clone()),
            environment_allow: self
                .environment_allow
                .or_else(|| defaults.environment_allow.clone()),
            environment_deny: self
                .environment_deny
                .or_else(|| defaults.environment_deny.clone()),
            inherit_token: self.inherit_token.or(defaults.inherit_token),
        }
    }

    /// Returns the program for errors.
    pub(super) fn on_error(&self) -> Option<OnError> {
        let spec = self.on_error.as_ref()?;
        Some(spec.on_error(self.environment()))
    }

    /// Returns the environment that a program gets.
    pub(super) fn environment(&self) -> Environment {
        let mut environment = Environment::inherited();
        if let Some(names) = &self.environment_allow {
            environment = environment.allow(names);
        }
        if let Some(names) = &self.environment_deny {
            environment = environment.deny(names);
        }
        if self.inherit_token == Some(false) {
            environment = environment.without_consul();
        }
        // With these variables, a program could notify systemd in the name of the daemon.
        environment.deny(Environment::SERVICE_MANAGER)
    }
}

/// Reads a duration of at most the longest that a handler uses.
fn up_to_a_year(
    fields: &mut Fields<'_>,
    name: &'static str,
    errors: &mut DefinitionErrors,
) -> Option<Duration> {
    let given = duration(fields, name, errors)?;
    if given > LONGEST {
        let reason = "it is longer than a year (8760h); write a shorter one";
        errors.push(DefinitionError::unusable(name, reason));
    }
    Some(given)
}

/// Reads a list of names of variables, or of their beginnings with a star.
fn variables(
    fields: &mut Fields<'_>,
    name: &'static str,
    errors: &mut DefinitionErrors,
) -> Option<Vec<String>> {
    let names = list(fields, name, errors)?;
    for (at, variable) in names.iter().enumerate() {
        let reason = if variable.is_empty() {
            "it is empty; write the name of a variable, or remove it"
        } else if variable.trim_end_matches('*').contains('*') || variable.ends_with("**") {
            "a star has a meaning at the end alone; write a whole name, or a beginning and one star"
        } else if variable.contains('=') {
            "no name of a variable has an equals sign; write the name alone"
        } else {
            continue;
        };
        errors.push(DefinitionError::unusable(format!("{name}[{at}]"), reason));
    }
    Some(names)
}

/// Reads `payload`: `"state"` or `"changes"`.
fn payload(fields: &mut Fields<'_>, errors: &mut DefinitionErrors) -> Option<PayloadKind> {
    const KINDS: [&str; 2] = ["state", "changes"];
    let given = fields.string("payload", errors)?;
    match &*given {
        "state" => Some(PayloadKind::State),
        "changes" => Some(PayloadKind::Changes),
        _ => {
            errors.push(DefinitionError::not_allowed("payload", &given, &KINDS));
            None
        }
    }
}
