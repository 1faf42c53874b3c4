//! The section `consul`: how to reach Consul.

use crate::{
    client::{Consistency, ConsulClient, ConsulConfig},
    daemon::{
        config::{
            section::section,
            values::{duration, number},
        },
        config_issue::{ConfigErrors, ConfigIssue},
        parse::tree::{ConfigNode, NodeData},
    },
    definition::{DefinitionError, DefinitionErrors, Fields},
};

/// The fields that name files.
const FILES: [&str; 5] = [
    "token_file",
    "ca_file",
    "ca_path",
    "client_cert",
    "client_key",
];

/// Returns `base` with the fields of the section applied.
pub(super) fn read(
    node: &ConfigNode,
    base: ConsulConfig,
    issues: &mut ConfigErrors,
) -> Option<ConsulConfig> {
    let config = section(node, "consul", issues, |fields, errors| {
        Some(fields_of(fields, base, errors))
    })?;
    if let Err(error) = config.validate() {
        issues.push(ConfigIssue::in_part(
            "consul",
            node.location.clone(),
            error.to_string(),
        ));
    } else {
        issues.extend(unusable_file(node, &config));
    }
    Some(config)
}

/// Returns the issue of a token or TLS file that a client cannot be made with. One that only the environment names is
/// an error of the start.
fn unusable_file(node: &ConfigNode, config: &ConsulConfig) -> Option<ConfigIssue> {
    let error = ConsulClient::check(config).err()?;
    let location = match error.path() {
        None => &node.location,
        Some(path) => {
            let names_it = |field: &&str| {
                let given = node.get(field).map(ConfigNode::to_json);
                // Of a directory of authorities, one file may be the unusable one.
                given.is_some_and(|given| given.as_str().is_some_and(|it| path.starts_with(it)))
            };
            node.location_of(FILES.into_iter().find(names_it)?)
        }
    };
    Some(ConfigIssue::in_part(
        "consul",
        location.clone(),
        error.to_string(),
    ))
}

/// Returns the section without the fields that options of the command line set, and warns of them.
pub(super) fn without(
    mut node: ConfigNode,
    fixed: &[(&str, &str)],
    warnings: &mut Vec<ConfigIssue>,
) -> ConfigNode {
    let NodeData::Object(entries) = &mut node.data else {
        return node;
    };
    entries.retain(|(name, value)| {
        let Some(option) = overriding(name, fixed) else {
            return true;
        };
        let reason = format!("`{name}` is ignored: `{option}` of the command line counts");
        warnings.push(ConfigIssue::in_part(
            "consul",
            value.location.clone(),
            reason,
        ));
        false
    });
    node
}

/// Returns the option that takes the place of a field. One of a token or of a token file replaces both.
fn overriding<'a>(field: &str, fixed: &[(&str, &'a str)]) -> Option<&'a str> {
    let is_token = |name: &str| matches!(name, "token" | "token_file");
    fixed
        .iter()
        .find(|(name, _)| *name == field || is_token(name) && is_token(field))
        .map(|(_, option)| *option)
}

fn fields_of(
    fields: &mut Fields<'_>,
    base: ConsulConfig,
    errors: &mut DefinitionErrors,
) -> ConsulConfig {
    let mut config = base;
    if let Some(address) = fields.string("address", errors) {
        match config.clone().with_address(&address) {
            Ok(with) => config = with,
            Err(error) => errors.push(DefinitionError::unusable("address", error.to_string())),
        }
    }
    let token = fields.string("token", errors);
    let file = fields.string("token_file", errors);
    if token.is_some() && file.is_some() {
        let (first, second) = ("token".to_owned(), "token_file".to_owned());
        errors.push(DefinitionError::Together { first, second });
    }
    if let Some(token) = token {
        config = config.with_token(token);
    }
    if let Some(file) = file {
        config = config.with_token_file(file);
    }
    let text = |config: ConsulConfig,
                value: Option<String>,
                set: fn(ConsulConfig, String) -> ConsulConfig| {
        value.map_or(config.clone(), |value| set(config, value))
    };
    config = text(
        config,
        fields.string("datacenter", errors),
        ConsulConfig::with_datacenter,
    );
    config = text(
        config,
        fields.string("namespace", errors),
        ConsulConfig::with_namespace,
    );
    config = text(
        config,
        fields.string("partition", errors),
        ConsulConfig::with_partition,
    );
    config = text(
        config,
        fields.string("ca_file", errors),
        ConsulConfig::with_ca_file,
    );
    config = text(
        config,
        fields.string("ca_path", errors),
        ConsulConfig::with_ca_path,
    );
    config = text(
        config,
        fields.string("tls_server_name", errors),
        ConsulConfig::with_tls_server_name,
    );
    match (
        fields.string("client_cert", errors),
        fields.string("client_key", errors),
    ) {
        (Some(certificate), Some(key)) => config = config.with_client_certificate(certificate, key),
        (None, None) => {}
        (given, _) => {
            let (there, missing) = if given.is_some() {
                ("client_cert", "client_key")
            } else {
                ("client_key", "client_cert")
            };
            errors.push(DefinitionError::missing(
                missing,
                format!("`{there}` is given, and a client certificate needs both; add it"),
            ));
        }
    }
    if let Some(verify) = fields.boolean("tls_verify", errors) {
        config = config.with_tls_verify(verify);
    }
    if fields.boolean("stale", errors) == Some(true) {
        config = config.with_consistency(Consistency::Stale { max_stale: None });
    }
    if let Some(wait) = duration(fields, "wait", errors) {
        config = config.with_wait(wait);
    }
    if let Some(bytes) = fields.size("body_budget", errors) {
        config = config.with_body_budget(bytes);
    }
    if let Some(bytes) = fields.size("body_limit", errors) {
        config = config.with_max_body_size(bytes);
    }
    if let Some(timeout) = fields.timeout("first_answer_timeout", errors) {
        config = config.with_first_answer_timeout(timeout);
    }
    if let Some(timeout) = fields.timeout("request_timeout", errors) {
        config = config.with_request_timeout(timeout);
    }
    if let Some(count) = connections(fields, errors) {
        config = config.with_max_watch_connections(count);
    }
    config
}

/// Reads `connections`: a number of at least 1.
fn connections(fields: &mut Fields<'_>, errors: &mut DefinitionErrors) -> Option<usize> {
    const NAME: &str = "connections";
    let count = number(fields, NAME, errors)?;
    if count == 0 {
        let reason = "no watch could be held; write at least 1, or leave it out";
        errors.push(DefinitionError::unusable(NAME, reason));
    }
    Some(usize::try_from(count).unwrap_or(usize::MAX))
}
