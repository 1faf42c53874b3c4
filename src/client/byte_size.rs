//! Sizes in bytes as people write them.

/// Parses a number of bytes with or without a unit: `512`, `64KiB`, `64MiB` or `1GiB` (powers of 1024), `64kB`, `64MB` or
/// `1GB` (powers of 1000). Returns `None` for anything else, such as zero or a size beyond the address space.
pub fn parse_size(text: &str) -> Option<usize> {
    let text = text.trim();
    let unit = text
        .find(|character: char| !character.is_ascii_digit())
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(unit);
    let factor: usize = match &*unit.trim_start().to_ascii_lowercase() {
        "" | "b" => 1,
        "kib" | "k" => 1 << 10,
        "mib" | "m" => 1 << 20,
        "gib" | "g" => 1 << 30,
        "kb" => 1_000,
        "mb" => 1_000_000,
        "gb" => 1_000_000_000,
        _ => return None,
    };
    let bytes = number.parse::<usize>().ok()?.checked_mul(factor)?;
    Some(bytes).filter(|bytes| *bytes > 0)
}

/// Writes a size with the unit that leaves a whole number.
pub(crate) fn shown_size(bytes: usize) -> String {
    [(1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")]
        .into_iter()
        .find(|(unit, _)| bytes >= *unit && bytes.is_multiple_of(*unit))
        .map_or_else(
            || format!("{bytes} bytes"),
            |(unit, name)| format!("{} {name}", bytes / unit),
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_with_their_unit() {
        for (text, bytes) in [
            ("1", 1),
            ("64KiB", 65_536),
            ("64 MiB", 67_108_864),
            ("2gib", 2_147_483_648),
            ("64kB", 64_000),
            ("3MB", 3_000_000),
            ("1GB", 1_000_000_000),
        ] {
            assert_eq!(parse_size(text), Some(bytes), "{text}");
        }
        for text in [
            "",
            "0",
            "-1",
            "1.5MB",
            "MiB",
            "1TB",
            "99999999999GiB",
            "1 MB x",
        ] {
            assert_eq!(parse_size(text), None, "{text}");
        }
    }

    #[test]
    fn sizes_are_shown_in_whole_units() {
        assert_eq!(shown_size(32 * 1024 * 1024), "32 MiB");
        assert_eq!(shown_size(1500), "1500 bytes");
    }
}
