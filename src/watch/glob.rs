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
    fn a_glob_that_takes_for_ever_is_refused() {
        let slow = format!("g/{}z", "{*a,*a,*a,*a,*a,*a,*a,*a}".repeat(10));
        let refused = check(&slow).unwrap_err().to_string();
        assert!(refused.contains("give several globs"), "{refused}");
        assert_eq!(check("{a,b}/{c,d}/*/[a-z]?/**/x"), Ok(()));
        assert_eq!(check("n/[à-ü]"), Err(GlobError::BeyondAscii));
        assert!(matches!(check("a/["), Err(GlobError::Malformed(_))));
    }
}
