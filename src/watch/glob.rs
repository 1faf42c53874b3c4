//! Globs of keys.

/// The number of combinations of alternatives up to which a glob is accepted, since each may be tried at each key.
const MAX_COMBINATIONS: u64 = 64;

/// The reason why a text is no glob that can be matched.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum GlobError {
    #[error("it is not a glob: {0}")]
    Malformed(String),
    #[error(
        "its alternatives have {0} combinations, and {MAX_COMBINATIONS} is the limit; give several globs instead"
    )]
    TooManyCombinations(u64),
    #[error("`[…]` matches ASCII characters alone; give the others as alternatives: `{{ä,ö}}`")]
    BeyondAscii,
}

/// Checks a glob.
pub(crate) fn check(glob: &str) -> Result<(), GlobError> {
    fast_glob::validate(glob).map_err(|error| GlobError::Malformed(error.to_string()))?;
    let combinations = combinations(glob);
    if combinations > MAX_COMBINATIONS {
        return Err(GlobError::TooManyCombinations(combinations));
    }
    if has_class_beyond_ascii(glob) {
        return Err(GlobError::BeyondAscii);
    }
    Ok(())
}

/// Returns whether a checked glob matches the full key.
pub(crate) fn matches(glob: &str, key: &str) -> bool {
    fast_glob::glob_match(glob, key)
}

/// Returns false if a checked glob matches no key with this prefix, whatever follows. It may return true all the same.
#[cfg(any(feature = "cli", test))]
pub(crate) fn may_match_below(glob: &str, prefix: &str) -> bool {
    let (folders, beginning) = match prefix.rsplit_once('/') {
        Some((folders, beginning)) => (Some(folders), beginning),
        None => (None, prefix),
    };
    let mut parts = glob.split('/');
    for folder in folders.into_iter().flat_map(|folders| folders.split('/')) {
        match parts.next() {
            None => return false,
            Some(part) if spans_folders(part) => return true,
            Some(part) if !fast_glob::glob_match(part, folder) => return false,
            Some(_) => {}
        }
    }
    let Some(part) = parts.next() else {
        return false;
    };
    match part.split_once(['*', '?']) {
        _ if spans_folders(part) => true,
        Some((literal, _)) => literal.starts_with(beginning) || beginning.starts_with(literal),
        None => part.starts_with(beginning),
    }
}

/// Returns whether a part of a glob between two slashes may match a slash, or holds only a piece of an alternative.
#[cfg(any(feature = "cli", test))]
fn spans_folders(part: &str) -> bool {
    part.contains("**") || part.contains(['{', '}', '[', ']', '\\', '!'])
}

/// Returns the number of globs that a glob stands for, or more: braces within `[…]` count too.
fn combinations(glob: &str) -> u64 {
    // For each open brace the sum of its finished alternatives, and the product of the one at hand.
    let mut open = vec![(0_u64, 1_u64)];
    let mut chars = glob.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' => {
                chars.next();
            }
            '{' => open.push((0, 1)),
            // Outside of braces a comma is itself.
            ',' if open.len() > 1 => {
                if let Some((sum, product)) = open.last_mut() {
                    *sum = sum.saturating_add(*product);
                    *product = 1;
                }
            }
            '}' if open.len() > 1 => close(&mut open),
            _ => {}
        }
    }
    while open.len() > 1 {
        close(&mut open);
    }
    open.first().map_or(1, |(_, product)| *product)
}

fn close(open: &mut Vec<(u64, u64)>) {
    let (sum, product) = open.pop().unwrap_or((0, 1));
    if let Some((_, outer)) = open.last_mut() {
        *outer = outer.saturating_mul(sum.saturating_add(product));
    }
}

fn has_class_beyond_ascii(glob: &str) -> bool {
    let (mut chars, mut in_class) = (glob.chars(), false);
    while let Some(c) = chars.next() {
        match c {
            '\\' => {
                chars.next();
            }
            '[' => in_class = true,
            ']' => in_class = false,
            _ if in_class && !c.is_ascii() => return true,
            _ => {}
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_combinations_of_alternatives_are_counted() {
        for (glob, count) in [
            ("a,b", 1),
            ("{a,b}", 2),
            ("{a,b}/{c,d,e}", 6),
            ("{a,{b,c}d,}", 4),
            (r"\{a,b\}", 1),
            (r"{a\,b,c}", 2),
        ] {
            assert_eq!(combinations(glob), count, "{glob}");
        }
        assert_eq!(combinations(&"{a,b}".repeat(100)), u64::MAX);
    }

    #[test]
    fn a_glob_beside_a_prefix_matches_nothing() {
        for (glob, prefix) in [
            ("web/*", "app/"),
            ("/app/*", "app/"),
            ("*.json", "app/"),
            ("app/*", "app/web/"),
            ("app", "app/"),
            ("app/w*", "app/x"),
            ("a?c/web", "abd/"),
            ("ap", "app"),
        ] {
            assert!(!may_match_below(glob, prefix), "{glob} {prefix}");
        }
        for (glob, prefix) in [
            ("web/*", ""),
            ("app/*", "app/"),
            ("app/*", "app"),
            ("application/*", "app"),
            ("app/web/*", "app/"),
            ("app/w*", "app/web"),
            ("*/*.json", "app/"),
            ("**/x", "app/web/"),
            ("{app/web,x}/*", "app/web/"),
            ("!app/*", "app/"),
            ("[a-c]pp/*", "app/"),
        ] {
            assert!(may_match_below(glob, prefix), "{glob} {prefix}");
        }
    }

    #[test]
    fn a_glob_that_takes_for_ever_is_refused() {
        let slow = format!("g/{}z", "{*a,*a,*a,*a,*a,*a,*a,*a}".repeat(10));
        let refused = check(&slow).unwrap_err().to_string();
        assert!(refused.contains("give several globs"), "{refused}");
        assert_eq!(check("{a,b}/{c,d}/*/[a-z]?/**/x"), Ok(()));
        assert_eq!(check("n/[à-ü]"), Err(GlobError::BeyondAscii));
        assert!(matches!(check("a/["), Err(GlobError::Malformed(_))));
    }
}
