//! What all that watch one Consul in this process share: how many connections they hold, and who asks first
//! when it was away.

use std::{sync::LazyLock, time::Duration};

use consul_watch_actors::{ConnectionBudget, ReconnectGate};
use dashmap::DashMap;

use super::address::{Address, Scheme};

/// Connections for queries that are not held: first answers, and those of watches without a place.
///
/// With the 160 for held queries and the 16 for short calls it stays below the 200 that Consul takes
/// from one address (`limits`, `http_max_conns_per_client`).
const BRIEF: usize = 16;

/// How often a watch without a place asks.
const POLL_EVERY: Duration = Duration::from_secs(10);

const ADVICE: &str = "watch one prefix instead of many keys, use HTTPS, give watches that come and go a shorter \
                      `with_wait`, or raise `limits.http_max_conns_per_client` in Consul and \
                      `with_max_watch_connections` here";

/// The budgets of the addresses this process has watched; few, so none is ever given back.
static BUDGETS: LazyLock<DashMap<Address, Vec<ConnectionBudget>>> = LazyLock::new(DashMap::new);

/// The budget of `count` held connections to this address, which all supervisors of the process share. Where
/// one connection may carry many queries it sleeps until that turns out not to be so.
pub(super) fn connection_budget(address: &Address, count: usize) -> ConnectionBudget {
    let find = |budgets: &Vec<ConnectionBudget>| {
        budgets.iter().find(|places| places.max() == count).cloned()
    };
    if let Some(places) = BUDGETS.get(address).and_then(|budgets| find(&budgets)) {
        return places;
    }
    let mut budgets = BUDGETS.entry(address.clone()).or_default();
    find(&budgets).unwrap_or_else(|| {
        let places = ConnectionBudget::new(count)
            .with_short_permits(BRIEF)
            .with_poll_interval(POLL_EVERY)
            .with_advice(ADVICE);
        let places = if address.scheme() == Scheme::Https {
            places.disabled()
        } else {
            places
        };
        budgets.push(places.clone());
        places
    })
}

/// The guards of the servers this process has watched, by all of their addresses; few, likewise.
static GUARDS: LazyLock<DashMap<Vec<Address>, ReconnectGate>> = LazyLock::new(DashMap::new);

/// The guard of the Consul at these addresses, which all supervisors of the process share.
pub(super) fn reconnect_gate(addresses: &[Address]) -> ReconnectGate {
    if let Some(guard) = GUARDS.get(addresses) {
        return guard.clone();
    }
    GUARDS.entry(addresses.to_vec()).or_default().clone()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_address_has_one_budget() {
        let address: Address = "127.0.0.1:1".parse().unwrap();
        let budget = connection_budget(&address, 3);
        assert_eq!(
            connection_budget(&address, 3).available(),
            budget.available()
        );
        assert_eq!(connection_budget(&address, 4).max(), 4);
    }
}
