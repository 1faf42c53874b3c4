//! The settings of the address, or of several.

use consul_watch_actors::{ConnectionBudget, ReconnectGate};

use super::ConsulConfig;
use crate::client::{
    address::{Address, Scheme},
    config_error::ConfigError,
    process_limits,
};

impl ConsulConfig {
    /// Sets the address of Consul; the forms are those of [`Address`]. Default: `http://127.0.0.1:8500`,
    /// Consul's own.
    ///
    /// # Errors
    /// [`ConfigError::Address`] for an invalid address; it shows neither credentials nor a query.
    pub fn with_address(self, address: impl AsRef<str>) -> Result<Self, ConfigError> {
        let address = address.as_ref().parse()?;
        Ok(self.set(|settings| settings.addresses = vec![address]))
    }

    /// Sets an address that is already parsed.
    #[must_use]
    pub fn with_parsed_address(self, address: Address) -> Self {
        self.set(|settings| settings.addresses = vec![address])
    }

    /// Sets several addresses of the same Consul, such as those of three servers. One is used until it
    /// fails, then the next, and the first again after the last. Each has the same token and TLS settings.
    ///
    /// An address fails when no connection is made, when the connection ends within a second of its start, or when
    /// no answer arrives in time. The watches that fail with it start again without an index at the next
    /// address, since an index is only valid at the server that gave it; unchanged data is not delivered again.
    ///
    /// ```
    /// # use consul_watch::client::ConsulConfig;
    /// let config = ConsulConfig::default().with_addresses(["10.0.0.1:8500", "10.0.0.2:8500"])?;
    /// assert_eq!(config.addresses().len(), 2);
    /// # Ok::<(), consul_watch::client::ConfigError>(())
    /// ```
    ///
    /// # Errors
    /// [`ConfigError::Address`] for an invalid address, [`ConfigError::NoAddress`] when there is none.
    pub fn with_addresses<A: AsRef<str>>(
        self,
        addresses: impl IntoIterator<Item = A>,
    ) -> Result<Self, ConfigError> {
        let addresses: Vec<Address> = addresses
            .into_iter()
            .map(|address| address.as_ref().parse())
            .collect::<Result<_, _>>()?;
        self.with_parsed_addresses(addresses)
    }

    pub(in crate::client) fn with_parsed_addresses(
        self,
        addresses: Vec<Address>,
    ) -> Result<Self, ConfigError> {
        if addresses.is_empty() {
            return Err(ConfigError::NoAddress);
        }
        Ok(self.set(|settings| settings.addresses = addresses))
    }

    /// The address of Consul; the first one, if there are several.
    pub fn address(&self) -> &Address {
        &self.0.addresses[0]
    }

    /// All addresses, in the order in which they are tried.
    pub fn addresses(&self) -> &[Address] {
        &self.0.addresses
    }

    /// The budget of connections for watches. It is disabled where a connection carries many queries, and unix
    /// sockets have none.
    ///
    /// With several addresses all watches count at the first that needs a budget, since they may all end up at
    /// one address.
    pub(crate) fn connection_budget(&self) -> Option<ConnectionBudget> {
        let of = |scheme| {
            self.0
                .addresses
                .iter()
                .find(|address| address.scheme() == scheme)
        };
        let address = of(Scheme::Http).or_else(|| of(Scheme::Https))?;
        Some(process_limits::connection_budget(
            address,
            self.0.max_watch_connections,
        ))
    }

    /// The gate that keeps watches from storming these addresses after an outage.
    pub(crate) fn reconnect_gate(&self) -> ReconnectGate {
        process_limits::reconnect_gate(&self.0.addresses)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_always_one() {
        let config = ConsulConfig::default();
        assert_eq!(config.addresses().len(), 1);
        let none: [&str; 0] = [];
        assert!(matches!(
            config.clone().with_addresses(none),
            Err(ConfigError::NoAddress)
        ));
        assert!(config.clone().with_addresses(["a:1", ""]).is_err());
        let two = config.with_addresses(["a:1", "https://b:2"]).expect("two");
        assert_eq!(two.address().to_string(), "http://a:1");
        assert_eq!(two.with_address("c").expect("one").addresses().len(), 1);
    }
}
