//! The URL of a request.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

const UNRESERVED_KEPT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// Base, path and parameters in one; a parameter without a value stands alone.
pub(super) fn url(base: &str, path: &str, query: &[(String, String)]) -> String {
    let mut url = format!("{base}{path}");
    let mut mark = '?';
    for (name, value) in query {
        url.push(mark);
        url.extend(utf8_percent_encode(name, UNRESERVED_KEPT));
        if !value.is_empty() {
            url.push('=');
            url.extend(utf8_percent_encode(value, UNRESERVED_KEPT));
        }
        mark = '&';
    }
    url
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
            url("http://h", "/v1/x", &query),
            "http://h/v1/x?recurse&filter=Node%20%3D%3D%20%22a%26b%22&tag=%2B"
        );
        assert_eq!(url("http://h/p", "/v1/x", &[]), "http://h/p/v1/x");
    }
}
