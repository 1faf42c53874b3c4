//! The checked content of all configuration files.

use std::{collections::HashMap, path::PathBuf, time::Duration};

use serde_json::Value;

use crate::{
    checkpoint::CheckpointFile,
    client::{ConsulConfig, parse_duration},
    daemon::{
        config::{
            agent_fields::is_agent_field,
            consul_section,
            handler_spec::HandlerSpec,
            log_settings::LogSettings,
            root_spec::{self, RootSpec},
            section::section,
            watch_options::{HandlerKind, WatchOptions},
            watch_spec::WatchSpec,
        },
        config_issue::{ConfigErrors, ConfigIssue},
        location::Location,
        parse::{
            files,
            tree::{ConfigNode, NodeData},
        },
    },
    definition::nearest,
    permissions,
};

/// The top-level fields that the daemon reads. All others belong to a Consul agent and are ignored.
const KNOWN_FIELDS: [&str; 6] = [
    "watches",
    "roots",
    "consul",
    "log",
    "defaults",
    "shutdown_grace",
];

/// The checked configuration of a [`Daemon`](crate::daemon::Daemon).
///
/// Loading it starts nothing and does not ask Consul.
#[derive(Debug, Clone)]
pub struct DaemonConfig {
    pub(crate) consul: ConsulConfig,
    pub(crate) log: LogSettings,
    pub(crate) roots: Vec<RootSpec>,
    pub(crate) watches: Vec<WatchSpec>,
    /// Names that are ignored, and the lack of watches.
    pub(crate) warnings: Vec<ConfigIssue>,
    /// The time that handlers have to finish when they are stopped.
    pub(crate) shutdown_grace: Duration,
}

impl DaemonConfig {
    /// The default of `shutdown_grace`, the time that handlers have to finish when they are stopped: 10 s.
    pub const SHUTDOWN_GRACE: Duration = Duration::from_secs(10);

    /// Reads and checks configuration files.
    ///
    /// Each path is a `*.json` or `*.hcl` file, or a directory, of which all such files are read in the order of
    /// their names. The section `consul` of the files overrides `base`, which is usually
    /// [`ConsulConfig::from_env`].
    ///
    /// # Errors
    ///
    /// Returns all issues of all files at once.
    pub fn load(paths: &[PathBuf], base: &ConsulConfig) -> Result<Self, ConfigErrors> {
        Self::load_overridden(paths, base, &[])
    }

    /// Loads the files, whose section `consul` does not override these fields. Each has the option that sets it.
    pub(crate) fn load_overridden(
        paths: &[PathBuf],
        base: &ConsulConfig,
        fixed: &[(&str, &str)],
    ) -> Result<Self, ConfigErrors> {
        let mut issues = ConfigErrors::default();
        let mut warnings = Vec::new();
        let trees = files::read(paths, &mut issues, &mut warnings);
        let mut config = Self::read(&trees, base, fixed, &mut issues);
        config.warnings.splice(0..0, warnings);
        let files = trees.iter().map(|tree| tree.location.path());
        for file in files {
            if let Some(warning) = permissions::warning("the configuration", file) {
                let location = Location::file(file);
                config.warnings.push(ConfigIssue::at(location, warning));
            }
        }
        if issues.is_empty() {
            Ok(config)
        } else {
            Err(issues.sorted())
        }
    }

    /// Returns the configuration of the Consul client.
    pub fn consul(&self) -> &ConsulConfig {
        &self.consul
    }

    /// Returns the labels of the watches, in the order of the files.
    pub fn labels(&self) -> impl Iterator<Item = &str> {
        self.watches.iter().map(|watch| watch.label.as_str())
    }

    /// Returns the prefixes whose single query serves all watches under them (`roots`).
    pub fn roots(&self) -> impl Iterator<Item = &str> {
        self.roots.iter().map(|root| root.prefix.as_str())
    }

    /// Returns the section `log`.
    pub fn log(&self) -> &LogSettings {
        &self.log
    }

    fn read(
        trees: &[ConfigNode],
        base: &ConsulConfig,
        fixed: &[(&str, &str)],
        issues: &mut ConfigErrors,
    ) -> Self {
        let mut config = Self {
            consul: base.clone(),
            log: LogSettings::default(),
            roots: Vec::new(),
            watches: Vec::new(),
            warnings: Vec::new(),
            shutdown_grace: Self::SHUTDOWN_GRACE,
        };
        for tree in trees {
            check_names(tree, issues, &mut config.warnings);
        }
        if let Some(node) = merged(trees, "consul", issues) {
            let node = consul_section::without(node, fixed, &mut config.warnings);
            config.consul =
                consul_section::read(&node, base.clone(), issues).unwrap_or_else(|| base.clone());
        }
        if let Some(node) = merged(trees, "log", issues) {
            config.log = LogSettings::read(&node, issues).unwrap_or_default();
        }
        let defaults = merged(trees, "defaults", issues).and_then(|node| {
            section(&node, "defaults", issues, |fields, errors| {
                Some(WatchOptions::read(fields, HandlerKind::All, errors))
            })
        });
        let graces = trees
            .iter()
            .filter_map(|tree| given(tree, "shutdown_grace", issues));
        if let Some(node) = graces.last() {
            match node.to_json().as_str().and_then(parse_duration) {
                Some(grace) => config.shutdown_grace = grace,
                None => issues.push(ConfigIssue::at(
                    node.location.clone(),
                    "`shutdown_grace` is not a duration: write `10s`, `1m30s` or `250ms`",
                )),
            }
        }
        let defaults = defaults.unwrap_or_default();
        for tree in trees {
            if let Some(node) = given(tree, "roots", issues) {
                root_spec::read(node, &mut config.roots, issues);
            }
            for (at, node) in watches(tree, issues).into_iter().enumerate() {
                let part = format!("watches[{at}]");
                let warnings = &mut config.warnings;
                let read = WatchSpec::read(node, &part, &defaults, issues, warnings);
                config.watches.extend(read);
            }
        }
        config.withhold_secrets();
        config.refuse_shared_checkpoints(issues);
        // Without a file, there is a warning of each directory.
        if let Some(tree) = trees.first()
            && config.watches.is_empty()
            && issues.is_empty()
        {
            config.warnings.push(ConfigIssue::at(
                tree.location.clone(),
                "the files have no watch: nothing is done until `watches` has one",
            ));
        }
        config
    }

