//! One entry of `watches`: a watch and its handler.

use std::{path::PathBuf, time::Duration};

use consul_watch_actors::{Quiescence, WatchPath};
use serde_json::Value;

use crate::{
    checkpoint::{CheckpointError, CheckpointFile},
    daemon::{
        config::{
            handler_spec::{self, ExecExtras, ExecSpec, HandlerSpec, ScriptSpec},
            http_spec::HttpSpec,
            section::watch_section,
            view_spec::ViewSpec,
            watch_options::{HandlerKind, WatchOptions},
        },
        config_issue::{ConfigErrors, ConfigIssue},
        location::Location,
        parse::tree::{ConfigNode, NodeData},
    },
    definition::{Definition, DefinitionError, DefinitionErrors, Fields, QueryVisitor, WatchType},
    handlers::{HandlerPayload, OnError},
};

/// The parameters of all types of watches.
const PARAMETERS: [&str; 16] = [
    "key",
    "prefix",
    "service",
    "tag",
    "passingonly",
    "state",
    "name",
    "service_id",
    "stale",
    "filter",
    "datacenter",
    "token",
    "namespace",
    "partition",
    "body_limit",
    "first_answer_timeout",
];

/// One watch.
#[derive(Debug, Clone)]
pub(crate) struct WatchSpec {
    /// The field `label`, or else the path.
    pub(crate) label: String,
    /// The path of the watch, for example `key:a`.
    pub(crate) path: WatchPath,
    pub(crate) definition: Definition,
    pub(crate) delivery: DeliveryOptions,
    pub(crate) handler: HandlerSpec,
    /// The program for errors of the watch and of its handler.
    pub(crate) on_error: Option<OnError>,
    pub(crate) location: Location,
}

/// Options that decide which updates the handler gets, and when.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct DeliveryOptions {
    pub(crate) changes_only: bool,
    pub(crate) quiescence: Option<Quiescence>,
    pub(crate) checkpoint: Option<PathBuf>,
    pub(crate) view: ViewSpec,
}

impl WatchSpec {
    /// Reads an entry of `watches`.
    pub(super) fn read(
        node: &ConfigNode,
        part: &str,
        defaults: &WatchOptions,
        issues: &mut ConfigErrors,
        warnings: &mut Vec<ConfigIssue>,
    ) -> Option<Self> {
        let part = match node.get("label").map(ConfigNode::to_json) {
            Some(Value::String(label)) => format!("{part} `{label}`"),
            _ => part.to_owned(),
        };
        let mut http = None;
        if let Some(config) = node.get("http_handler_config") {
            http = HttpSpec::read(config, &part, issues, warnings);
        }
        let location = node.location.clone();
        let read = watch_section(node, &part, (&mut *issues, warnings), |fields, errors| {
            let definition = read_definition(fields, errors);
            let label = fields.string("label", errors);
            if label.as_ref().is_some_and(|label| label.trim().is_empty()) {
                let reason = "it is empty; give the watch a name, or leave it out";
                errors.push(DefinitionError::unusable("label", reason));
            }
            let checkpoint = fields.string("checkpoint", errors).map(PathBuf::from);
            let view = ViewSpec::read(fields, definition.as_ref(), errors);
            let (handler, watch_options) = read_handler(fields, http, defaults, errors)?;
            let definition = definition?;
            let path = definition.visit(PathVisitor);
            let label = label.unwrap_or_else(|| path.to_string());
            let delivery = DeliveryOptions::new(&watch_options, checkpoint, view, errors);
            let on_error = watch_options.on_error();
            Some(Self {
                label,
                path,
                definition,
                delivery,
                handler,
                on_error,
                location,
            })
        });
        let given = |name| match node.get(name).map(|text| &text.data) {
            Some(NodeData::Scalar(Value::String(text))) => Some(text.as_str()),
            _ => None,
        };
        if let Some((field, warning)) = read
            .as_ref()
            .and_then(|read| read.definition.respelled(given))
        {
            let location = node.location_of(field).clone();
            warnings.push(ConfigIssue::in_part(&part, location, warning));
        }
        let refused = read.as_ref().and_then(unusable_checkpoint);
        if let Some(reason) = &refused {
            let location = node.location_of("checkpoint").clone();
            issues.push(ConfigIssue::in_part(
                &part,
                location,
                format!("`checkpoint` cannot be used: {reason}"),
            ));
        }
        read.filter(|_| refused.is_none())
    }

    /// Returns the path of the checkpoint file, however it is spelled.
    pub(crate) fn checkpoint_place(&self) -> Option<PathBuf> {
        let file = self.delivery.checkpoint.as_ref()?;
        Some(CheckpointFile::new(file).place())
    }

