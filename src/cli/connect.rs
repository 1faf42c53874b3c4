//! Builds the client configuration from the environment and the arguments.

use consul_watch::{
    ConsulConfig,
    client::{ConfigError, Consistency},
};

use super::arguments::ConnectArguments;

impl ConnectArguments {
    /// Returns the configuration of the environment, overridden by the arguments. Of the tokens, `--token-file`
    /// comes first, then `--token`, `CONSUL_HTTP_TOKEN_FILE` and `CONSUL_HTTP_TOKEN`, as in Consul since 1.15.
    pub(super) fn config(&self) -> Result<ConsulConfig, ConfigError> {
        let mut config = ConsulConfig::from_env()?;
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
        if let (Some(certificate), Some(key)) = (&self.client_cert, &self.client_key) {
            config = config.with_client_certificate(certificate, key);
        }
        if let Some(name) = &self.tls_server_name {
            config = config.with_tls_server_name(name);
        }
        if let Some(datacenter) = &self.datacenter {
            config = config.with_datacenter(datacenter);
        }
        if self.stale == Some(true) {
            config = config.with_consistency(Consistency::Stale { max_stale: None });
        }
        if let Some(bytes) = self.body_budget {
            config = config.with_body_budget(bytes);
        }
        config.validate()?;
        Ok(config)
    }
}
