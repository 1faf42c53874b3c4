//! The connection to Consul: its arguments, and the client configuration made of them and of the environment. The doc
//! comments of the arguments are the texts of `--help`.

#![expect(
    clippy::doc_markdown,
    reason = "doc comments here are shown in a terminal"
)]

use std::{
    env::{self, VarError},
    path::PathBuf,
    time::Duration,
};

use clap::Args;
use consul_watch::{
    ConsulConfig,
    client::{ConfigError, Consistency},
};

use super::values::{boolean, size, timeout};

/// The greatest answer to a command that ends with it: `kv export` may print a whole store.
const COMMAND_BODY_LIMIT: usize = 1 << 30;

/// Connection to Consul. Defaults come from the environment variables of Consul's own clients.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Connection to Consul")]
pub(super) struct ConnectArguments {
    /// Address of Consul [env: CONSUL_HTTP_ADDR] [default: 127.0.0.1:8500]
    #[arg(long, value_name = "ADDRESS")]
    http_addr: Option<String>,
    /// ACL token; used instead of a token file of the environment. Prefer --token-file: other users can see
    /// arguments [env: CONSUL_HTTP_TOKEN]
    #[arg(long, hide_default_value = true)]
    token: Option<String>,
    /// File that holds the ACL token; used instead of --token [env: CONSUL_HTTP_TOKEN_FILE]
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// PEM file of trusted certificate authorities [env: CONSUL_CACERT]
    #[arg(long, value_name = "FILE")]
    ca_file: Option<PathBuf>,
    /// Directory of PEM files of trusted certificate authorities [env: CONSUL_CAPATH]
    #[arg(long, value_name = "DIR")]
    ca_path: Option<PathBuf>,
    /// PEM file of the client certificate [env: CONSUL_CLIENT_CERT]
    #[arg(long, value_name = "FILE")]
    client_cert: Option<PathBuf>,
    /// PEM file of the client certificate's key [env: CONSUL_CLIENT_KEY]
    #[arg(long, value_name = "FILE")]
    client_key: Option<PathBuf>,
    /// Name to expect in the server's certificate [env: CONSUL_TLS_SERVER_NAME]
    #[arg(long, value_name = "NAME")]
    tls_server_name: Option<String>,
    /// Datacenter to query [default: that of the agent].
    #[arg(long)]
    datacenter: Option<String>,
    /// Namespace to query (Consul Enterprise) [env: CONSUL_NAMESPACE]
    #[arg(long)]
    namespace: Option<String>,
    /// Admin partition to query (Consul Enterprise) [env: CONSUL_PARTITION]
    #[arg(long)]
    partition: Option<String>,
    /// Accept answers from any server, not only the leader: faster, but possibly stale.
    #[arg(long, value_parser = boolean, num_args = 0..=1, require_equals = true, default_missing_value = "true", value_name = "BOOL")]
    stale: Option<bool>,
    /// Greatest size of an answer (64MiB, 1GB, or a number of bytes) [default: 32MiB; kv: 1GiB]
    #[arg(long, value_parser = size, value_name = "SIZE")]
    body_limit: Option<usize>,
    /// Memory for the answers that arrive at once (64MiB, 1GB, or a number of bytes) [default: 256MiB; kv: that of one
    /// answer]
    #[arg(long, value_parser = size, value_name = "SIZE")]
    body_budget: Option<usize>,
    /// Time limit of the first answer to a watch, its body included [default: 20s]
    #[arg(long, value_parser = timeout, value_name = "DURATION")]
    first_answer_timeout: Option<Duration>,
    /// Time limit of a request that is not held, such as those of `kv` [default: 20s]
    #[arg(long, value_parser = timeout, value_name = "DURATION")]
    request_timeout: Option<Duration>,
}

impl ConnectArguments {
    /// Returns the configuration of the environment, overridden by the arguments. Of the tokens, `--token-file`
    /// comes first, then `--token`, `CONSUL_HTTP_TOKEN_FILE` and `CONSUL_HTTP_TOKEN`, as in Consul since 1.15.
    pub(super) fn config(&self) -> Result<ConsulConfig, ConfigError> {
        let mut config = self.with_certificate()?;
        if let Some(address) = &self.http_addr {
            config = config.with_address(address)?;
        }
        if let Some(token) = &self.token {
            config = config.with_token(&**token);
        }
        if let Some(file) = &self.token_file {
            config = config.with_token_file(file);
        }
        if let Some(file) = &self.ca_file {
            config = config.with_ca_file(file);
        }
        if let Some(folder) = &self.ca_path {
            config = config.with_ca_path(folder);
        }
        if let Some(name) = &self.tls_server_name {
            config = config.with_tls_server_name(name);
        }
        if let Some(datacenter) = &self.datacenter {
            config = config.with_datacenter(datacenter);
        }
        if let Some(namespace) = &self.namespace {
            config = config.with_namespace(namespace);
        }
        if let Some(partition) = &self.partition {
            config = config.with_partition(partition);
        }
        match self.stale {
            Some(true) => config = config.with_consistency(Consistency::Stale { max_stale: None }),
            Some(false) => config = config.with_consistency(Consistency::Default),
            None => {}
        }
        if let Some(bytes) = self.body_limit {
            config = config.with_max_body_size(bytes);
        }
        if let Some(limit) = self.first_answer_timeout {
            config = config.with_first_answer_timeout(limit);
        }
        if let Some(limit) = self.request_timeout {
            config = config.with_request_timeout(limit);
        }
        if let Some(bytes) = self.body_budget {
            config = config.with_body_budget(bytes);
        }
        config.validate()?;
        Ok(config)
    }

