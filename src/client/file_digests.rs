//! [`FileDigests`]: digests of the files that a configuration names, which show whether their content has changed.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use sha2::{Digest, Sha256};

use super::{
    config::ConsulConfig,
    regular_file::{MAX_PEM, files_below, read_regular_file},
};

/// The digest of a file, or of all files of a directory. Equal for equal content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FileDigest(
    /// `None` for something that cannot be read, and for a pipe or a device, which could be read without end.
    Option<[u8; 32]>,
);

/// The digests of the token file, certificates and keys of a configuration.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct FileDigests(BTreeMap<PathBuf, FileDigest>);

impl FileDigest {
    pub(crate) fn of(path: &Path) -> Self {
        let mut digest = Sha256::new();
        Self(
            add(&mut digest, path)
                .ok()
                .map(|()| digest.finalize().into()),
        )
    }
}

fn add(digest: &mut Sha256, path: &Path) -> std::io::Result<()> {
    if !fs::metadata(path)?.is_dir() {
        let content = read_regular_file(path, MAX_PEM)?;
        digest.update(content.len().to_be_bytes());
        digest.update(&*content);
        return Ok(());
    }
    files_below(path)?
        .into_iter()
        .try_for_each(|file| add(digest, &file))
}

impl FileDigests {
    /// Reads the files that clients of this configuration read.
    pub(crate) fn of(config: &ConsulConfig) -> Self {
        let tls = config.tls();
        let client = tls.client_certificate();
        let of_tls = [
            tls.ca_file(),
            tls.ca_path(),
            client.map(super::tls::ClientCertificate::certificate),
            client.map(super::tls::ClientCertificate::key),
        ];
        let paths = of_tls.into_iter().flatten();
        let paths = paths.chain(config.token_file());
        Self(
            paths
                .map(|path| (path.to_owned(), FileDigest::of(path)))
                .collect(),
        )
    }

    /// Returns the files of both whose content differs.
    pub(crate) fn differing_from(&self, other: &Self) -> Vec<PathBuf> {
        let differs = |(path, digest): &(&PathBuf, &FileDigest)| {
            other.0.get(*path).is_some_and(|before| before != *digest)
        };
        self.0
            .iter()
            .filter(differs)
            .map(|(path, _)| path.clone())
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pipe_is_not_read() {
        let home = tempfile::tempdir().unwrap();
        let pipe = home.path().join("pipe");
        let made = std::process::Command::new("mkfifo").arg(&pipe).status();
        assert!(made.unwrap().success());
        assert_eq!(FileDigest::of(&pipe), FileDigest(None));
        assert_ne!(FileDigest::of(&pipe), FileDigest::of(home.path()));
    }

    #[test]
    fn only_files_with_other_content_differ() {
        let home = tempfile::tempdir().unwrap();
        let (token, authorities) = (home.path().join("token"), home.path().join("ca"));
        fs::create_dir(&authorities).unwrap();
        fs::write(&token, "one").unwrap();
        fs::write(authorities.join("a.pem"), "a").unwrap();
        let config = ConsulConfig::default()
            .with_address("https://localhost:8501")
            .unwrap()
            .with_ca_path(&authorities)
            .with_token_file(&token);
        let before = FileDigests::of(&config);
        fs::write(&token, "one").unwrap();
        assert!(FileDigests::of(&config).differing_from(&before).is_empty());
        fs::write(authorities.join("b.pem"), "b").unwrap();
        assert_eq!(
            FileDigests::of(&config).differing_from(&before),
            std::slice::from_ref(&authorities)
        );
        fs::create_dir(authorities.join("more")).unwrap();
        let before = FileDigests::of(&config);
        fs::write(authorities.join("more/c.pem"), "c").unwrap();
        fs::remove_file(&token).unwrap();
        assert_eq!(
            FileDigests::of(&config).differing_from(&before),
            [authorities, token]
        );
        // Certificates are read for a plain address, too.
        let plain = config.with_address("http://localhost:8500").unwrap();
        assert_eq!(FileDigests::of(&plain).0.len(), 2);
    }
}
