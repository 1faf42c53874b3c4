//! The section `log`.

use crate::{
    daemon::{config::section::section, config_issue::ConfigErrors, parse::tree::ConfigNode},
    definition::{DefinitionError, DefinitionErrors, Fields},
};

/// The section `log`: which events are logged, and in which format.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LogSettings {
    level: Option<String>,
    format: Option<LogFormat>,
}

/// The format of log lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// Text, for people.
    Text,
    /// One JSON object per line.
    Json,
}

/// The values of `level`, in lower case.
const LEVELS: [&str; 6] = ["error", "warn", "info", "debug", "trace", "off"];
const FORMATS: [&str; 2] = ["text", "json"];

impl LogSettings {
    /// Returns the level in lower case: `error`, `warn`, `info`, `debug`, `trace` or `off`. `None` if the files do
    /// not set it; the command then logs `info`.
    pub fn level(&self) -> Option<&str> {
        self.level.as_deref()
    }

    /// Returns the format. `None` if the files do not set it; the command then logs text.
    pub fn format(&self) -> Option<LogFormat> {
        self.format
    }

    pub(super) fn read(node: &ConfigNode, issues: &mut ConfigErrors) -> Option<Self> {
        section(node, "log", issues, |fields, errors| {
            let level = one_of(fields, "level", &LEVELS, errors);
            let format = one_of(fields, "format", &FORMATS, errors);
            let format = format.map(|name| {
                if name == "json" {
                    LogFormat::Json
                } else {
                    LogFormat::Text
                }
            });
            Some(Self { level, format })
        })
    }
}

fn one_of(
    fields: &mut Fields<'_>,
    name: &'static str,
    allowed: &[&'static str],
    errors: &mut DefinitionErrors,
) -> Option<String> {
    // Consul accepts its levels in capitals.
    let found = fields.string(name, errors)?;
    let lower = found.to_lowercase();
    if allowed.contains(&lower.as_str()) {
        return Some(lower);
    }
    errors.push(DefinitionError::not_allowed(name, &found, allowed));
    None
}
