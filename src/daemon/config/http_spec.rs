//! The object `http_handler_config`: a URL to call on each change.

use std::{
    env, io,
    path::{Path, PathBuf},
    time::Duration,
};

use serde_json::Value;

use crate::{
    client::{FileDigest, MAX_SECRET, Secret, not_a_file, read_regular_file},
    daemon::{
        config::{
            retry_spec::RetrySpec, section::lenient_section, values::duration,
            watch_options::WatchOptions,
        },
        config_issue::{ConfigErrors, ConfigIssue},
        parse::tree::ConfigNode,
    },
    definition::{DefinitionError, DefinitionErrors, Fields},
    handlers::{PayloadKind, Webhook, WebhookError, WebhookHandler},
};

/// The fields of [Consul's HTTP handler](https://developer.hashicorp.com/consul/docs/dynamic-app-config/watches#http-endpoint),
/// with `ca_file`, `secret` and `retry` in addition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct HttpSpec {
    /// May hold a password, or a token in its query.
    pub(crate) url: Secret,
    pub(crate) method: String,
    pub(crate) timeout: Duration,
    /// One entry per value. Values may be secrets.
    pub(crate) headers: Vec<(String, Secret)>,
    pub(crate) tls_skip_verify: bool,
    pub(crate) ca_file: Option<PathBuf>,
    /// The content of that file: a handler whose file has changed is another one.
    pub(crate) ca_digest: Option<FileDigest>,
    /// The key of the HMAC signature.
    pub(crate) secret: Option<Secret>,
    /// The file that it was read from.
    pub(crate) secret_file: Option<PathBuf>,
    /// The variable that it was read from, which no program inherits.
    pub(crate) secret_variable: Option<String>,
    pub(crate) payload: PayloadKind,
    /// `None`: the call is retried until it succeeds.
    pub(crate) retry: Option<RetrySpec>,
}

impl HttpSpec {
    /// The default time limit of a call, which is Consul's.
    const TIMEOUT: Duration = Duration::from_secs(10);

    /// Reads the object `http_handler_config`.
    pub(super) fn read(
        node: &ConfigNode,
        part: &str,
        issues: &mut ConfigErrors,
        warnings: &mut Vec<ConfigIssue>,
    ) -> Option<Self> {
        let part = format!("{part}.http_handler_config");
        let read = (&mut *issues, &mut *warnings);
        let mut spec = lenient_section(node, &part, read, |fields, errors| {
            let url = fields.required("path", "give the URL to call", errors);
            let method = fields
                .string("method", errors)
                .filter(|method| !method.is_empty());
            // As for an agent, an empty text is none.
            let is_empty = fields.get("timeout").and_then(Value::as_str) == Some("");
            let timeout = if is_empty {
                None
            } else {
                duration(fields, "timeout", errors).filter(|timeout| !timeout.is_zero())
            };
            let ca_file = fields.string("ca_file", errors).map(PathBuf::from);
            let ca_file = ca_file.filter(|file| {
                let refused = not_a_file(file);
                let is_file = refused.is_none();
                if let Some(reason) = refused {
                    errors.push(DefinitionError::unusable("ca_file", reason));
                }
                is_file
            });
            Some(Self {
                ca_digest: ca_file.as_deref().map(FileDigest::of),
                ca_file,
                method: method.unwrap_or_else(|| "POST".to_owned()),
                timeout: timeout.unwrap_or(Self::TIMEOUT),
                headers: headers(fields, errors),
                tls_skip_verify: fields.boolean("tls_skip_verify", errors).unwrap_or(false),
                secret_variable: fields
                    .get("secret")
                    .and_then(|secret| secret.get("env")?.as_str())
                    .map(str::to_owned),
                secret_file: fields
                    .get("secret")
                    .and_then(|secret| secret.get("file")?.as_str())
                    .map(PathBuf::from),
                secret: secret(fields, errors),
                payload: PayloadKind::default(),
                retry: None,
                url: url?.into(),
            })
        })?;
        spec.headers.retain(|(name, _)| {
            let ignored = Webhook::ignores_header(name);
            if ignored {
                let reason =
                    format!("`{name}` in `header` is ignored: each call sets it itself; remove it");
                let location = node.location_of(&format!("header.{name}")).clone();
                warnings.push(ConfigIssue::in_part(&part, location, reason));
            }
            !ignored
        });
        // The handler itself checks the URL, the method and the headers.
        if let Err(error) = WebhookHandler::new(spec.http()) {
            issues.push(ConfigIssue::in_part(
                &part,
                node.location_of(field_of(&error)).clone(),
                error.to_string(),
            ));
        }
        Some(spec)
    }

