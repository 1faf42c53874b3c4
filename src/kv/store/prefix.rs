//! Calls for a prefix of keys as Consul understands it: as a string, not as a folder.

use awc::http::Method;
use bytes::Bytes;

use super::{KvStore, refused};
use crate::{
    client::{KeyPath, QueryRequest},
    kv::{error::KvError, listing::Listing, pair::KvPair, txn::Op},
};

impl KvStore {
    /// Reads all pairs whose keys start with this string, as `consul kv get -recurse` does: `test` includes `test2`.
    /// For a folder there is [`list`](Self::list).
    ///
    /// # Errors
    /// Those of every call, see [`KvStore`].
    pub async fn list_prefix(&self, prefix: &str) -> Result<Listing<KvPair>, KvError> {
        let prefix = self.key(prefix);
        let request = QueryRequest::new(KeyPath::of_prefix(&prefix).path());
        let mut all: Listing<KvPair> = self.listing(request.with_param("recurse", "")).await?;
        all.items.retain(|pair| pair.key.starts_with(&prefix));
        Ok(all)
    }

    /// Reads the full keys that start with this string, without their values, each only up to the first `separator`
    /// after the prefix, as `consul kv get -keys` does
    /// ([`separator`](https://developer.hashicorp.com/consul/api-docs/kv#read-key)). An empty separator cuts nothing.
    ///
    /// # Errors
    /// Those of every call, see [`KvStore`].
    pub async fn keys_prefix(
        &self,
        prefix: &str,
        separator: &str,
    ) -> Result<Listing<String>, KvError> {
        let prefix = self.key(prefix);
        let path = KeyPath::of_prefix(&prefix);
        let mut request = QueryRequest::new(path.path()).with_param("keys", "");
        let by_consul = matches!(path, KeyPath::Direct(_));
        if by_consul && !separator.is_empty() {
            request = request.with_param("separator", separator);
        }
        let mut all: Listing<String> = self.listing(request).await?;
        if !by_consul {
            all.items.retain(|key| key.starts_with(&prefix));
            all.items
                .iter_mut()
                .for_each(|key| cut(key, prefix.len(), separator));
            all.items.dedup();
        }
        Ok(all)
    }

    /// Deletes all keys that start with this string, as `consul kv delete -recurse` does: `test` includes `test2`, and
    /// an empty string is every key under the configured prefix, or of the store. For a folder there is
    /// [`delete_tree`](Self::delete_tree).
    ///
    /// # Errors
    /// Those of every call, see [`KvStore`].
    pub async fn delete_prefix(&self, prefix: &str) -> Result<(), KvError> {
        let prefix = self.key(prefix);
        let done = match KeyPath::of_prefix(&prefix) {
            KeyPath::Direct(path) => {
                let recurse = [("recurse".to_owned(), String::new())];
                self.change(Method::DELETE, &path, Bytes::new(), recurse)
                    .await?
            }
            KeyPath::NearestPrefix(_) => {
                self.transact(&prefix, &[Op::delete_tree(&prefix)], &self.scope())
                    .await?
                    .map_err(|errors| refused(&prefix, &errors))?;
                true
            }
        };
        if done {
            Ok(())
        } else {
            Err(KvError::NotDone {
                action: "delete",
                key: prefix,
            })
        }
    }

    async fn listing<T: serde::de::DeserializeOwned>(
        &self,
        request: QueryRequest,
    ) -> Result<Listing<T>, KvError> {
        let answer = self.client.read(&request.accept_404(true)).await?;
        Ok(Listing {
            items: if answer.found {
                answer.json()?
            } else {
                Vec::new()
            },
            index: answer.index,
            filtered_by_acls: answer.meta.results_filtered_by_acls,
        })
    }
}

/// Cuts a key behind the first separator after its first `prefix` bytes.
fn cut(key: &mut String, prefix: usize, separator: &str) {
    if separator.is_empty() {
        return;
    }
    if let Some(at) = key.get(prefix..).and_then(|rest| rest.find(separator)) {
        key.truncate(prefix + at + separator.len());
    }
}

#[cfg(test)]
mod tests {
    use super::cut;

    #[test]
    fn a_key_is_cut_behind_the_first_separator_after_the_prefix() {
        let of = |key: &str, prefix: usize, separator: &str| {
            let mut key = key.to_owned();
            cut(&mut key, prefix, separator);
            key
        };
        assert_eq!(of("a//b/c", 2, "/"), "a//");
        assert_eq!(of("a//b/c", 3, "/"), "a//b/");
        assert_eq!(of("a//b/c", 3, ""), "a//b/c");
        assert_eq!(of("a//b", 3, "/"), "a//b");
    }
}