    /// Returns the configuration of the environment. An option of the client certificate and a variable of its key
    /// complete each other, and the other way round.
    fn with_certificate(&self) -> Result<ConsulConfig, ConfigError> {
        const CERTIFICATE: &str = "CONSUL_CLIENT_CERT";
        const KEY: &str = "CONSUL_CLIENT_KEY";
        if self.client_cert.is_none() && self.client_key.is_none() {
            return ConsulConfig::from_env();
        }
        let config = ConsulConfig::from_variables(|name| match name {
            CERTIFICATE | KEY => Err(VarError::NotPresent),
            other => env::var(other),
        })?;
        let or_variable = |option: &Option<PathBuf>, name: &str| {
            let variable = || {
                env::var_os(name).filter(|value| !value.as_encoded_bytes().trim_ascii().is_empty())
            };
            option.clone().or_else(|| variable().map(PathBuf::from))
        };
        match (
            or_variable(&self.client_cert, CERTIFICATE),
            or_variable(&self.client_key, KEY),
        ) {
            (Some(certificate), Some(key)) => Ok(config.with_client_certificate(certificate, key)),
            (certificate, _) => Err(if certificate.is_some() {
                half("`--client-cert`", "`--client-key` (or CONSUL_CLIENT_KEY)")
            } else {
                half("`--client-key`", "`--client-cert` (or CONSUL_CLIENT_CERT)")
            }),
        }
    }

    /// Returns the configuration of a command that asks once, whose answer may be great.
    pub(super) fn command_config(&self) -> Result<ConsulConfig, ConfigError> {
        let mut config = self.config()?;
        if self.body_limit.is_none() {
            config = config.with_max_body_size(COMMAND_BODY_LIMIT);
        }
        if self.body_budget.is_none() {
            let limit = config.max_body_size();
            config = config.with_body_budget(limit);
        }
        Ok(config)
    }

    /// Returns the fields of the section `consul` that these arguments set, each with the name of its option.
    pub(super) fn fields(&self) -> Vec<(&'static str, &'static str)> {
        let given = [
            ("address", "--http-addr", self.http_addr.is_some()),
            ("token", "--token", self.token.is_some()),
            ("token_file", "--token-file", self.token_file.is_some()),
            ("ca_file", "--ca-file", self.ca_file.is_some()),
            ("ca_path", "--ca-path", self.ca_path.is_some()),
            ("client_cert", "--client-cert", self.client_cert.is_some()),
            ("client_key", "--client-key", self.client_key.is_some()),
            (
                "tls_server_name",
                "--tls-server-name",
                self.tls_server_name.is_some(),
            ),
            ("datacenter", "--datacenter", self.datacenter.is_some()),
            ("namespace", "--namespace", self.namespace.is_some()),
            ("partition", "--partition", self.partition.is_some()),
            ("stale", "--stale", self.stale.is_some()),
            ("body_limit", "--body-limit", self.body_limit.is_some()),
            ("body_budget", "--body-budget", self.body_budget.is_some()),
            (
                "first_answer_timeout",
                "--first-answer-timeout",
                self.first_answer_timeout.is_some(),
            ),
            (
                "request_timeout",
                "--request-timeout",
                self.request_timeout.is_some(),
            ),
        ];
        given
            .into_iter()
            .filter_map(|(field, option, is_given)| is_given.then_some((field, option)))
            .collect()
    }

    /// Whether `--stale` was given.
    pub(super) fn stale(&self) -> bool {
        self.stale == Some(true)
    }
}

fn half(given: &'static str, missing: &'static str) -> ConfigError {
    ConfigError::HalfClientCertificate { given, missing }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        connect: ConnectArguments,
    }

    fn command_limits(arguments: &[&str]) -> (usize, usize) {
        let line = Line::try_parse_from([&["x"], arguments].concat()).unwrap();
        let config = line.connect.command_config().unwrap();
        (config.max_body_size(), config.body_budget())
    }

    #[test]
    fn a_command_may_have_a_great_answer() {
        assert_eq!(command_limits(&[]), (1 << 30, 1 << 30));
        assert_eq!(command_limits(&["--body-limit=1MiB"]), (1 << 20, 1 << 20));
        assert_eq!(
            command_limits(&["--body-budget=1MiB"]),
            (1 << 30, 1 << 20),
            "the budget limits the answer then"
        );
    }
}
