//! Decoding of JSON: an error has the path at which it occurred, and never shows a value.

use serde::{Deserialize, de::Error};

use super::{error::ClientError, error_body};

/// Decodes the JSON of an answer.
pub(crate) fn decode<'de, T: Deserialize<'de>>(
    target: &str,
    body: &'de [u8],
) -> Result<T, ClientError> {
    let failed = |path: String, source: serde_json::Error| ClientError::Decode {
        target: target.to_owned(),
        path,
        hint: error_body::diagnose(body),
        // serde shows the value in the wrong place, which may be secret.
        source: if source.is_data() {
            Error::custom(without_value(&source.to_string()))
        } else {
            source
        },
    };
    let mut reader = serde_json::Deserializer::from_slice(body);
    let value = serde_path_to_error::deserialize(&mut reader)
        .map_err(|error| failed(error.path().to_string(), error.into_inner()))?;
    // Anything after the value means that the body is not the expected JSON.
    reader
        .end()
        .map_err(|source| failed(".".to_owned(), source))?;
    Ok(value)
}

/// Removes the value from serde's reasons, which show it: values in Consul are often secret.
///
/// serde writes `invalid type: string "hunter2", expected u16`, which becomes `invalid type: string,
/// expected u16`.
pub(crate) fn without_value(reason: &str) -> String {
    let shows_value = ["invalid type: ", "invalid value: ", "unknown variant "]
        .iter()
        .any(|start| reason.starts_with(start));
    match (shows_value, reason.rfind(", expected ")) {
        (true, Some(expected)) => {
            let shown = reason[..expected].find(['"', '`']).unwrap_or(expected);
            format!("{}{}", reason[..shown].trim_end(), &reason[expected..])
        }
        _ => reason.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_has_the_path_and_a_hint() {
        let error = decode::<Vec<u64>>("GET x", b"[1, true]").expect_err("a bool");
        assert!(
            matches!(&error, ClientError::Decode { path, hint: None, .. } if path == "[1]"),
            "{error:?}"
        );
        let error = decode::<Vec<u64>>("GET x", b"<html>").expect_err("a page");
        assert!(error.to_string().contains("HTML"), "{error}");
        assert!(decode::<Vec<u64>>("GET x", b"[1").is_err());
        assert!(decode::<Vec<u64>>("GET x", b"[1] [2]").is_err());
        assert!(decode::<Option<u64>>("GET x", b"").is_err());
    }
}
