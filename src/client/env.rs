//! [`ConsulConfig::from_env`]: the environment variables of Consul's own clients.

use std::{
    env::{self, VarError},
    ffi::OsString,
};

use super::{address::Address, config::ConsulConfig, config_error::ConfigError};

/// The values of Go's `strconv.ParseBool`, by which Consul's clients read booleans.
const BOOLEAN: &str = "a boolean (true, false, 1, 0, t or f)";

impl ConsulConfig {
    /// Reads the variables of Consul's own clients
    /// ([environment variables](https://developer.hashicorp.com/consul/commands#environment-variables)); the
    /// table at [`ConsulConfig`] names them. An empty variable counts as unset.
    ///
    /// Consul's clients guess where this fails: at a value of `CONSUL_HTTP_SSL_VERIFY` or `CONSUL_HTTP_SSL` that
    /// is no boolean (theirs would turn verification off), and at a client certificate without its key.
    ///
    /// # Errors
    /// [`ConfigError`], naming the variable. The token's file is read later, by
    /// [`ConsulClient::new`](super::ConsulClient::new).
    pub fn from_env() -> Result<Self, ConfigError> {
        read(env::var)
    }

    /// Reads the same variables from another source, such as those of the process with some of them left out.
    ///
    /// ```
    /// use std::env::{self, VarError};
    ///
    /// use consul_watch::ConsulConfig;
    ///
    /// let config = ConsulConfig::from_variables(|name| match name {
    ///     "CONSUL_HTTP_ADDR" => Err(VarError::NotPresent),
    ///     other => env::var(other),
    /// })?;
    /// assert_eq!(config.address().to_string(), "http://127.0.0.1:8500");
    /// # Ok::<(), consul_watch::client::ConfigError>(())
    /// ```
    ///
    /// # Errors
    /// As [`from_env`](Self::from_env).
    pub fn from_variables(
        lookup: impl Fn(&'static str) -> Result<String, VarError>,
    ) -> Result<Self, ConfigError> {
        read(lookup)
    }
}

fn read(
    lookup: impl Fn(&'static str) -> Result<String, VarError>,
) -> Result<ConsulConfig, ConfigError> {
    let text = |name| match lookup(name) {
        Ok(value) if value.trim().is_empty() => Ok(None),
        Ok(value) => Ok(Some(value)),
        Err(VarError::NotPresent) => Ok(None),
        Err(VarError::NotUnicode(value)) => Err(not_unicode(name, &value)),
    };
    let mut config = ConsulConfig::default();

    let mut addresses: Vec<Address> =
        match (text("CONSUL_WATCH_ADDRESSES")?, text("CONSUL_HTTP_ADDR")?) {
            (Some(list), _) => list.split(',').map(str::parse).collect::<Result<_, _>>()?,
            (None, Some(value)) => vec![value.parse()?],
            (None, None) => vec![Address::default()],
        };
    // As with Consul's clients, an address with `http://` does not turn TLS off again.
    if switch("CONSUL_HTTP_SSL", text("CONSUL_HTTP_SSL")?)?.unwrap_or(false) {
        addresses = addresses.into_iter().map(Address::over_tls).collect();
    }
    config = config.with_parsed_addresses(addresses)?;

    if let Some(value) = text("CONSUL_HTTP_TOKEN")? {
        config = config.with_token(value.trim());
    }
    if let Some(value) = text("CONSUL_HTTP_TOKEN_FILE")? {
        config = config.with_token_file(value);
    }
    if let Some(value) = text("CONSUL_HTTP_AUTH")? {
        // A user alone has an empty password, as with Consul's clients.
        let (user, password) = value.split_once(':').unwrap_or((&value, ""));
        config = config.with_basic_auth(user, password);
    }
    if let Some(value) = text("CONSUL_NAMESPACE")? {
        config = config.with_namespace(value);
    }
    if let Some(value) = text("CONSUL_PARTITION")? {
        config = config.with_partition(value);
    }
    if let Some(value) = text("CONSUL_CACERT")? {
        config = config.with_ca_file(value);
    }
    if let Some(value) = text("CONSUL_CAPATH")? {
        config = config.with_ca_path(value);
    }
    config = match (text("CONSUL_CLIENT_CERT")?, text("CONSUL_CLIENT_KEY")?) {
        (Some(certificate), Some(key)) => config.with_client_certificate(certificate, key),
        (None, None) => config,
        (Some(_), None) => return Err(half("CONSUL_CLIENT_CERT", "CONSUL_CLIENT_KEY")),
        (None, Some(_)) => return Err(half("CONSUL_CLIENT_KEY", "CONSUL_CLIENT_CERT")),
    };
    if let Some(value) = text("CONSUL_TLS_SERVER_NAME")? {
        config = config.with_tls_server_name(value);
    }
    if let Some(verify) = switch("CONSUL_HTTP_SSL_VERIFY", text("CONSUL_HTTP_SSL_VERIFY")?)? {
        config = config.with_tls_verify(verify);
    }

    config.validate()?;
    Ok(config)
}

fn switch(name: &'static str, value: Option<String>) -> Result<Option<bool>, ConfigError> {
    let Some(value) = value else { return Ok(None) };
    match value.trim() {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Ok(Some(true)),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Ok(Some(false)),
        _ => Err(ConfigError::Variable {
            name,
            value: shorten(&value),
            expected: BOOLEAN,
        }),
    }
}

fn half(given: &'static str, missing: &'static str) -> ConfigError {
    ConfigError::HalfClientCertificate { given, missing }
}

fn not_unicode(name: &'static str, value: &OsString) -> ConfigError {
    let expected = "valid UTF-8";
    if name.contains("TOKEN") || name.contains("AUTH") || name.contains("ADDR") {
        return ConfigError::SecretVariable { name, expected };
    }
    ConfigError::Variable {
        name,
        value: shorten(&value.to_string_lossy()),
        expected,
    }
}

fn shorten(text: &str) -> String {
    text.chars()
        .take(100)
        .flat_map(char::escape_debug)
        .collect()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::{
        super::{address::Scheme, secret::Secret},
        *,
    };

    fn from(variables: &[(&str, &str)]) -> Result<ConsulConfig, ConfigError> {
        read(|name| {
            let found = variables.iter().find(|(key, _)| *key == name);
            found
                .map(|(_, value)| (*value).to_owned())
                .ok_or(VarError::NotPresent)
        })
    }

    #[test]
    fn without_variables_it_is_the_default() {
        assert_eq!(from(&[]).expect("default"), ConsulConfig::default());
        assert_eq!(
            from(&[("CONSUL_HTTP_ADDR", ""), ("CONSUL_HTTP_TOKEN", " ")]).expect("empty is unset"),
            ConsulConfig::default()
        );
    }

    #[test]
    fn every_variable_is_read() {
        let config = from(&[
            ("CONSUL_HTTP_ADDR", "https://proxy/consul/"),
            ("CONSUL_HTTP_TOKEN", "hunter2\n"),
            ("CONSUL_HTTP_TOKEN_FILE", "/run/token"),
            ("CONSUL_HTTP_AUTH", "me:pass:word"),
            ("CONSUL_NAMESPACE", "team"),
            ("CONSUL_PARTITION", "part"),
            ("CONSUL_CACERT", "/ca.pem"),
            ("CONSUL_CAPATH", "/ca"),
            ("CONSUL_CLIENT_CERT", "/cert.pem"),
            ("CONSUL_CLIENT_KEY", "/key.pem"),
            ("CONSUL_TLS_SERVER_NAME", "server.dc1.consul"),
            ("CONSUL_HTTP_SSL_VERIFY", "false"),
        ])
        .expect("good variables");
        assert_eq!(config.address().to_string(), "https://proxy/consul");
        assert_eq!(config.token(), Some(&Secret::from("hunter2")));
        assert_eq!(config.token_file(), Some(Path::new("/run/token")));
        let auth = config.basic_auth().expect("basic auth");
        assert_eq!(
            (auth.user.as_str(), auth.password.expose()),
            ("me", "pass:word")
        );
        assert_eq!(
            (config.namespace(), config.partition()),
            (Some("team"), Some("part"))
        );
        let tls = config.tls();
        assert_eq!(
            (tls.ca_file(), tls.ca_path()),
            (Some(Path::new("/ca.pem")), Some(Path::new("/ca")))
        );
        let client = tls.client_certificate().expect("a client certificate");
        assert_eq!(
            (client.certificate(), client.key()),
            (Path::new("/cert.pem"), Path::new("/key.pem"))
        );
        assert_eq!(tls.server_name(), Some("server.dc1.consul"));
        assert!(!tls.verify());
    }

    #[test]
    fn several_addresses_win_over_the_one() {
        let all = [
            ("CONSUL_HTTP_ADDR", "c:1"),
            ("CONSUL_WATCH_ADDRESSES", "a:1, https://b:2"),
            ("CONSUL_HTTP_SSL", "true"),
        ];
        let shown = |variables: &[(&str, &str)]| {
            let config = from(variables).expect("good");
            config
                .addresses()
                .iter()
                .map(ToString::to_string)
                .collect::<Vec<_>>()
        };
        assert_eq!(shown(&all), ["https://a:1", "https://b:2"]);
        assert_eq!(shown(&all[..1]), ["http://c:1"]);
        assert!(from(&[("CONSUL_WATCH_ADDRESSES", "a:1,")]).is_err());
    }

    #[test]
    fn ssl_turns_a_plain_address_to_tls_and_never_back() {
        let scheme = |variables: &[(&str, &str)]| from(variables).expect("good").address().scheme();
        assert_eq!(scheme(&[("CONSUL_HTTP_SSL", "true")]), Scheme::Https);
        assert_eq!(
            scheme(&[("CONSUL_HTTP_SSL", "1"), ("CONSUL_HTTP_ADDR", "host:1")]),
            Scheme::Https
        );
        assert_eq!(
            scheme(&[
                ("CONSUL_HTTP_SSL", "t"),
                ("CONSUL_HTTP_ADDR", "http://host")
            ]),
            Scheme::Https
        );
        assert_eq!(
            scheme(&[
                ("CONSUL_HTTP_SSL", "0"),
                ("CONSUL_HTTP_ADDR", "https://host")
            ]),
            Scheme::Https
        );
        assert_eq!(
            scheme(&[
                ("CONSUL_HTTP_SSL", "true"),
                ("CONSUL_HTTP_ADDR", "unix:///a")
            ]),
            Scheme::Unix
        );
    }

    #[test]
    fn an_invalid_value_is_refused_by_name() {
        for (variables, name) in [
            (
                &[("CONSUL_HTTP_SSL_VERIFY", "no")][..],
                "CONSUL_HTTP_SSL_VERIFY",
            ),
            (&[("CONSUL_HTTP_SSL", "yes")], "CONSUL_HTTP_SSL"),
            (&[("CONSUL_CLIENT_CERT", "/c")], "CONSUL_CLIENT_KEY"),
            (&[("CONSUL_CLIENT_KEY", "/k")], "CONSUL_CLIENT_CERT"),
            (&[("CONSUL_HTTP_ADDR", "ftp://host")], "ftp://host"),
        ] {
            let error = from(variables).expect_err(name).to_string();
            assert!(error.contains(name), "{error}");
        }
    }

    #[test]
    fn an_unreadable_secret_is_not_shown() {
        let error = from(&[("CONSUL_HTTP_TOKEN", "hun\nter2")]).expect_err("a line break");
        assert!(!format!("{error} {error:?}").contains("ter2"), "{error:?}");
    }
}
