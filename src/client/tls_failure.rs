//! [`TlsFailure`]: why a TLS handshake failed, and what to do about it.

use std::{
    error::Error,
    fmt, io,
    sync::Arc,
    time::{Duration, SystemTime},
};

use rustls::{AlertDescription, CertificateError, pki_types::UnixTime};

use super::tls_verify::is_authority;

/// The number of names of a certificate that are shown.
const SHOWN_NAMES: usize = 4;

/// The length of a name that is shown, in characters.
const SHOWN_LENGTH: usize = 80;

/// The reason for which a TLS handshake failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TlsFailure {
    reason: String,
    kind: TlsFailureKind,
}

/// The kinds of reasons, by their remedies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum TlsFailureKind {
    Dates,
    Authority,
    IsAuthority,
    Name,
    Certificate,
    ClientCertificate,
    Plain,
    Version,
    Other,
}

impl TlsFailure {
    /// Finds the failure of TLS among the causes of an error.
    pub(crate) fn of(error: &(dyn Error + 'static)) -> Option<Self> {
        let mut next = Some(error);
        while let Some(error) = next {
            if let Some(error) = error.downcast_ref::<rustls::Error>() {
                return Some(Self::read(error));
            }
            // The source of such an error is that of the error in it.
            next = if let Some(error) = error.downcast_ref::<io::Error>() {
                error.get_ref().map(|inner| inner as &(dyn Error + 'static))
            } else if let Some(error) = error.downcast_ref::<Arc<io::Error>>() {
                Some(&**error)
            } else {
                error.source()
            };
        }
        None
    }

    fn read(error: &rustls::Error) -> Self {
        use TlsFailureKind as Kind;
        let (reason, kind) = match error {
            rustls::Error::InvalidCertificate(error) => of_certificate(error),
            rustls::Error::AlertReceived(alert) => of_alert(*alert),
            rustls::Error::InvalidMessage(_) => (
                "the server does not speak TLS at this port".into(),
                Kind::Plain,
            ),
            rustls::Error::PeerIncompatible(error) => (
                format!(
                    "the server and this program have no version or cipher in common ({error:?})"
                ),
                Kind::Version,
            ),
            error => (shortened(&error.to_string()), Kind::Other),
        };
        Self { reason, kind }
    }

    /// The remedy for a client of Consul.
    pub(super) fn remedy(&self) -> &'static str {
        match self.kind {
            TlsFailureKind::Dates => {
                "renew the agent's certificate, or check the clock of this machine"
            }
            TlsFailureKind::Authority => {
                "name the file of the agent's authority by CONSUL_CACERT, `--ca-file` or the field `ca_file`"
            }
            TlsFailureKind::IsAuthority => {
                "name the file of this certificate by CONSUL_CACERT, `--ca-file` or the field `ca_file`, or make one \
                 with `basicConstraints = CA:FALSE`"
            }
            TlsFailureKind::Name => {
                "use an address with one of its names, or give one by CONSUL_TLS_SERVER_NAME, `--tls-server-name` or \
                 the field `tls_server_name`"
            }
            TlsFailureKind::Certificate => "make the agent's certificate again",
            TlsFailureKind::ClientCertificate => {
                "give a certificate of the agent's authority by CONSUL_CLIENT_CERT and CONSUL_CLIENT_KEY, \
                 `--client-cert` and `--client-key` or the fields `client_cert` and `client_key`"
            }
            TlsFailureKind::Plain => {
                "use the agent's HTTPS port, or an http:// address (CONSUL_HTTP_ADDR, CONSUL_HTTP_SSL)"
            }
            TlsFailureKind::Version => "allow TLS 1.2 or 1.3 on the agent (`tls_min_version`)",
            TlsFailureKind::Other => {
                "check that it is the agent's HTTPS port, the authority (CONSUL_CACERT), the name \
                 (CONSUL_TLS_SERVER_NAME) and the client certificate (CONSUL_CLIENT_CERT)"
            }
        }
    }

    /// The remedy for a handler that calls a URL.
    pub(crate) fn remedy_of_handler(&self) -> &'static str {
        match self.kind {
            TlsFailureKind::Dates => {
                "renew the server's certificate, or check the clock of this machine"
            }
            TlsFailureKind::Authority => {
                "name the file of the server's authority as `ca_file` of the handler"
            }
            TlsFailureKind::IsAuthority => {
                "name the file of this certificate as `ca_file` of the handler, or make one with \
                 `basicConstraints = CA:FALSE`"
            }
            TlsFailureKind::Name => "use one of its names in the `path` of the handler",
            TlsFailureKind::Certificate => "make the server's certificate again",
            TlsFailureKind::ClientCertificate => {
                "a handler has no client certificate: call a server that needs none"
            }
            TlsFailureKind::Plain => "use the server's HTTPS port, or an http:// URL as `path`",
            TlsFailureKind::Version => "allow TLS 1.2 or 1.3 on the server",
            TlsFailureKind::Other => "check the `path` and the `ca_file` of the handler",
        }
    }
}

impl fmt::Display for TlsFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.reason)
    }
}

