//! The parser of addresses, in the forms that Consul's own clients take.

use awc::http::Uri;

use super::{
    Address, Scheme,
    error::{AddressErrorKind, shorten},
};

/// The host of an address that has only a port.
const THIS_MACHINE: &str = "127.0.0.1";

pub(super) fn parse(text: &str) -> Result<Address, AddressErrorKind> {
    let text = text.trim();
    if text.is_empty() {
        return Err(AddressErrorKind::Empty);
    }
    let (scheme, rest) = match text.split_once("://") {
        None => (Scheme::Http, text),
        Some((scheme, rest)) if scheme.eq_ignore_ascii_case("http") => (Scheme::Http, rest),
        Some((scheme, rest)) if scheme.eq_ignore_ascii_case("https") => (Scheme::Https, rest),
        Some((scheme, path)) if scheme.eq_ignore_ascii_case("unix") => return socket(path),
        Some(_) => return Err(AddressErrorKind::Scheme),
    };
    if rest.contains(['?', '#']) {
        return Err(AddressErrorKind::Query);
    }
    let (text, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    if text.contains('@') {
        return Err(AddressErrorKind::Credentials);
    }
    let authority = authority(text)?;
    if path.contains('@') {
        return Err(AddressErrorKind::At);
    }
    let address = Address {
        scheme,
        authority,
        path_prefix: path_prefix(path)?,
    };
    // The parser that every request goes through decides.
    Uri::try_from(address.to_string()).map_err(|_| AddressErrorKind::Host)?;
    Ok(address)
}

fn socket(path: &str) -> Result<Address, AddressErrorKind> {
    if path.starts_with('/') && path.ends_with('/') {
        return Err(AddressErrorKind::Directory);
    }
    if !path.starts_with('/') || path.contains('\0') {
        return Err(AddressErrorKind::Socket);
    }
    Ok(Address {
        scheme: Scheme::Unix,
        authority: path.to_owned(),
        path_prefix: String::new(),
    })
}

fn authority(text: &str) -> Result<String, AddressErrorKind> {
    let (host, port) = match text.strip_prefix('[') {
        Some(bracketed) => {
            let (ip, after) = bracketed.split_once(']').ok_or(AddressErrorKind::Host)?;
            ip.parse::<std::net::Ipv6Addr>()
                .map_err(|_| AddressErrorKind::Host)?;
            let port = match after.strip_prefix(':') {
                Some(port) => Some(port),
                None if after.is_empty() => None,
                None => return Err(AddressErrorKind::Host),
            };
            (format!("[{ip}]"), port)
        }
        None => match text.split_once(':') {
            Some((host, port)) => (host.to_owned(), Some(port)),
            None => (text.to_owned(), None),
        },
    };
    let is_number = |port: &str| !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit());
    let host = match port {
        // Go connects to this machine.
        Some(port) if host.is_empty() && is_number(port) => THIS_MACHINE.to_owned(),
        _ if host.is_empty() => return Err(AddressErrorKind::NoHost),
        _ => host,
    };
    let name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_');
    if !host.starts_with('[') && !host.chars().all(name) {
        return Err(AddressErrorKind::Host);
    }
    match port {
        None => Ok(host),
        Some(port) => Ok(format!("{host}:{}", port_number(port)?)),
    }
}

fn port_number(text: &str) -> Result<u16, AddressErrorKind> {
    // Rust's parser would take `+80`.
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    match text.parse::<u16>() {
        Ok(port) if digits && port > 0 => Ok(port),
        _ => Err(AddressErrorKind::Port(shorten(text))),
    }
}

fn path_prefix(path: &str) -> Result<String, AddressErrorKind> {
    let path = path.trim_end_matches('/');
    let fits = |c: char| {
        c.is_ascii_graphic() && !matches!(c, '"' | '<' | '>' | '\\' | '^' | '`' | '{' | '|' | '}')
    };
    if path.chars().all(fits) {
        Ok(path.to_owned())
    } else {
        Err(AddressErrorKind::Path)
    }
}