    /// Returns true if both specify the same watch and handler, whatever their locations.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        self.is_same_watch(other)
            && self.handler == other.handler
            && self.label == other.label
            && self.on_error == other.on_error
    }

    /// Returns true if both receive the same updates.
    pub(crate) fn is_same_watch(&self, other: &Self) -> bool {
        self.definition == other.definition && self.delivery == other.delivery
    }
}

impl DeliveryOptions {
    fn new(
        watch_options: &WatchOptions,
        checkpoint: Option<PathBuf>,
        view: ViewSpec,
        errors: &mut DefinitionErrors,
    ) -> Self {
        let quiet = watch_options
            .quiet_period
            .filter(|period| !period.is_zero());
        let longest = watch_options.max_wait.filter(|longest| !longest.is_zero());
        if let (Some(period), Some(longest)) = (quiet, longest)
            && longest < period
        {
            let reason = "it is shorter than `quiet_period`; make it at least as long";
            errors.push(DefinitionError::unusable("max_wait", reason));
        }
        if let (None, Some(_)) = (quiet, longest) {
            let remedy = "`max_wait` limits a quiet period; give one, or remove `max_wait`";
            errors.push(DefinitionError::missing("quiet_period", remedy));
        }
        let quiescence = quiet.map(|period| {
            let quiescence = Quiescence::new(period);
            longest.map_or(quiescence, |longest: Duration| {
                quiescence.with_max_wait(longest)
            })
        });
        Self {
            changes_only: watch_options.changes_only.unwrap_or(false),
            quiescence,
            checkpoint,
            view,
        }
    }
}

/// Returns the reason why the checkpoint file of a watch is unusable, if there is one.
fn unusable_checkpoint(spec: &WatchSpec) -> Option<String> {
    let file = spec.delivery.checkpoint.as_ref()?;
    let folder = file
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    if let Some(folder) = folder.filter(|folder| !folder.is_dir()) {
        return Some(format!(
            "the directory {} does not exist; create it, or name another",
            folder.display()
        ));
    }
    match CheckpointFile::new(file).load() {
        Err(
            error @ (CheckpointError::NotAFile { .. } | CheckpointError::NotACheckpoint { .. }),
        ) => Some(error.to_string()),
        // Any other is a warning when the watch starts.
        _ => None,
    }
}

fn read_definition(fields: &mut Fields<'_>, errors: &mut DefinitionErrors) -> Option<Definition> {
    let definition = Definition::read(fields, errors);
    let kind = fields
        .get("type")
        .and_then(Value::as_str)
        .unwrap_or_default();
    if !WatchType::TYPES.contains(&kind) {
        // Without a type, no parameter can be called wrong.
        for name in PARAMETERS {
            fields.get(name);
        }
    }
    definition
}

fn read_handler(
    fields: &mut Fields<'_>,
    http: Option<HttpSpec>,
    defaults: &WatchOptions,
    errors: &mut DefinitionErrors,
) -> Option<(HandlerSpec, WatchOptions)> {
    let kind = handler_spec::kind(fields, errors);
    let applies = match kind {
        Some("script") => HandlerKind::Script,
        Some("http") => HandlerKind::Http,
        Some(_) => HandlerKind::Exec,
        None => HandlerKind::All,
    };
    let watch_options = WatchOptions::read(fields, applies, errors).or(defaults);
    let spec = match applies {
        HandlerKind::Http => {
            ExecExtras::refuse(fields, errors);
            handler_spec::no_program(fields, errors);
            if fields.get("http_handler_config").is_none() {
                let remedy =
                    "a handler of type `http` needs it; give at least its `path`, the URL to call";
                errors.push(DefinitionError::missing("http_handler_config", remedy));
            }
            HandlerSpec::Http(Box::new(http?.with_options(&watch_options)))
        }
        HandlerKind::Script => {
            ExecExtras::refuse(fields, errors);
            handler_spec::no_http(fields, errors);
            HandlerSpec::Script(Box::new(ScriptSpec::new(
                handler_spec::program(fields, errors)?,
                &watch_options,
            )))
        }
        HandlerKind::Exec => {
            handler_spec::no_http(fields, errors);
            let extras = ExecExtras::read(fields, errors);
            let program = handler_spec::program(fields, errors)?;
            HandlerSpec::Exec(Box::new(ExecSpec::new(program, &watch_options, extras)))
        }
        HandlerKind::All => {
            for name in ["handler", "args", "http_handler_config"]
                .into_iter()
                .chain(ExecExtras::FIELDS)
            {
                fields.get(name);
            }
            return None;
        }
    };
    Some((spec, watch_options))
}

/// Returns the path of a query.
struct PathVisitor;

impl QueryVisitor for PathVisitor {
    type Output = WatchPath;

    fn visit_query<Q: HandlerPayload>(self, query: Q) -> WatchPath {
        query.path()
    }
}
