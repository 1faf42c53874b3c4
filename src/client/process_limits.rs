//! The limits that all watches of one Consul in this process share: its connection budget and its reconnect
//! gate, whatever supervisor they belong to.

use std::{sync::LazyLock, time::Duration};

use consul_watch_actors::{ConnectionBudget, ReconnectGate};
use dashmap::DashMap;

use super::address::{Address, Scheme};

/// Connections for queries that are not held: first answers, and those of watches without a permit.
///
/// With the 160 for held queries and the 16 for short calls it stays below the 200 that Consul accepts from
/// one client
/// (<https://developer.hashicorp.com/consul/docs/agent/config/config-files#http_max_conns_per_client>).
const SHORT_PERMITS: usize = 16;

/// The interval at which a watch without a permit polls.
const POLL_INTERVAL: Duration = Duration::from_secs(10);

/// The number of permits that a process starts with: it leaves room where the process before it was killed and Consul
/// still holds its queries.
const FIRST_PERMITS: usize = 16;

/// The wait of the first query on a permit. If all connections that Consul accepts are taken, those of such queries
/// are free again within that time.
const FIRST_WAIT: Duration = Duration::from_secs(1);

const ADVICE: &str = "watch one prefix instead of many keys, use HTTPS, give watches that come and go a shorter \
                      `wait`, or raise `limits.http_max_conns_per_client` in Consul and `connections` here";

/// The budgets of the servers that this process has watched. They are few, so none is ever removed.
static BUDGETS: LazyLock<DashMap<(Scheme, String), ConnectionBudget>> = LazyLock::new(DashMap::new);

/// Returns the budget of connections to this address for a user that allows `max`.
///
/// All users share it, whatever they allow: it has as many permits as the smallest number that is allowed as
/// long as its handle lives. Where one connection may carry many queries the budget is disabled until that
/// turns out not to be so.
pub(super) fn connection_budget(address: &Address, max: usize) -> ConnectionBudget {
    let server = (address.scheme(), address.authority().to_owned());
    if let Some(budget) = BUDGETS.get(&server) {
        return budget.share(max);
    }
    let disabled = address.scheme() == Scheme::Https;
    BUDGETS
        .entry(server)
        .or_insert_with(|| {
            let budget = ConnectionBudget::new(max)
                .with_short_permits(SHORT_PERMITS)
                .with_poll_interval(POLL_INTERVAL)
                .with_slow_start(FIRST_PERMITS, FIRST_WAIT)
                .with_advice(ADVICE);
            if disabled { budget.disabled() } else { budget }.keep()
        })
        .share(max)
}

/// The gates of the servers that this process has watched, by all of their addresses. They are few, too.
static GATES: LazyLock<DashMap<Vec<Address>, ReconnectGate>> = LazyLock::new(DashMap::new);

/// Returns the gate of the Consul at these addresses, which all supervisors of the process share.
pub(super) fn reconnect_gate(addresses: &[Address]) -> ReconnectGate {
    if let Some(gate) = GATES.get(addresses) {
        return gate.clone();
    }
    GATES.entry(addresses.to_vec()).or_default().clone()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_address_has_one_budget() {
        let address: Address = "one.example:8500".parse().unwrap();
        let behind_a_path: Address = "http://one.example:8500/consul".parse().unwrap();
        let three = connection_budget(&address, 3);
        assert_eq!(three.max(), 3);
        let five = connection_budget(&behind_a_path, 5);
        assert_eq!(
            (three.max(), five.max()),
            (3, 3),
            "the smaller number holds"
        );
        let two = connection_budget(&address, 2);
        assert_eq!((three.max(), five.max(), two.max()), (2, 2, 2));
        drop((two, three));
        assert_eq!(five.max(), 5, "for as long as it is allowed by somebody");
    }

    #[test]
    fn another_address_has_another_budget() {
        let budget = |address: &str, max| connection_budget(&address.parse().unwrap(), max);
        let plain = budget("two.example:8500", 3);
        let other_port = budget("two.example:8501", 4);
        let secure = budget("https://two.example:8500", 5);
        assert_eq!((plain.max(), other_port.max(), secure.max()), (3, 4, 5));
        assert!(plain.is_enabled() && !secure.is_enabled());
    }
}
