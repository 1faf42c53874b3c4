//! [`KvStore`]: the calls of the KV store.

mod prefix;
mod requests;

use serde::Serialize;

use self::requests::refused;
use super::{
    ancestor::{Nearest, candidates},
    error::KvError,
    folder::Folder,
    listing::Listing,
    pair::KvPair,
    put_options::PutOptions,
    txn::Op,
};
use crate::client::{ConfigError, ConsulClient, ConsulConfig, EmptyKey};

/// The number of times that the nearest key of a path is looked up when keys vanish meanwhile.
const MAX_LOOKUPS: usize = 3;

/// Consul's [key-value store](https://developer.hashicorp.com/consul/api-docs/kv), under the configured prefix.
///
/// Its paths are relative to [`ConsulConfig::prefix`]; the keys that it returns, in a [`KvPair`] or an error, are
/// Consul's full keys, and [`path_of`](Self::path_of) makes a path of one. It reaches every key that Consul can
/// hold, also those that no URL can name: see [`KeyPath`](crate::client::KeyPath).
///
/// Reads are as fresh as [`ConsulConfig::consistency`] asks. No call is repeated here: Consul may have executed a
/// write that failed with a timeout.
///
/// ```no_run
/// use consul_watch::{client::ConsulConfig, kv::KvStore};
///
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// let kv = KvStore::connect(&ConsulConfig::from_env()?.with_prefix("kvTest"))?;
/// kv.put("greeting", "hello").await?;
/// kv.put_json("app", &serde_json::json!({ "db": { "port": 5432 } })).await?;
///
/// assert_eq!(kv.get("greeting").await?.to_value().as_str()?, "hello");
/// assert_eq!(kv.get_nearest("app/db/port").await?.value.as_u64()?, 5432);
/// for pair in kv.list("app").await? {
///     println!("{}", pair.key);
/// }
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// Every call fails with a [`KvError`]: [`EmptyKey`](KvError::EmptyKey) for an empty path in the place of a key,
/// [`Client`](KvError::Client) when the request fails, and its own errors.
#[derive(Debug, Clone)]
pub struct KvStore {
    client: ConsulClient,
}

impl KvStore {
    /// Makes the store of this client, under the prefix of its configuration.
    pub fn new(client: ConsulClient) -> Self {
        Self { client }
    }

    /// Makes a store with a client of its own, which connects when it is first used.
    ///
    /// # Errors
    /// [`ConfigError`]: those of [`ConsulClient::new`].
    pub fn connect(config: &ConsulConfig) -> Result<Self, ConfigError> {
        ConsulClient::new(config).map(Self::new)
    }

    /// The client of the store.
    pub fn client(&self) -> &ConsulClient {
        &self.client
    }

    /// Returns Consul's full key of a path.
    pub fn key(&self, path: &str) -> String {
        format!("{}{path}", self.prefix())
    }

