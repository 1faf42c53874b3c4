//! Summary of a configuration, the output of `consul-watch check`.

#[cfg(test)]
mod tests;

use std::{fmt, path::Path};

use serde_json::Value;

use crate::{
    client::{AUTHORITIES, readable, shown_size},
    daemon::{
        config::{
            concurrency::Concurrency, daemon_config::DaemonConfig, handler_spec::HandlerSpec,
            root_spec::RootSpec, watch_spec::WatchSpec,
        },
        executable::{ExecutableProblem, executable_problem},
    },
    definition::{Definition, QueryVisitor},
    handlers::{HandlerPayload, OnError, PayloadKind, Program},
    permissions,
    text::escaped,
    watch::{KeyPrefix, nearest_root},
};

/// The greatest length of a column and of a warning, both with texts of a file, in characters.
const MAX_SHOWN: usize = 5_000;

/// The greatest length of a label, and the greatest width of a column, in characters.
const MAX_LABEL: usize = 60;

/// The watches, handlers and roots of a configuration, and warnings about them. It shows no secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Summary {
    consul: String,
    /// Each root with the number of watches that it serves.
    roots: Vec<(String, usize)>,
    watches: Vec<WatchSummary>,
    warnings: Vec<String>,
    /// The texts of those that a client or a handler would log once more.
    logged_again: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct WatchSummary {
    location: String,
    label: String,
    /// The type and its parameters.
    query: String,
    handler: String,
}

impl Summary {
    pub(super) fn of(config: &DaemonConfig) -> Self {
        let watches = config.watches.iter().map(WatchSummary::of).collect();
        let roots = served(config);
        let idle = config
            .roots
            .iter()
            .zip(&roots)
            .filter(|(_, served)| **served == 0);
        let own_tokens = config
            .watches
            .iter()
            .any(|watch| watch.definition.token.is_some());
        let mut logged_again = Vec::new();
        let warnings = config
            .watches
            .iter()
            .flat_map(|spec| warnings(spec, config, &mut logged_again))
            .collect::<Vec<_>>()
            .into_iter()
            .chain(config.consul.warnings_beside(own_tokens))
            .chain(config.warnings.iter().map(ToString::to_string))
            .chain(idle.map(|(root, _)| idle_root(root)))
            .map(|warning| shown(&warning))
            .collect();
        let roots = config.roots().map(str::to_owned).zip(roots).collect();
        Self {
            consul: config.consul.address().to_string(),
            roots,
            watches,
            warnings,
            logged_again,
        }
    }

    /// Returns the number of watches.
    pub fn watches(&self) -> usize {
        self.watches.len()
    }

    /// Returns the texts of the warnings that a client or a handler would log once more.
    pub(super) fn logged_again(&self) -> &[String] {
        &self.logged_again
    }

    /// Returns the warnings, which are no errors: a program that cannot be executed on this machine, and a root
    /// that serves no watch.
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }
}

/// Prints one line per root with the number of its watches, one line per watch with its file and line, its label, its
/// query and its handler, and one line per warning. Of an address that is called it shows the host alone, and of a
/// program no argument that may be secret.
impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}, Consul at {}",
            counted(self.watches.len()),
            self.consul
        )?;
        for (root, served) in &self.roots {
            let all = if root.is_empty() { " (all keys)" } else { "" };
            write!(
                f,
                "\n  root {root:?}{all}: one query for {}",
                counted(*served)
            )?;
        }
        let widest = |of: fn(&WatchSummary) -> &str| {
            let widths = self.watches.iter().map(|line| of(line).chars().count());
            // One long text must not pad every line.
            widths.max().unwrap_or(0).min(MAX_LABEL)
        };
        let (at, width) = (widest(|line| &line.location), widest(|line| &line.label));
        for WatchSummary {
            location,
            label,
            query,
            handler,
        } in &self.watches
        {
            write!(f, "\n  {location:at$}  {label:width$}  {query}  {handler}")?;
        }
        self.warnings
            .iter()
            .try_for_each(|warning| write!(f, "\nwarning: {warning}"))
    }
}

impl WatchSummary {
    fn of(spec: &WatchSpec) -> Self {
        let mut handler = match &spec.handler {
            HandlerSpec::Script(script) => {
                let limit = script.timeout.map_or_else(
                    || "no timeout".to_owned(),
                    |it| format!("timeout {}", readable(it)),
                );
                let mode = match script.concurrency {
                    Concurrency::One => String::new(),
                    Concurrency::Queue(most) => format!(", queue {most}"),
                    Concurrency::Parallel(most) => format!(", parallel {most}"),
                };
                let by = shell_of(&script.program);
                format!("runs {} ({by}{limit}{mode})", script.program.shown())
            }
            HandlerSpec::Exec(exec) => {
                let by = shell_of(&exec.program);
                let by = by.strip_suffix(", ").map(|by| format!(" ({by})"));
                format!(
                    "keeps {} running{}",
                    exec.program.shown(),
                    by.unwrap_or_default()
                )
            }
            HandlerSpec::Http(http) => {
                format!("{} {}", http.method, host_of(http.url.expose()))
            }
        };
        if spec.delivery.changes_only {
            handler.push_str(", changes only");
        }
        let payload = match &spec.handler {
            HandlerSpec::Script(script) => script.payload,
            HandlerSpec::Http(http) => http.payload,
            HandlerSpec::Exec(_) => PayloadKind::State,
        };
        if payload == PayloadKind::Changes {
            handler.push_str(", payload changes");
        }
        if !spec.delivery.view.is_plain() {
            handler.extend([", ", &spec.delivery.view.to_string()]);
        }
        if let Some(file) = &spec.delivery.checkpoint {
            handler.push_str(", checkpoint ");
            handler.push_str(&file.display().to_string());
        }
        Self {
            location: spec.location.to_string(),
            label: escaped(&spec.label, MAX_LABEL).into_owned(),
            query: shown(&query_of(&spec.definition)),
            handler: shown(&handler),
        }
    }
}

