//! The files of the workspace that the checks read.

use std::fs;
use std::path::{Path, PathBuf};

/// A text file, with its path relative to the workspace.
#[derive(Debug)]
pub(crate) struct TextFile {
    pub(crate) path: PathBuf,
    pub(crate) text: String,
}

/// Folders that hold nothing of the project's own text.
const SKIPPED: [&str; 2] = ["target", "fixtures"];

/// Reads all files below `folder` whose extension is one of `extensions`, sorted by path.
///
/// Hidden folders, build output and the checks' own fixtures are left out.
///
/// # Errors
///
/// A folder or file that cannot be read, by its path.
pub(crate) fn read(
    root: &Path,
    folder: &str,
    extensions: &[&str],
) -> Result<Vec<TextFile>, String> {
    let mut files = Vec::new();
    let mut folders = vec![root.join(folder)];
    while let Some(folder) = folders.pop() {
        let fail = |error| format!("cannot read {}: {error}", folder.display());
        for entry in fs::read_dir(&folder).map_err(fail)? {
            let path = entry.map_err(fail)?.path();
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            if path.is_dir() {
                if !name.starts_with('.') && !SKIPPED.contains(&name.as_ref()) {
                    folders.push(path);
                }
            } else if path
                .extension()
                .is_some_and(|extension| extensions.iter().any(|wanted| extension == *wanted))
            {
                let text = fs::read_to_string(&path)
                    .map_err(|error| format!("cannot read {}: {error}", path.display()))?;
                let path = path.strip_prefix(root).unwrap_or(&path).to_owned();
                files.push(TextFile { path, text });
            }
        }
    }
    files.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(files)
}