    /// Keeps the variables with the keys of signatures from all programs.
    fn withhold_secrets(&mut self) {
        let names: Vec<String> = self
            .watches
            .iter()
            .filter_map(|watch| match &watch.handler {
                HandlerSpec::Http(http) => http.secret_variable.clone(),
                _ => None,
            })
            .collect();
        if !names.is_empty() {
            for watch in &mut self.watches {
                watch.handler.withhold(&names);
                if let Some(on_error) = &mut watch.on_error {
                    on_error.withhold(&names);
                }
            }
        }
    }

    /// Refuses a checkpoint file that two watches share.
    fn refuse_shared_checkpoints(&self, issues: &mut ConfigErrors) {
        let mut seen: HashMap<PathBuf, &Location> = HashMap::new();
        for watch in &self.watches {
            let Some(file) = &watch.delivery.checkpoint else {
                continue;
            };
            if let Some(other) = seen.insert(CheckpointFile::new(file).place(), &watch.location) {
                let reason = format!(
                    "the checkpoint {} already belongs to the watch at {other}: give each watch its own file",
                    file.display()
                );
                issues.push(ConfigIssue::at(watch.location.clone(), reason));
            }
        }
    }
}

/// Merges a section over all files. The later file wins, field by field.
fn merged(trees: &[ConfigNode], name: &str, issues: &mut ConfigErrors) -> Option<ConfigNode> {
    let mut all: Option<ConfigNode> = None;
    for tree in trees {
        let Some(node) = given(tree, name, issues) else {
            continue;
        };
        match &mut all {
            Some(ConfigNode {
                data: NodeData::Object(entries),
                ..
            }) => {
                entries.retain(|(name, _)| node.get(name).is_none());
                entries.extend(node.entries().iter().cloned());
            }
            _ => all = Some(node.clone()),
        }
    }
    all
}

/// Returns the value of a top-level name, which may occur once in a file.
fn given<'a>(
    tree: &'a ConfigNode,
    name: &str,
    issues: &mut ConfigErrors,
) -> Option<&'a ConfigNode> {
    let given: Vec<_> = tree
        .entries()
        .iter()
        .filter(|(found, _)| found == name)
        .collect();
    if let [(_, first), .., (_, second)] = &given[..] {
        let line = first.location.line().unwrap_or_default();
        let reason = format!("`{name}` is given twice, first in line {line}: merge both into one");
        issues.push(ConfigIssue::at(second.location.clone(), reason));
    }
    given.last().map(|(_, node)| node)
}

/// Returns the entries of all `watches` of a file. In HCL, a single block is an entry too.
fn watches<'a>(tree: &'a ConfigNode, issues: &mut ConfigErrors) -> Vec<&'a ConfigNode> {
    let mut found = Vec::new();
    for (_, node) in tree.entries().iter().filter(|(name, _)| name == "watches") {
        match &node.data {
            NodeData::List(list) => found.extend(list),
            NodeData::Object(_) => found.push(node),
            NodeData::Scalar(Value::Null) => {}
            NodeData::Scalar(_) => {
                let reason = "`watches` must be a list of objects: [{ type = \"key\", … }]";
                issues.push(ConfigIssue::at(node.location.clone(), reason));
            }
        }
    }
    found
}

/// Refuses fields that resemble a known one, and warns of others that no agent has: both would be ignored.
fn check_names(tree: &ConfigNode, issues: &mut ConfigErrors, warnings: &mut Vec<ConfigIssue>) {
    if !matches!(tree.data, NodeData::Object(_)) {
        issues.push(ConfigIssue::at(
            tree.location.clone(),
            "the file must hold an object: { \"watches\": […] }",
        ));
    }
    for (name, node) in tree.entries() {
        if KNOWN_FIELDS.contains(&name.as_str()) || is_agent_field(name) {
            continue;
        }
        // `watch` is too short for a misspelled `watches`.
        let singular = KNOWN_FIELDS
            .into_iter()
            .find(|known| known.strip_suffix("es") == Some(&name.to_lowercase()));
        let meant = singular.map(str::to_owned);
        if let Some(meant) = meant.or_else(|| nearest(name, KNOWN_FIELDS)) {
            let reason = format!("`{name}` is not a field here (did you mean `{meant}`?)");
            issues.push(ConfigIssue::at(node.location.clone(), reason));
        } else {
            let reason = format!(
                "`{name}` is neither a field of an agent nor one of this program: it is ignored"
            );
            warnings.push(ConfigIssue::at(node.location.clone(), reason));
        }
    }
}
