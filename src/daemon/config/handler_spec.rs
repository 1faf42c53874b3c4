//! Settings of the handlers: scripts, URLs and long-running programs.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use serde_json::Value;

use crate::{
    daemon::config::{
        concurrency::Concurrency,
        http_spec::HttpSpec,
        retry_spec::RetrySpec,
        values::{checked, direct, list, signal},
        watch_options::WatchOptions,
    },
    definition::{DefinitionError, DefinitionErrors, Fields},
    handlers::{Exec, OnChange, PayloadKind, Program, Script, Signal},
};

/// The values of `handler_type`. The default is a script.
pub(super) const KINDS: [&str; 3] = ["script", "http", "exec"];

/// The handler of a watch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum HandlerSpec {
    /// Runs a program on each change.
    Script(Box<ScriptSpec>),
    /// Calls a URL on each change.
    Http(Box<HttpSpec>),
    /// Keeps a program running, and signals it on each change.
    Exec(Box<ExecSpec>),
}

/// A program that runs on each change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ScriptSpec {
    pub(crate) program: Program,
    /// `None`: a run may take any time.
    pub(crate) timeout: Option<Duration>,
    pub(crate) grace: Option<Duration>,
    pub(crate) splay: Option<Duration>,
    pub(crate) payload: PayloadKind,
    pub(crate) retry: RetrySpec,
    pub(crate) concurrency: Concurrency,
}

/// A program that keeps running.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ExecSpec {
    pub(crate) program: Program,
    pub(crate) grace: Option<Duration>,
    pub(crate) splay: Option<Duration>,
    /// Starts the program before the first state is known.
    pub(crate) start_at_once: bool,
    pub(crate) extras: ExecExtras,
}

/// The fields that only `handler_type = "exec"` has.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct ExecExtras {
    pub(crate) kill_signal: Option<Signal>,
    /// The effect of a change, if `reload_signal` is given.
    pub(crate) reload_signal: Option<OnChange>,
    pub(crate) restart_on_change: bool,
    pub(crate) state_file: Option<PathBuf>,
}