    /// Returns the path of a full key; `None` when the key is not under the prefix.
    pub fn path_of<'k>(&self, key: &'k str) -> Option<&'k str> {
        key.strip_prefix(self.prefix())
    }

    /// Reads the pair at a path.
    ///
    /// # Errors
    /// [`KvError::KeyNotFound`] when Consul says that there is none; a proxy's 404 is another error.
    pub async fn get(&self, path: &str) -> Result<KvPair, KvError> {
        let pair = self.get_opt(path).await?;
        pair.ok_or_else(|| KvError::KeyNotFound {
            key: self.key(path),
            ancestors: false,
        })
    }

    /// Reads the pair at a path; `None` when Consul says that there is none.
    ///
    /// # Errors
    /// Those of every call, see [`KvStore`].
    pub async fn get_opt(&self, path: &str) -> Result<Option<KvPair>, KvError> {
        self.read_key(&self.checked_key(path)?).await
    }

    /// Reads the value at a path: that of the key itself, or a field in the JSON of the *longest* key above it. The
    /// rest of the path names the field: names in objects, and indexes from 0 in arrays.
    ///
    /// With the key `app` holding `{"db": {"hosts": ["a", "b"]}}`, the path `app/db/hosts/1` is `b`.
    /// The longest key counts even if the field is missing in it and a shorter key would have it.
    ///
    /// It takes one request when the path is a key, two when only one key can be above it, and otherwise three,
    /// however deep the path: a read-only transaction reads all of the keys above at one instant, and the nearest
    /// is read again. To try one key after the other would take a request for each level, and a listing could
    /// return half of the store.
    ///
    /// # Errors
    /// [`KvError::KeyNotFound`] without any such key; [`KvError::FieldNotFound`] or
    /// [`KvError::NotJson`] when the key exists and the field does not; [`KvError::Denied`] when the
    /// token hides a key that may be the nearest.
    pub async fn get_nearest(&self, path: &str) -> Result<Nearest, KvError> {
        let key = self.checked_key(path)?;
        if let Some(pair) = self.read_key(&key).await? {
            return Nearest::new(pair, None);
        }
        let not_found = || KvError::KeyNotFound {
            key: key.clone(),
            ancestors: true,
        };
        let all = candidates(&key, self.prefix().len());
        if let [_, (above, field)] = all[..] {
            let pair = self.read_key(above).await?.ok_or_else(not_found)?;
            return Nearest::new(pair, field);
        }
        for _ in 0..MAX_LOOKUPS {
            let (nearest, field) = self.nearest(&all).await?.ok_or_else(not_found)?;
            if let Some(pair) = self.read_key(nearest).await? {
                return Nearest::new(pair, field);
            }
        }
        Err(KvError::Unsettled { key })
    }

    /// Reads all pairs of a folder: the key itself and all keys inside, see [`Folder`]; the empty path means all
    /// keys under the prefix. The listing is empty when there are none.
    ///
    /// It is one request, so all pairs are of one instant. Consul also sends keys that only start alike (`test2` for
    /// `test`), which are dropped here: where there are many, `test/` asks for less.
    ///
    /// # Errors
    /// Those of every call, see [`KvStore`].
    pub async fn list(&self, path: &str) -> Result<Listing<KvPair>, KvError> {
        self.read_folder(path, "recurse", |pair: &KvPair| &pair.key)
            .await
    }

    /// Reads the full keys of a folder, without their values; otherwise like [`list`](Self::list).
    ///
    /// # Errors
    /// Those of every call, see [`KvStore`].
    pub async fn keys(&self, path: &str) -> Result<Listing<String>, KvError> {
        self.read_folder(path, "keys", |key: &String| key).await
    }

    /// Writes text or bytes as they are: a `&str` is stored without quotes. For other types there is
    /// [`put_json`](Self::put_json).
    ///
    /// # Errors
    /// [`KvError::ValueTooLarge`] beyond Consul's limit
    /// ([`kv_max_value_size`](https://developer.hashicorp.com/consul/docs/agent/config/config-files#kv_max_value_size)),
    /// 512 KiB unless configured otherwise (about 380 KiB for a key that no URL can name).
    pub async fn put(&self, path: &str, value: impl AsRef<[u8]>) -> Result<(), KvError> {
        let key = self.checked_key(path)?;
        let options = PutOptions::default();
        if self.write(&key, value.as_ref(), &options).await? {
            return Ok(());
        }
        Err(KvError::NotDone {
            action: "write",
            key,
        })
    }

    /// Writes any serializable value as JSON. A string gets quotes: [`put`](Self::put) stores it without.
    ///
    /// # Errors
    /// [`KvError::Encode`] when the value cannot be written as JSON, and those of [`put`](Self::put).
    pub async fn put_json<T: Serialize + ?Sized>(
        &self,
        path: &str,
        value: &T,
    ) -> Result<(), KvError> {
        let json = serde_json::to_vec(value).map_err(|source| KvError::Encode {
            key: self.key(path),
            source,
        })?;
        self.put(path, json).await
    }

    /// Writes only if the key's [`modify_index`](KvPair::modify_index) still is `modify_index`, or, with 0, only if
    /// there is no such key (check-and-set). Returns whether it wrote.
    ///
    /// # Errors
    /// Those of [`put`](Self::put).
    pub async fn put_cas(
        &self,
        path: &str,
        value: impl AsRef<[u8]>,
        modify_index: u64,
    ) -> Result<bool, KvError> {
        let options = PutOptions::default().if_modify_index(modify_index);
        self.put_with(path, value, &options).await
    }

    /// Writes with flags and a condition. Returns whether it wrote, which only a condition can prevent.
    ///
    /// # Errors
    /// Those of [`put`](Self::put).
    pub async fn put_with(
        &self,
        path: &str,
        value: impl AsRef<[u8]>,
        options: &PutOptions,
    ) -> Result<bool, KvError> {
        self.write(&self.checked_key(path)?, value.as_ref(), options)
            .await
    }

    /// Deletes one key. A missing key is no error.
    ///
    /// # Errors
    /// Those of every call, see [`KvStore`].
    pub async fn delete(&self, path: &str) -> Result<(), KvError> {
        let key = self.checked_key(path)?;
        if self.remove(&key, None).await? {
            return Ok(());
        }
        Err(KvError::NotDone {
            action: "delete",
            key,
        })
    }

    /// Deletes a key only if its [`modify_index`](KvPair::modify_index) still is `modify_index`. Returns whether it
    /// did, which Consul affirms for a key that is already gone; it never deletes with 0.
    ///
    /// # Errors
    /// Those of every call, see [`KvStore`].
    pub async fn delete_cas(&self, path: &str, modify_index: u64) -> Result<bool, KvError> {
        self.remove(&self.checked_key(path)?, Some(modify_index))
            .await
    }

    /// Deletes a folder in one transaction: the key itself and all keys inside, see [`Folder`]; the empty path means
    /// all keys under the prefix.
    ///
    /// # Errors
    /// [`KvError::WholeStore`] for an empty path without a prefix.
    pub async fn delete_tree(&self, path: &str) -> Result<(), KvError> {
        let folder = Folder::new(self.key(path));
        let inside = folder.as_folder();
        if inside.is_empty() {
            return Err(KvError::WholeStore);
        }
        let mut ops = vec![Op::delete_tree(&inside)];
        ops.extend(folder.own_key().map(|key| Op::delete(key, None)));
        self.transact(folder.prefix(), &ops, &self.scope())
            .await?
            .map_err(|errors| refused(folder.prefix(), &errors))?;
        Ok(())
    }

    fn prefix(&self) -> &str {
        self.client.config().prefix()
    }

    fn checked_key(&self, path: &str) -> Result<String, EmptyKey> {
        if path.is_empty() {
            Err(EmptyKey)
        } else {
            Ok(self.key(path))
        }
    }

    /// The parameters of a write besides its key.
    fn scope(&self) -> Vec<(String, String)> {
        self.client.config().scope()
    }
}