    pub(super) fn with_options(self, watch_options: &WatchOptions) -> Self {
        Self {
            payload: watch_options.payload.unwrap_or_default(),
            retry: watch_options.retry,
            ..self
        }
    }

    /// Returns the settings for the handler.
    pub(crate) fn http(&self) -> Webhook {
        let mut http = Webhook::new(self.url.clone())
            .method(&self.method)
            .payload(self.payload)
            .timeout(self.timeout)
            .verify(!self.tls_skip_verify);
        for (name, value) in &self.headers {
            http = http.header(name, value.clone());
        }
        if let Some(file) = &self.ca_file {
            http = http.ca_file(file);
        }
        if let Some(secret) = &self.secret {
            http = http.sign_with(secret.clone());
        }
        match &self.retry {
            Some(retry) => http.retry(retry.policy()),
            None => http,
        }
    }
}

/// Returns the field that an error is about, for its location.
fn field_of(error: &WebhookError) -> &'static str {
    match error {
        WebhookError::Url { .. } => "path",
        WebhookError::Method { .. } => "method",
        WebhookError::HeaderName { .. }
        | WebhookError::HeaderValue { .. }
        | WebhookError::Reserved { .. } => "header",
        WebhookError::Timeout => "timeout",
        WebhookError::EmptyKey => "secret",
        _ => "",
    }
}

/// Reads `header`: names, each with a list of values.
fn headers(fields: &mut Fields<'_>, errors: &mut DefinitionErrors) -> Vec<(String, Secret)> {
    let map = match fields.get("header") {
        None => return Vec::new(),
        Some(Value::Object(map)) => map,
        Some(other) => {
            errors.push(DefinitionError::wrong_type(
                "header",
                "an object of lists: { Name = [\"value\"] }",
                other,
            ));
            return Vec::new();
        }
    };
    let mut headers = Vec::new();
    for (name, values) in map {
        let values = match values {
            Value::Array(values) => &values[..],
            one => std::slice::from_ref(one),
        };
        for value in values {
            match value.as_str() {
                Some(value) => headers.push((name.clone(), Secret::from(value))),
                None => errors.push(DefinitionError::wrong_type(
                    format!("header.{name}"),
                    "a list of strings",
                    value,
                )),
            }
        }
    }
    headers
}

/// Reads the secret of a file, without the end of its line.
fn of_file(path: &str) -> Result<String, String> {
    let cannot = |error| format!("the file {path} cannot be read: {error}");
    if let Some(reason) = not_a_file(Path::new(path)) {
        return Err(reason);
    }
    let content = read_regular_file(Path::new(path), MAX_SECRET)
        .map_err(|error| cannot(io::Error::from(error).to_string()))?;
    let text = std::str::from_utf8(&content).map_err(|error| cannot(error.to_string()))?;
    Ok(text.trim_end_matches(['\r', '\n']).to_owned())
}

/// Reads `secret`: `{ env = "NAME" }` or `{ file = "path" }`. The secret itself is refused: many may read the file.
fn secret(fields: &mut Fields<'_>, errors: &mut DefinitionErrors) -> Option<Secret> {
    const WHAT: &str = "{ env = \"NAME\" } or { file = \"path\" }";
    let map = match fields.get("secret")? {
        Value::Object(map) if map.len() == 1 => map,
        Value::Object(_) => {
            errors.push(DefinitionError::unusable(
                "secret",
                format!("it must be {WHAT}"),
            ));
            return None;
        }
        other => {
            errors.push(DefinitionError::wrong_type("secret", WHAT, other));
            return None;
        }
    };
    let text = |name: &str| map.get(name).and_then(Value::as_str);
    let (field, found) = match (text("env"), text("file")) {
        (Some(name), _) => {
            let found = env::var(name).map_err(|_| {
                format!("the environment variable {name} is not set, or is not UTF-8; set it")
            });
            ("secret.env", found)
        }
        (None, Some(path)) => ("secret.file", of_file(path)),
        (None, None) => ("secret", Err(format!("it must be {WHAT}"))),
    };
    match found {
        Ok(secret) if !secret.is_empty() => Some(secret.into()),
        Ok(_) => {
            errors.push(DefinitionError::unusable(
                field,
                "the secret is empty; give a key",
            ));
            None
        }
        Err(reason) => {
            errors.push(DefinitionError::unusable(field, reason));
            None
        }
    }
}
