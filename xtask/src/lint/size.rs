//! `cargo xtask lint size`: no source file is longer than [`MAX_LINES`].

use std::path::Path;

use super::files;
use super::finding::Finding;

/// The longest a source file may be, in lines.
const MAX_LINES: usize = 400;

pub(crate) fn check(root: &Path) -> Result<Vec<Finding>, String> {
    let files = files::read(root, "", &["rs"])?;
    Ok(files
        .iter()
        .filter_map(|file| too_long(&file.path, &file.text))
        .collect())
}

fn too_long(path: &Path, text: &str) -> Option<Finding> {
    let lines = text.lines().count();
    (lines > MAX_LINES).then(|| {
        let what = format!(
            "{lines} lines, more than {MAX_LINES}: split it by noun, or move its tests out"
        );
        Finding::new(path, lines, what)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refuses_a_file_of_401_lines() {
        let path = Path::new("src/long.rs");
        assert_eq!(too_long(path, &"//\n".repeat(MAX_LINES)), None);
        let refused = too_long(path, &"//\n".repeat(MAX_LINES + 1));
        assert!(refused.is_some_and(|finding| {
            finding
                .to_string()
                .starts_with("src/long.rs:401: 401 lines")
        }));
    }
}
