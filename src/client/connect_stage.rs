//! [`ConnectStage`]: why there is no connection, and what to do about it.

use std::{fmt, io};

#[cfg(feature = "tls")]
use super::tls_failure::TlsFailure;

/// The stage at which connecting failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ConnectStage {
    /// The host's name was not found.
    Resolve,
    /// Nobody listens at the address.
    Refused,
    /// The address was not reached in time.
    Timeout,
    /// The TLS handshake failed: a certificate is not trusted, or the port speaks no TLS.
    Tls,
    /// There is no such unix socket.
    NoSocket,
    /// The user of this process may not connect there.
    Permission,
    /// This process, or the system, has as many open files as it may have.
    OpenFiles,
    /// Anything else, such as a network that is down.
    Other,
}

impl ConnectStage {
    fn remedy(self) -> &'static str {
        match self {
            Self::Resolve => "check the name in CONSUL_HTTP_ADDR and the resolver",
            Self::Refused => "check that the agent runs and that CONSUL_HTTP_ADDR is its address",
            Self::Timeout => "check the address, the network and its firewalls",
            Self::Tls => {
                "check that it is the agent's HTTPS port, and that the agent speaks TLS 1.2 or 1.3"
            }
            Self::NoSocket => "check that the agent runs, and the path in CONSUL_HTTP_ADDR",
            Self::Permission => {
                "give the user write permission for the socket of the agent, or check the firewall of this machine"
            }
            Self::OpenFiles => "raise its limit (LimitNOFILE= of systemd, ulimit -n)",
            Self::Other => "check the network of this machine",
        }
    }
}

/// The stage at which connecting failed, with the reason if TLS has one, and the remedy.
pub(super) struct Unconnected<'a>(
    pub(super) ConnectStage,
    #[cfg_attr(
        not(feature = "tls"),
        expect(dead_code, reason = "without TLS no reason is in it")
    )]
    pub(super) &'a io::Error,
);

impl fmt::Display for Unconnected<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let stage = self.0;
        #[cfg(feature = "tls")]
        if stage == ConnectStage::Tls
            && let Some(failure) = TlsFailure::of(self.1)
        {
            return write!(f, "{stage}: {failure}; {}", failure.remedy());
        }
        write!(f, "{stage}; {}", stage.remedy())
    }
}

impl fmt::Display for ConnectStage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Resolve => "the host is unknown",
            Self::Refused => "nobody listens there",
            Self::Timeout => "it was not reached in time",
            Self::Tls => "the TLS handshake failed",
            Self::NoSocket => "there is no such socket",
            Self::Permission => "the user of this process may not connect there",
            Self::OpenFiles => "this process has as many open files as it may have",
            Self::Other => "the connection failed",
        })
    }
}
