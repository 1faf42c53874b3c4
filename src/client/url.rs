//! The encoding of the parameters in the URL of a request.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

const UNRESERVED_KEPT: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'~');

/// Encodes the parameters of a URL, with the question mark; a parameter without a value stands alone.
pub(super) fn encoded(query: &[(String, String)]) -> String {
    let mut text = String::new();
    let mut mark = '?';
    for (name, value) in query {
        text.push(mark);
        text.extend(utf8_percent_encode(name, UNRESERVED_KEPT));
        if !value.is_empty() {
            text.push('=');
            text.extend(utf8_percent_encode(value, UNRESERVED_KEPT));
        }
        mark = '&';
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_encoded_and_may_stand_alone() {
        let query = [
            ("recurse".to_owned(), String::new()),
            ("filter".to_owned(), "Node == \"a&b\"".to_owned()),
            ("tag".to_owned(), "+".to_owned()),
        ];
        assert_eq!(
            encoded(&query),
            "?recurse&filter=Node%20%3D%3D%20%22a%26b%22&tag=%2B"
        );
        assert_eq!(encoded(&[]), "");
    }
}
