//! Consul as the engine's source of answers.

use consul_watch_actors::{
    Answer, ConnectionBudget, Failure, FailureClass, Outcome, Position, ReconnectGate, Source,
};

use crate::client::{ClientError, ConfigError, ConsulClient, ConsulConfig, QueryAnswer};

impl Source for ConsulConfig {
    type Client = ConsulClient;

    fn connect(&self) -> Result<ConsulClient, Failure> {
        ConsulClient::shared(self).map_err(refused)
    }

    fn validate(&self) -> Result<(), Failure> {
        // A token file or a transport that is not there would otherwise end every watch.
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

/// A configuration that cannot be used will not mend itself.
fn refused(error: ConfigError) -> Failure {
    Failure::new(FailureClass::Invalid, error)
}

/// Makes the engine's answer of Consul's, for the endpoints that block by index.
pub(super) fn by_index<V>(answer: &QueryAnswer, outcome: Outcome<V>) -> Answer<V> {
    Answer {
        // Without the header there is nothing to wait from: ask at once again, at the throttle's pace.
        position: Position::Index(answer.index.unwrap_or(0)),
        outcome,
        last_contact: answer.meta.last_contact,
    }
}

/// A failure of the client, as the engine takes it.
pub(super) fn failure(error: ClientError) -> Failure {
    error.into()
}
