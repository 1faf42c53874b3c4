//! The Consul configuration as the engine's source, and conversions between the client's types and the engine's.

use consul_watch_actors::{
    ConnectionBudget, Failure, FailureClass, Outcome, Position, QueryResponse, ReconnectGate,
    Source,
};

use crate::client::{ClientError, ConfigError, ConsulClient, ConsulConfig, QueryAnswer};

impl Source for ConsulConfig {
    type Client = ConsulClient;

    fn connect(&self) -> Result<ConsulClient, Failure> {
        ConsulClient::shared(self).map_err(refused)
    }

    fn validate(&self) -> Result<(), Failure> {
        // A missing token file or transport would end every watch otherwise.
        ConsulClient::check(self).map_err(refused)
    }

    fn connection_budget(&self) -> Option<ConnectionBudget> {
        ConsulConfig::connection_budget(self)
    }

    fn reconnect_gate(&self) -> Option<ReconnectGate> {
        Some(ConsulConfig::reconnect_gate(self))
    }

    fn refreshed(self) -> Self {
        ConsulConfig::refreshed(self)
    }
}

/// Converts an error of the configuration, which no retry can solve.
fn refused(error: ConfigError) -> Failure {
    Failure::new(FailureClass::Invalid, error)
}

/// Converts an answer of an endpoint that blocks by index.
pub(super) fn by_index<V>(answer: &QueryAnswer, outcome: Outcome<V>) -> QueryResponse<V> {
    // Without the header there is no index to block on: the next query is sent at the throttle's pace.
    let index = answer.index.unwrap_or(0);
    let position = match outcome {
        _ if answer.is_beside_held => Position::BesideHeld(index),
        Outcome::Unchanged if answer.is_early_repeat => Position::Repeated(index),
        _ => Position::Index(index),
    };
    QueryResponse {
        position,
        outcome,
        last_contact: answer.meta.last_contact,
    }
}

/// Converts an answer of which a part is not settled: an error if nothing else changed. Otherwise the next query
/// is answered at once, and the proof is tried again.
pub(super) fn by_index_if_settled<V>(
    answer: &QueryAnswer,
    outcome: Outcome<V>,
    unsettled: Option<Failure>,
    same: bool,
) -> Result<QueryResponse<V>, Failure> {
    let mut found = by_index(answer, outcome);
    match unsettled {
        Some(failure) if same => return Err(failure),
        Some(_) => found.position = Position::InDoubt(found.position.index()),
        None => {}
    }
    Ok(found)
}

/// Converts a client error.
pub(super) fn failure(error: ClientError) -> Failure {
    error.into()
}
