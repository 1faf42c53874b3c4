//! [`Signal`]: a signal by its name or number.

use std::{fmt, str::FromStr};

use actix::Message;
use rustix::process;

/// A signal that can be sent to a handler's program.
///
/// It parses from and prints as its name (`SIGHUP`). `HUP`, in any case, and the number parse too.
///
/// ```
/// use consul_watch::handlers::Signal;
///
/// assert_eq!("usr1".parse::<Signal>()?, Signal::USR1);
/// assert_eq!(Signal::HUP.to_string(), "SIGHUP");
/// # Ok::<(), consul_watch::handlers::SignalError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Signal(process::Signal);

/// A text that is not the name of a signal.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{text}` is not a signal that can be sent to a program; use a name such as SIGHUP or USR1, or its number"
)]
pub struct SignalError {
    /// The text.
    pub text: String,
}

impl Signal {
    /// Hang-up: by convention, a request to reload the configuration.
    pub const HUP: Self = Self(process::Signal::HUP);
    /// Interrupt, as ctrl-c sends it.
    pub const INT: Self = Self(process::Signal::INT);
    /// Quit, as ctrl-\ sends it.
    pub const QUIT: Self = Self(process::Signal::QUIT);
    /// Terminate: a request to exit.
    pub const TERM: Self = Self(process::Signal::TERM);
    /// Kill, which a program cannot refuse.
    pub const KILL: Self = Self(process::Signal::KILL);
    /// User-defined 1.
    pub const USR1: Self = Self(process::Signal::USR1);
    /// User-defined 2.
    pub const USR2: Self = Self(process::Signal::USR2);
    /// Continue after a stop.
    pub const CONT: Self = Self(process::Signal::CONT);

    const NAMES: [(&'static str, process::Signal); 17] = [
        ("HUP", process::Signal::HUP),
        ("INT", process::Signal::INT),
        ("QUIT", process::Signal::QUIT),
        ("ABRT", process::Signal::ABORT),
        ("KILL", process::Signal::KILL),
        ("USR1", process::Signal::USR1),
        ("SEGV", process::Signal::SEGV),
        ("USR2", process::Signal::USR2),
        ("PIPE", process::Signal::PIPE),
        ("ALRM", process::Signal::ALARM),
        ("TERM", process::Signal::TERM),
        ("CHLD", process::Signal::CHILD),
        ("CONT", process::Signal::CONT),
        ("STOP", process::Signal::STOP),
        ("TSTP", process::Signal::TSTP),
        ("XCPU", process::Signal::XCPU),
        ("WINCH", process::Signal::WINCH),
    ];

    /// Returns the signal of this number; `None` if the system has none.
    pub fn from_raw(number: i32) -> Option<Self> {
        process::Signal::from_named_raw(number).map(Self)
    }

    /// Returns its number on this system.
    pub fn as_raw(self) -> i32 {
        self.0.as_raw()
    }

    pub(super) fn inner(self) -> process::Signal {
        self.0
    }
}

impl FromStr for Signal {
    type Err = SignalError;

    fn from_str(text: &str) -> Result<Self, SignalError> {
        let upper = text.trim().to_ascii_uppercase();
        let name = upper.strip_prefix("SIG").unwrap_or(&upper);
        let named = Self::NAMES
            .iter()
            .find(|(known, _)| *known == name)
            .map(|(_, signal)| Self(*signal));
        let found = named.or_else(|| upper.parse().ok().and_then(Self::from_raw));
        found.ok_or_else(|| SignalError {
            text: text.to_owned(),
        })
    }
}

impl fmt::Display for Signal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match Self::NAMES.iter().find(|(_, signal)| *signal == self.0) {
            Some((name, _)) => write!(f, "SIG{name}"),
            None => write!(f, "signal {}", self.as_raw()),
        }
    }
}

impl fmt::Debug for Signal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Passes a signal on to the process groups of the programs that a handler is running.
///
/// The reply is the number of groups. `consul watch` passes SIGINT and SIGTERM on in this way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Message)]
#[rtype(result = "usize")]
pub struct ForwardSignal(pub Signal);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_parse_as_they_print() {
        for (_, signal) in Signal::NAMES {
            let signal = Signal(signal);
            assert_eq!(signal.to_string().parse(), Ok(signal));
            assert_eq!(signal.as_raw().to_string().parse(), Ok(signal));
        }
    }

    #[test]
    fn other_texts_are_refused_by_their_text() {
        for text in ["", "SIG", "HUPP", "0", "-1", "9999"] {
            assert!(text.parse::<Signal>().is_err(), "{text}");
        }
        assert!(
            "HUPP"
                .parse::<Signal>()
                .unwrap_err()
                .to_string()
                .contains("`HUPP`")
        );
    }
}
