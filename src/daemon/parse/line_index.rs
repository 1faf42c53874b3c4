//! Maps byte offsets of a text to lines.

/// The byte offsets at which the lines of a text start.
pub(super) struct LineIndex(Vec<usize>);

impl LineIndex {
    pub(super) fn of(text: &str) -> Self {
        Self(text.match_indices('\n').map(|(at, _)| at + 1).collect())
    }

    /// Returns the line of this byte, counted from 1.
    pub(super) fn line(&self, byte: usize) -> usize {
        self.0.partition_point(|begin| *begin <= byte) + 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_newline_belongs_to_the_line_it_ends() {
        let lines = LineIndex::of("a\nb\n");
        assert_eq!(
            [0, 1, 2, 3, 4, 9].map(|byte| lines.line(byte)),
            [1, 1, 2, 2, 3, 3]
        );
    }
}
