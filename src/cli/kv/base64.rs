//! Base64 as Go's decoder reads it: line breaks are passed over.

use base64::{
    DecodeError, Engine,
    alphabet::STANDARD,
    engine::{GeneralPurpose, GeneralPurposeConfig},
};

/// Reads what Go's decoder reads, whose last character may hold bits beyond the last byte.
const ENGINE: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_allow_trailing_bits(true),
);

pub(super) fn encode(bytes: &[u8]) -> String {
    ENGINE.encode(bytes)
}

/// Decodes a text; the error is in Go's words, and shows no data.
pub(super) fn decode(text: &[u8]) -> Result<Vec<u8>, String> {
    let is_break = |byte: &u8| matches!(byte, b'\r' | b'\n');
    let kept: Vec<u8> = text
        .iter()
        .copied()
        .filter(|byte| !is_break(byte))
        .collect();
    ENGINE.decode(&kept).map_err(|error| {
        let at = match error {
            DecodeError::InvalidByte(at, _) | DecodeError::InvalidLastSymbol(at, _) => at,
            DecodeError::InvalidLength(_) | DecodeError::InvalidPadding => kept.len(),
        };
        // Go counts the line breaks.
        let offset = text
            .iter()
            .enumerate()
            .filter(|(_, byte)| !is_break(byte))
            .nth(at)
            .map_or(text.len(), |(offset, _)| offset);
        format!("illegal base64 data at input byte {offset}")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn line_breaks_are_passed_over_and_counted() {
        assert_eq!(decode(b"aGV\r\nsbG8=\n").unwrap(), b"hello");
        assert_eq!(decode(b"").unwrap(), b"");
        assert_eq!(
            decode(b"aG\nV!bG8=").unwrap_err(),
            "illegal base64 data at input byte 4"
        );
        assert!(decode(b"abc").is_err());
        assert_eq!(encode(b"hello"), "aGVsbG8=");
    }
}
