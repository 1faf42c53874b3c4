//! Base64 as Go's decoder reads it: line breaks are passed over.

use base64::{
    Engine,
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
    let kept: Vec<u8> = text
        .iter()
        .copied()
        .filter(|byte| !is_break(*byte))
        .collect();
    ENGINE
        .decode(&kept)
        .map_err(|_| format!("illegal base64 data at input byte {}", offset(text)))
}

fn is_break(byte: u8) -> bool {
    matches!(byte, b'\r' | b'\n')
}

/// Returns the offset at which Go's decoder gives up (`decodeQuantum` of <https://pkg.go.dev/encoding/base64>). The text
/// is known to be wrong.
fn offset(text: &[u8]) -> usize {
    // Line breaks count, and are no characters of a group of four.
    let mut characters = text
        .iter()
        .enumerate()
        .filter(|(_, byte)| !is_break(**byte));
    let mut in_group = 0;
    while let Some((at, byte)) = characters.next() {
        if STANDARD.as_str().as_bytes().contains(byte) {
            in_group = (in_group + 1) % 4;
            continue;
        }
        return match (*byte, in_group) {
            (b'=', 2) => match characters.next() {
                // What follows the padding is wrong.
                Some((_, b'=')) => characters.next().map_or(text.len(), |(next, _)| next),
                // Go names the byte in front of the one that should be the second `=`.
                Some((next, _)) => next - 1,
                None => text.len(),
            },
            (b'=', 3) => characters.next().map_or(text.len(), |(next, _)| next),
            _ => at,
        };
    }
    // The last group is not whole.
    text.len() - in_group
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn line_breaks_are_passed_over_and_counted() {
        assert_eq!(decode(b"aGV\r\nsbG8=\n").unwrap(), b"hello");
        assert_eq!(decode(b"").unwrap(), b"");
        assert_eq!(encode(b"hello"), "aGVsbG8=");
    }
    /// Those of `consul kv put -base64`, 1.8.7 and 1.22.
    #[test]
    fn offsets_are_those_of_go() {
        for (text, offset) in [
            ("aG\nV!bG8=", 4),
            ("YQ", 0),
            ("abc", 0),
            ("a", 0),
            ("aGVsb", 4),
            ("YQ==YQ==", 4),
            ("ab=c", 2),
            ("ab=", 3),
            ("ab=\nc", 3),
            ("YQ\n=\n", 5),
            ("=", 0),
            ("a===", 1),
            ("abcd=", 4),
            ("!", 0),
            ("abc!", 3),
            ("ab\nc", 1),
            ("abcd\nef", 5),
            ("abcdefgh\nij!k", 11),
            ("YQ==\nx", 5),
            ("YWI=\nx", 5),
            ("YWJj====", 4),
            ("aaaaaaaaaaaaaaaa!aaa", 16),
        ] {
            assert_eq!(
                decode(text.as_bytes()).unwrap_err(),
                format!("illegal base64 data at input byte {offset}"),
                "{text:?}"
            );
        }
    }
}