/// Returns a text that may hold texts of a file, such as the name of a program, as a terminal may show it.
fn shown(text: &str) -> String {
    escaped(text, MAX_SHOWN).into_owned()
}

/// Returns the shell that runs a line.
fn shell_of(program: &Program) -> String {
    if program.is_line() {
        format!("by {}, ", program.name())
    } else {
        String::new()
    }
}

fn counted(watches: usize) -> String {
    format!("{watches} watch{}", if watches == 1 { "" } else { "es" })
}

/// Returns the number of watches that each root serves.
fn served(config: &DaemonConfig) -> Vec<usize> {
    let roots: Vec<_> = config.roots.iter().map(RootSpec::query).collect();
    let mut served = vec![0; roots.len()];
    for spec in &config.watches {
        if let Some(at) = spec.definition.visit(RootVisitor(&roots)) {
            served[at] += 1;
        }
    }
    served
}

fn idle_root(root: &RootSpec) -> String {
    format!(
        "{}: the root {:?} serves no watch: no watch is under it, a nearer root serves those that are, or they \
         set their own `datacenter`, `token`, `namespace`, `partition` or `stale`; change it, or remove it",
        root.location, root.prefix
    )
}

/// Returns the scheme and the host of a URL: all other parts may be secret.
fn host_of(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else {
        return "a URL".to_owned();
    };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host = authority
        .rsplit_once('@')
        .map_or(authority, |(_, host)| host);
    format!("{scheme}://{host}")
}

/// Returns the fields of a watch as a file has them, without its token.
fn query_of(definition: &Definition) -> String {
    let written = |value: &Value| match value {
        Value::String(text) if is_word(text) => text.clone(),
        other => other.to_string(),
    };
    let json = definition.to_json();
    let fields = json.as_object().into_iter().flatten();
    let mut words: Vec<_> = fields
        .filter(|(name, _)| *name != "type")
        .map(|(name, value)| match &**name {
            "token" => "with a token".to_owned(),
            _ => format!("{name}={}", written(value)),
        })
        .collect();
    words.insert(0, format!("type={}", definition.watch_type.type_name()));
    words.join(" ")
}

/// Whether a text needs no quotes.
fn is_word(text: &str) -> bool {
    let is_plain = |character: char| character.is_alphanumeric() || "-_./:".contains(character);
    !text.is_empty() && text.chars().all(is_plain)
}

/// Returns the warnings about a watch, and adds the texts that are not in `told` to it: a program of several watches is
/// named once.
fn warnings(spec: &WatchSpec, config: &DaemonConfig, told: &mut Vec<String>) -> Vec<String> {
    let program = match &spec.handler {
        HandlerSpec::Script(script) => Some(&script.program),
        HandlerSpec::Exec(exec) => Some(&exec.program),
        HandlerSpec::Http(_) => None,
    };
    let on_error = spec.on_error.as_ref().map(OnError::program);
    let programs = || [program, on_error].into_iter().flatten();
    let problems = programs().filter_map(|program| {
        let name = program.name();
        let problem = match executable_problem(Path::new(&name))? {
            ExecutableProblem::Missing => "does not exist; check the path, or install it",
            ExecutableProblem::NotOnPath => "is not on the PATH; install it, or give its full path",
            ExecutableProblem::NotExecutable => "is not executable; run `chmod +x` on it",
            ExecutableProblem::Directory => "is a directory; name a program",
        };
        Some(format!(
            "{}: the program {name} of `{}` {problem}",
            spec.location, spec.label
        ))
    });
    let mut found: Vec<_> = problems.chain(large_limit(spec, config)).collect();
    let mut texts: Vec<_> = programs().flat_map(Program::warnings).collect();
    if let HandlerSpec::Http(http) = &spec.handler {
        let key = http.secret_file.as_deref();
        texts.extend(key.and_then(|file| permissions::warning("the key of signatures", file)));
        let authorities = http.ca_file.as_deref();
        texts.extend(authorities.and_then(|file| permissions::warning(AUTHORITIES, file)));
        texts.extend(http.http().warnings());
    }
    for text in texts {
        if !told.contains(&text) {
            found.push(format!("{}: `{}`: {text}", spec.location, spec.label));
            told.push(text);
        }
    }
    found
}

/// Returns a warning of a limit of this watch for which the budget has no room.
fn large_limit(spec: &WatchSpec, config: &DaemonConfig) -> Option<String> {
    let (limit, budget) = (spec.definition.body_limit?, config.consul.body_budget());
    (limit > budget).then(|| {
        format!(
            "{}: `{}`: `body_limit` ({}) is greater than `body_budget` of `consul` ({}), which refuses such an answer: \
             raise the budget, or lower the limit",
            spec.location,
            spec.label,
            shown_size(limit),
            shown_size(budget)
        )
    })
}

struct RootVisitor<'a>(&'a [KeyPrefix]);

impl QueryVisitor for RootVisitor<'_> {
    type Output = Option<usize>;

    fn visit_query<Q: HandlerPayload>(self, query: Q) -> Option<usize> {
        nearest_root(&query, self.0)
    }
}
