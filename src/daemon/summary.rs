//! Summary of a configuration, the output of `consul-watch check`.

#[cfg(test)]
mod tests;

use std::{fmt, path::Path};

use serde_json::Value;

use crate::{
    client::readable,
    daemon::{
        config::{
            concurrency::Concurrency, daemon_config::DaemonConfig, handler_spec::HandlerSpec,
            root_spec::RootSpec, watch_spec::WatchSpec,
        },
        executable::{ExecutableProblem, executable_problem},
    },
    definition::{Definition, QueryVisitor},
    handlers::{HandlerPayload, OnError, PayloadKind, Program},
    watch::{KeyPrefix, nearest_root},
};

/// The watches, handlers and roots of a configuration, and warnings about them. It shows no secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Summary {
    consul: String,
    /// Each root with the number of watches that it serves.
    roots: Vec<(String, usize)>,
    watches: Vec<WatchSummary>,
    warnings: Vec<String>,
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
        let warnings = config
            .watches
            .iter()
            .flat_map(warnings)
            .chain(config.consul.warnings())
            .chain(config.warnings.iter().map(ToString::to_string))
            .chain(idle.map(|(root, _)| idle_root(root)))
            .collect();
        let roots = config.roots().map(str::to_owned).zip(roots).collect();
        Self {
            consul: config.consul.address().to_string(),
            roots,
            watches,
            warnings,
        }
    }

    /// Returns the number of watches.
    pub fn watches(&self) -> usize {
        self.watches.len()
    }

    /// Returns the warnings, which are no errors: a program that cannot be executed on this machine, and a root
    /// that serves no watch.
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }
}

/// Prints one line per root with the number of its watches, one line per watch with its file and line, its label, its
/// query and its handler, and one line per warning. Of an address that is called it shows the host alone.
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
            widths.max().unwrap_or(0)
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
                format!("runs {} ({limit}{mode})", script.program.name())
            }
            HandlerSpec::Exec(exec) => format!("keeps {} running", exec.program.name()),
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
            label: spec.label.escape_debug().to_string(),
            query: query_of(&spec.definition),
            handler,
        }
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
    let shown = |value: &Value| match value {
        Value::String(text) if is_word(text) => text.clone(),
        other => other.to_string(),
    };
    let json = definition.to_json();
    let fields = json.as_object().into_iter().flatten();
    let mut shown: Vec<_> = fields
        .filter(|(name, _)| *name != "type")
        .map(|(name, value)| match &**name {
            "token" => "with a token".to_owned(),
            _ => format!("{name}={}", shown(value)),
        })
        .collect();
    shown.insert(0, format!("type={}", definition.watch_type.type_name()));
    shown.join(" ")
}

/// Whether a text needs no quotes.
fn is_word(text: &str) -> bool {
    let is_plain = |character: char| character.is_alphanumeric() || "-_./:".contains(character);
    !text.is_empty() && text.chars().all(is_plain)
}

fn warnings(spec: &WatchSpec) -> Vec<String> {
    let program = match &spec.handler {
        HandlerSpec::Script(script) => Some(&script.program),
        HandlerSpec::Exec(exec) => Some(&exec.program),
        HandlerSpec::Http(_) => None,
    };
    let on_error = spec.on_error.as_ref().map(OnError::program);
    let programs = [program, on_error];
    let problems = programs.into_iter().flatten().filter_map(|program| {
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
    let open = programs.into_iter().flatten().flat_map(Program::warnings);
    let calls = match &spec.handler {
        HandlerSpec::Http(http) => http.http().warnings(),
        HandlerSpec::Script(_) | HandlerSpec::Exec(_) => Vec::new(),
    };
    problems.chain(open).chain(calls).collect()
}

struct RootVisitor<'a>(&'a [KeyPrefix]);

impl QueryVisitor for RootVisitor<'_> {
    type Output = Option<usize>;

    fn visit_query<Q: HandlerPayload>(self, query: Q) -> Option<usize> {
        nearest_root(&query, self.0)
    }
}