/// Reads `handler_type`. The fields of the other kinds are then refused.
pub(super) fn kind(fields: &mut Fields<'_>, errors: &mut DefinitionErrors) -> Option<&'static str> {
    let Some(given) = fields
        .string("handler_type", errors)
        .filter(|kind| !kind.is_empty())
    else {
        return Some("script");
    };
    let known = KINDS.into_iter().find(|kind| *kind == given);
    if known.is_none() {
        errors.push(DefinitionError::not_allowed("handler_type", &given, &KINDS));
    }
    known
}

/// Reads the program of a script or of exec: `handler`, a shell command, or `args`, a program and its arguments
/// (<https://developer.hashicorp.com/consul/docs/dynamic-app-config/watches#executable>).
pub(super) fn program(fields: &mut Fields<'_>, errors: &mut DefinitionErrors) -> Option<Program> {
    match (fields.get("handler"), fields.get("args")) {
        (None, None) => {
            let remedy = "a watch needs a handler; give a program as the list `args`, a shell command as \
                          `handler`, or `handler_type = \"http\"`";
            errors.push(DefinitionError::missing("args", remedy));
            None
        }
        (Some(_), Some(_)) => {
            let (first, second) = ("handler".to_owned(), "args".to_owned());
            errors.push(DefinitionError::Together { first, second });
            None
        }
        (Some(_), None) => checked(
            Program::shell(fields.string("handler", errors)?),
            "handler",
            errors,
        ),
        (None, Some(Value::Array(_))) => {
            let args = list(fields, "args", errors)?;
            checked(direct(&args, "args", errors)?, "args", errors)
        }
        // One program without arguments, as in Consul.
        (None, Some(Value::String(program))) => {
            let args = [program.clone()];
            checked(direct(&args, "args", errors)?, "args", errors)
        }
        (None, Some(other)) => {
            errors.push(DefinitionError::wrong_type(
                "args",
                "a program, or a list of a program and its arguments",
                other,
            ));
            None
        }
    }
}

/// Refuses a URL beside a program.
pub(super) fn no_http(fields: &mut Fields<'_>, errors: &mut DefinitionErrors) {
    let reason = "it belongs to `handler_type = \"http\"`; add that, or remove it";
    fields.refuse_misplaced(&["http_handler_config"], reason, errors);
}

/// Refuses the fields of a program beside a URL.
pub(super) fn no_program(fields: &mut Fields<'_>, errors: &mut DefinitionErrors) {
    for name in ["handler", "args"] {
        if fields.get(name).is_some() {
            let (first, second) = (name.to_owned(), "http_handler_config".to_owned());
            errors.push(DefinitionError::Together { first, second });
        }
    }
}

impl HandlerSpec {
    /// Returns the file that both name and whose content differs.
    pub(crate) fn file_with_other_content(&self, other: &Self) -> Option<PathBuf> {
        let (Self::Http(http), Self::Http(other)) = (self, other) else {
            return None;
        };
        let differs = http.ca_file == other.ca_file && http.ca_digest != other.ca_digest;
        http.ca_file.clone().filter(|_| differs)
    }

    /// Returns the number of updates that the handler has at most, with those that it is to retry: the newest stands
    /// for all others. `None`: it handles each.
    pub(crate) fn most_open(&self) -> Option<usize> {
        match self {
            Self::Script(script) => match script.concurrency {
                Concurrency::Queue(_) => None,
                Concurrency::One => Some(2),
                Concurrency::Parallel(most) => Some(most.saturating_add(1)),
            },
            Self::Http(_) | Self::Exec(_) => Some(2),
        }
    }

    /// Keeps variables from the programs of this handler.
    pub(super) fn withhold(&mut self, names: &[String]) {
        let program = match self {
            Self::Script(script) => &mut script.program,
            Self::Exec(exec) => &mut exec.program,
            Self::Http(_) => return,
        };
        *program = program
            .clone()
            .with_environment(|environment| environment.deny(names));
    }
}

impl ScriptSpec {
    /// The default time limit of a run. Consul has none: there, a program that hangs stops its watch forever.
    pub(crate) const DEFAULT_TIMEOUT: Duration = Duration::from_secs(30);

    pub(super) fn new(program: Program, watch_options: &WatchOptions) -> Self {
        let timeout = watch_options.timeout.unwrap_or(Self::DEFAULT_TIMEOUT);
        Self {
            program: program.environment(watch_options.environment()),
            timeout: Some(timeout).filter(|timeout| !timeout.is_zero()),
            grace: watch_options.grace,
            splay: watch_options.splay,
            payload: watch_options.payload.unwrap_or_default(),
            retry: watch_options.retry.unwrap_or_default(),
            concurrency: watch_options.concurrency.unwrap_or_default(),
        }
    }

    /// Returns the settings for the handler.
    pub(crate) fn script(&self) -> Script {
        let mut script = Script::service(self.program.clone())
            .payload(self.payload)
            .timeout(self.timeout)
            .retry(self.retry.policy());
        if let Some(grace) = self.grace {
            script = script.grace(grace);
        }
        if let Some(splay) = self.splay {
            script = script.splay(splay);
        }
        match self.concurrency {
            Concurrency::One => script.coalesce(),
            Concurrency::Queue(most) => script.queue(most),
            Concurrency::Parallel(most) => script.parallel(most),
        }
    }
}

impl ExecSpec {
    pub(super) fn new(program: Program, watch_options: &WatchOptions, extras: ExecExtras) -> Self {
        let program = program.environment(watch_options.environment());
        let start_at_once = watch_options.changes_only == Some(true);
        Self {
            program,
            grace: watch_options.grace,
            splay: watch_options.splay,
            start_at_once,
            extras,
        }
    }

    /// Returns the settings for the handler.
    pub(crate) fn exec(&self) -> Exec {
        let mut exec = Exec::new(self.program.clone());
        if let Some(grace) = self.grace {
            exec = exec.grace(grace);
        }
        if let Some(splay) = self.splay {
            exec = exec.splay(splay);
        }
        if let Some(signal) = self.extras.kill_signal {
            exec = exec.stop_signal(signal);
        }
        if let Some(on_change) = self.extras.reload_signal {
            exec = exec.on_change(on_change);
        }
        if self.extras.restart_on_change {
            exec = exec.on_change(OnChange::Restart);
        }
        if let Some(file) = &self.extras.state_file {
            exec = exec.state_file(file);
        }
        if self.start_at_once {
            exec.start_at_once()
        } else {
            exec
        }
    }
}

impl ExecExtras {
    /// The names of these fields.
    pub(super) const FIELDS: [&'static str; 4] = [
        "kill_signal",
        "reload_signal",
        "restart_on_change",
        "state_file",
    ];

    /// Refuses these fields for another kind of handler.
    pub(super) fn refuse(fields: &mut Fields<'_>, errors: &mut DefinitionErrors) {
        let reason = "it belongs to `handler_type = \"exec\"`; add that, or remove it";
        fields.refuse_misplaced(&Self::FIELDS, reason, errors);
    }

    pub(super) fn read(fields: &mut Fields<'_>, errors: &mut DefinitionErrors) -> Self {
        let extras = Self {
            kill_signal: signal(fields, "kill_signal", errors),
            reload_signal: reload_signal(fields, errors),
            restart_on_change: fields.boolean("restart_on_change", errors).unwrap_or(false),
            state_file: fields.string("state_file", errors).map(PathBuf::from),
        };
        if let Some(reason) = extras.state_file.as_deref().and_then(not_replaceable) {
            errors.push(DefinitionError::unusable("state_file", reason));
        }
        if extras.restart_on_change && extras.reload_signal.is_some() {
            let (first, second) = ("reload_signal".to_owned(), "restart_on_change".to_owned());
            errors.push(DefinitionError::Together { first, second });
        }
        extras
    }
}

/// Returns the reason why this cannot be a file that is replaced as a whole.
fn not_replaceable(file: &Path) -> Option<String> {
    if file.file_name().is_none() {
        return Some("it names no file; give the path of one".to_owned());
    }
    let folder = file
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    if let Some(folder) = folder.filter(|folder| !folder.is_dir()) {
        let folder = folder.display();
        return Some(format!(
            "the directory {folder} does not exist; create it, or name another"
        ));
    }
    let is_other = fs::metadata(file).is_ok_and(|found| !found.is_file());
    is_other.then(|| {
        let file = file.display();
        format!(
            "{file} is a directory, a pipe or a device; name a file, or one that does not exist yet"
        )
    })
}

/// Reads `reload_signal`. Without text, or with `none`, a change sends no signal.
fn reload_signal(fields: &mut Fields<'_>, errors: &mut DefinitionErrors) -> Option<OnChange> {
    const NAME: &str = "reload_signal";
    match fields.get(NAME)?.as_str().map(str::trim) {
        Some(text) if text.is_empty() || text.eq_ignore_ascii_case("none") => {
            Some(OnChange::Nothing)
        }
        _ => signal(fields, NAME, errors).map(OnChange::Signal),
    }
}