fn of_certificate(error: &CertificateError) -> (String, TlsFailureKind) {
    use CertificateError as Certificate;
    use TlsFailureKind as Kind;
    match error {
        Certificate::Expired => ("the server's certificate has expired".into(), Kind::Dates),
        Certificate::ExpiredContext { not_after, .. } => (
            format!(
                "the server's certificate has expired on {}",
                shown(*not_after)
            ),
            Kind::Dates,
        ),
        Certificate::NotValidYet => (
            "the server's certificate is not valid yet".into(),
            Kind::Dates,
        ),
        Certificate::NotValidYetContext { not_before, .. } => (
            format!(
                "the server's certificate is not valid before {}",
                shown(*not_before)
            ),
            Kind::Dates,
        ),
        Certificate::UnknownIssuer => (
            "the server's certificate is of an unknown authority".into(),
            Kind::Authority,
        ),
        // Another authority of the same name.
        Certificate::BadSignature => (
            "the server's certificate is not signed by the authority that is trusted".into(),
            Kind::Authority,
        ),
        Certificate::NotValidForName => (
            "the server's certificate is for another name".into(),
            Kind::Name,
        ),
        Certificate::NotValidForNameContext {
            expected,
            presented,
        } => (
            format!(
                "the server's certificate is not for the name `{}`, but for {}",
                shortened(&expected.to_str()),
                listed(presented)
            ),
            Kind::Name,
        ),
        Certificate::InvalidPurpose | Certificate::InvalidPurposeContext { .. } => (
            "the server's certificate is not one for servers (extended key usage)".into(),
            Kind::Certificate,
        ),
        Certificate::Revoked => (
            "the server's certificate is revoked".into(),
            Kind::Certificate,
        ),
        error if is_authority(error) => (
            "the server's certificate is one of an authority, and not among those that are trusted"
                .into(),
            Kind::IsAuthority,
        ),
        error => (
            format!(
                "the server's certificate is unusable ({})",
                shortened(&error.to_string())
            ),
            Kind::Certificate,
        ),
    }
}

fn of_alert(alert: AlertDescription) -> (String, TlsFailureKind) {
    use AlertDescription as Alert;
    use TlsFailureKind as Kind;
    let (reason, kind) = match alert {
        Alert::CertificateRequired | Alert::NoCertificate => (
            "the server requires a client certificate",
            Kind::ClientCertificate,
        ),
        // Go says so for one that is missing, too.
        Alert::BadCertificate => (
            "the server requires a client certificate, or refuses the one that it was sent",
            Kind::ClientCertificate,
        ),
        Alert::CertificateExpired => (
            "the server says that the client certificate has expired",
            Kind::ClientCertificate,
        ),
        Alert::CertificateRevoked => (
            "the server says that the client certificate is revoked",
            Kind::ClientCertificate,
        ),
        Alert::UnknownCA => (
            "the server does not know the authority of the client certificate",
            Kind::ClientCertificate,
        ),
        Alert::UnsupportedCertificate | Alert::CertificateUnknown | Alert::AccessDenied => (
            "the server refuses the client certificate",
            Kind::ClientCertificate,
        ),
        Alert::ProtocolVersion | Alert::HandshakeFailure | Alert::InsufficientSecurity => (
            "the server and this program have no version or cipher in common",
            Kind::Version,
        ),
        Alert::UnrecognisedName => ("the server does not know the name", Kind::Name),
        other => return (format!("the server broke it off ({other:?})"), Kind::Other),
    };
    (reason.into(), kind)
}

fn shown(time: UnixTime) -> String {
    let at = SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(time.as_secs()));
    // The year 9999 is the last that can be written.
    let last = SystemTime::UNIX_EPOCH + Duration::from_secs(253_402_300_799);
    httpdate::fmt_http_date(at.unwrap_or(last).min(last))
}

/// Returns some names of a certificate, which its maker has chosen.
fn listed(names: &[String]) -> String {
    if names.is_empty() {
        return "none (`subjectAltName` is missing)".to_owned();
    }
    let mut listed: Vec<_> = names
        .iter()
        .take(SHOWN_NAMES)
        .map(|name| name_of(name))
        .collect();
    if names.len() > SHOWN_NAMES {
        listed.push(format!("{} more", names.len() - SHOWN_NAMES));
    }
    listed.join(", ")
}

/// Returns the name in the library's `DnsName("name")`.
fn name_of(name: &str) -> String {
    let inner = name
        .split_once('(')
        .and_then(|(_, rest)| rest.strip_suffix(')'))
        .unwrap_or(name);
    format!("`{}`", shortened(inner.trim_matches('"')))
}

fn shortened(text: &str) -> String {
    let mut short: String = text
        .chars()
        .take(SHOWN_LENGTH)
        .flat_map(char::escape_debug)
        .collect();
    if text.chars().nth(SHOWN_LENGTH).is_some() {
        short.push('…');
    }
    short
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failure(error: rustls::Error) -> TlsFailure {
        // As a request over a shared connection finds it.
        let shared = Arc::new(io::Error::new(io::ErrorKind::InvalidData, error));
        let error = io::Error::new(shared.kind(), shared);
        TlsFailure::of(&error).expect("it is one of TLS")
    }

    #[test]
    fn a_certificate_cannot_forge_a_line_or_fill_the_log() {
        let names = ["a\nb".to_owned(), "x".repeat(5000)];
        let error = CertificateError::NotValidForNameContext {
            expected: "host.example".try_into().expect("a name"),
            presented: names.iter().cycle().take(40).cloned().collect(),
        };
        let told = failure(error.into()).to_string();
        assert!(!told.contains('\n') && told.len() < 500, "{told}");
        assert!(
            told.contains("`host.example`") && told.contains("36 more"),
            "{told}"
        );
    }

    #[test]
    fn a_date_that_cannot_be_written_is_no_panic() {
        for seconds in [0, u64::MAX] {
            let time = UnixTime::since_unix_epoch(Duration::from_secs(seconds));
            let error = CertificateError::ExpiredContext {
                time,
                not_after: time,
            };
            let told = failure(error.into());
            assert!(told.to_string().contains("expired on "), "{told}");
        }
    }
}
