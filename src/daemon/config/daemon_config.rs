//! The files as a whole.

use std::{collections::HashMap, path::PathBuf, time::Duration};

use serde_json::Value;

use crate::{
    client::{ConsulConfig, parse_duration},
    daemon::{
        config::{
            consul_section,
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
};

/// The top-level fields that mean something here; an agent's others are its own.
const OURS: [&str; 6] = [
    "watches",
    "roots",
    "consul",
    "log",
    "defaults",
    "shutdown_grace",
];

/// Names of an agent that are near one of ours and meant.
const THEIRS: [&str; 1] = ["logs"];

/// All that the files say: checked, and nothing of it begun.
#[derive(Debug, Clone)]
pub struct DaemonConfig {
    pub(crate) consul: ConsulConfig,
    pub(crate) log: LogSettings,
    pub(crate) roots: Vec<RootSpec>,
    pub(crate) watches: Vec<WatchSpec>,
    /// How long handlers may take to come to their end.
    pub(crate) shutdown_grace: Duration,
}

impl DaemonConfig {
    /// How long handlers may take to come to their end, unless `shutdown_grace` says otherwise.
    pub const SHUTDOWN_GRACE: Duration = Duration::from_secs(10);

    /// Reads and checks files: those that are named, and of a directory its `*.json` and `*.hcl` in the
    /// order of their names. `base` is what `consul` in the files goes on from: the environment's.
    ///
    /// # Errors
    ///
    /// All that is wrong, in all files, at once.
    pub fn load(paths: &[PathBuf], base: &ConsulConfig) -> Result<Self, ConfigErrors> {
        let mut issues = ConfigErrors::default();
        let trees = files::read(paths, &mut issues);
        let config = Self::read(&trees, base, &mut issues);
        if issues.is_empty() {
            Ok(config)
        } else {
            Err(issues.sorted())
        }
    }

    /// Where Consul is.
    pub fn consul(&self) -> &ConsulConfig {
        &self.consul
    }

    /// What the watches are called, in the order of the files.
    pub fn labels(&self) -> impl Iterator<Item = &str> {
        self.watches.iter().map(|watch| watch.label.as_str())
    }

    /// The prefixes that are asked for as a whole, for all watches beneath them.
    pub fn roots(&self) -> impl Iterator<Item = &str> {
        self.roots.iter().map(|root| root.prefix.as_str())
    }

    /// What is logged, and how.
    pub fn log(&self) -> &LogSettings {
        &self.log
    }

    fn read(trees: &[ConfigNode], base: &ConsulConfig, issues: &mut ConfigErrors) -> Self {
        let mut config = Self {
            consul: base.clone(),
            log: LogSettings::default(),
            roots: Vec::new(),
            watches: Vec::new(),
            shutdown_grace: Self::SHUTDOWN_GRACE,
        };
        for tree in trees {
            refuse_near_misses(tree, issues);
        }
        if let Some(node) = merged(trees, "consul", issues) {
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
        if let Some(node) = trees
            .iter()
            .rev()
            .find_map(|tree| tree.get("shutdown_grace"))
        {
            match node.to_json().as_str().and_then(parse_duration) {
                Some(grace) => config.shutdown_grace = grace,
                None => issues.push(ConfigIssue::whole(
                    node.location.clone(),
                    "`shutdown_grace` does not parse as a duration; write `10s`, `1m30s` or `250ms`",
                )),
            }
        }
        let defaults = defaults.unwrap_or_default();
        for tree in trees {
            if let Some(node) = given(tree, "roots", issues) {
                root_spec::read(node, &mut config.roots, issues);
            }
            for (at, node) in watches(tree, issues).into_iter().enumerate() {
                let read = WatchSpec::read(node, &format!("watches[{at}]"), &defaults, issues);
                config.watches.extend(read);
            }
        }
        config.refuse_clashes(issues);
        if config.watches.is_empty() && issues.is_empty() {
            let location = trees
                .first()
                .map_or_else(|| Location::file("."), |tree| tree.location.clone());
            issues.push(ConfigIssue::whole(
                location,
                "there is no watch in any of the files: give at least one in `watches`",
            ));
        }
        config
    }

    /// Labels and checkpoints are one watch's own.
    fn refuse_clashes(&self, issues: &mut ConfigErrors) {
        let mut seen: HashMap<PathBuf, &Location> = HashMap::new();
        for watch in &self.watches {
            let Some(file) = &watch.delivery.checkpoint else {
                continue;
            };
            if let Some(other) = seen.insert(file.clone(), &watch.location) {
                let reason = format!(
                    "the checkpoint {} is that of {other} already; give each watch a file of its own",
                    file.display()
                );
                issues.push(ConfigIssue::whole(watch.location.clone(), reason));
            }
        }
    }
}

/// A section that several files may have a part of: the later file wins, field by field.
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

/// What a file says under this name, which it may do once.
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
        let reason =
            format!("`{name}` is given twice: it is in line {line} already; put both into one");
        issues.push(ConfigIssue::whole(second.location.clone(), reason));
    }
    given.last().map(|(_, node)| node)
}

/// The entries of all `watches` of a file; in HCL a single block is one too.
fn watches<'a>(tree: &'a ConfigNode, issues: &mut ConfigErrors) -> Vec<&'a ConfigNode> {
    let mut found = Vec::new();
    for (_, node) in tree.entries().iter().filter(|(name, _)| name == "watches") {
        match &node.data {
            NodeData::List(list) => found.extend(list),
            NodeData::Object(_) => found.push(node),
            NodeData::Scalar(Value::Null) => {}
            NodeData::Scalar(_) => {
                let reason = "`watches` must be a list of watches: [{ type = \"key\", … }]";
                issues.push(ConfigIssue::whole(node.location.clone(), reason));
            }
        }
    }
    found
}

/// A field that is nearly one of ours would be passed over in silence, as one of the agent's.
fn refuse_near_misses(tree: &ConfigNode, issues: &mut ConfigErrors) {
    if !matches!(tree.data, NodeData::Object(_)) {
        issues.push(ConfigIssue::whole(
            tree.location.clone(),
            "a file must be an object: { \"watches\": […] }",
        ));
    }
    for (name, node) in tree.entries() {
        if OURS.contains(&name.as_str()) || THEIRS.contains(&name.as_str()) {
            continue;
        }
        if let Some(meant) = nearest(name, OURS) {
            let reason = format!("`{name}` is not a field here (did you mean `{meant}`?)");
            issues.push(ConfigIssue::whole(node.location.clone(), reason));
        }
    }
}
