//! [`KvStore`]: the calls.

mod requests;

use serde::Serialize;

use self::requests::refused;

use super::{
    ancestor::{Nearest, candidates},
    error::KvError,
    folder::Folder,
    listing::Listing,
    pair::KvPair,
    txn::Op,
};
use crate::client::{ConfigError, ConsulClient, ConsulConfig, EmptyKey};

/// How often the way from a path up to its nearest key is looked at again when keys vanish meanwhile.
const LOOKS: usize = 3;

/// Consul's key-value store ("KV Store HTTP API"), beneath the configured prefix.
///
/// Paths given to it are beneath [`ConsulConfig::prefix`]; keys that come back, in a [`KvPair`] or an
/// error, are Consul's full keys, and [`path_of`](Self::path_of) makes a path of one. Every key that
/// Consul can hold can be named, awkward ones included: see [`KeyPath`](crate::client::KeyPath).
///
/// Reads are as fresh as [`ConsulConfig::consistency`] says. No call is repeated here: a write that
/// failed by a timeout may have been done.
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
/// Every call fails with a [`KvError`]: [`EmptyKey`](KvError::EmptyKey) for an empty path where a key is
/// meant, [`Client`](KvError::Client) when the request fails, and what it says of itself.
#[derive(Debug, Clone)]
pub struct KvStore {
    client: ConsulClient,
}

impl KvStore {
    /// The store of this client's agent, beneath the prefix of its configuration.
    pub fn new(client: ConsulClient) -> Self {
        Self { client }
    }

    /// The store of a client of its own. It connects when it is first used.
    ///
    /// # Errors
    /// [`ConfigError`], as [`ConsulClient::new`].
    pub fn connect(config: &ConsulConfig) -> Result<Self, ConfigError> {
        ConsulClient::new(config).map(Self::new)
    }

    /// The client it uses.
    pub fn client(&self) -> &ConsulClient {
        &self.client
    }

    /// Consul's full key of a path.
    pub fn key(&self, path: &str) -> String {
        format!("{}{path}", self.prefix())
    }

    /// The path of a full key; `None` when the key is not beneath the prefix.
    pub fn path_of<'k>(&self, key: &'k str) -> Option<&'k str> {
        key.strip_prefix(self.prefix())
    }

    /// The pair at a path.
    ///
    /// # Errors
    /// [`KvError::KeyNotFound`] when Consul says that there is none; a proxy's 404 is not taken for it.
    pub async fn get(&self, path: &str) -> Result<KvPair, KvError> {
        let pair = self.get_opt(path).await?;
        pair.ok_or_else(|| KvError::KeyNotFound {
            key: self.key(path),
            ancestors: false,
        })
    }

    /// The pair at a path, or `None` when Consul says that there is none.
    ///
    /// # Errors
    /// As [`KvStore`] says.
    pub async fn get_opt(&self, path: &str) -> Result<Option<KvPair>, KvError> {
        self.read_key(&self.checked_key(path)?).await
    }

    /// The value at a path: that of the key itself, or of the *longest* key above it, in whose JSON the
    /// rest of the path is then looked up: names of object fields, and indexes of arrays from 0.
    ///
    /// With the key `app` holding `{"db": {"hosts": ["a", "b"]}}`, the path `app/db/hosts/1` is `b`.
    /// The longest key counts even if the field is missing in it and a shorter key would have it.
    ///
    /// It takes one request when the path is a key, two when one key can lie above it, and otherwise
    /// three however deep it is: a read-only transaction asks for all of the keys above at one instant,
    /// and the one that is nearest is read. Asking one after the other would take a request for each
    /// level, and listing could bring half of the store.
    ///
    /// # Errors
    /// [`KvError::KeyNotFound`] without any such key; [`KvError::FieldNotFound`] or
    /// [`KvError::NotJson`] when the key is there and the field is not; [`KvError::Denied`] when the
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
        for _ in 0..LOOKS {
            let (nearest, field) = self.nearest(&all).await?.ok_or_else(not_found)?;
            if let Some(pair) = self.read_key(nearest).await? {
                return Nearest::new(pair, field);
            }
        }
        Err(KvError::Unsettled { key })
    }

    /// All pairs of a folder: the key itself and everything beneath it, see [`Folder`]; the empty path
    /// is everything beneath the prefix. Nothing there is an empty listing.
    ///
    /// It is one request, so what comes was there at one instant. Consul also sends what only starts
    /// alike (`test2` for `test`), which is dropped here: where that is much, `test/` asks for less.
    ///
    /// # Errors
    /// As [`KvStore`] says.
    pub async fn list(&self, path: &str) -> Result<Listing<KvPair>, KvError> {
        self.read_folder(path, "recurse", |pair: &KvPair| &pair.key)
            .await
    }

    /// The full keys of a folder, without their values; otherwise as [`list`](Self::list).
    ///
    /// # Errors
    /// As [`KvStore`] says.
    pub async fn keys(&self, path: &str) -> Result<Listing<String>, KvError> {
        self.read_folder(path, "keys", |key: &String| key).await
    }

    /// Writes text or bytes as they are: a `&str` is stored without quotes. For anything else there is
    /// [`put_json`](Self::put_json).
    ///
    /// # Errors
    /// [`KvError::ValueTooLarge`] beyond Consul's limit, 512 KiB unless configured otherwise (for a key
    /// that no URL can carry, about 380 KiB).
    pub async fn put(&self, path: &str, value: impl AsRef<[u8]>) -> Result<(), KvError> {
        let key = self.checked_key(path)?;
        if self.write(&key, value.as_ref(), None).await? {
            return Ok(());
        }
        Err(KvError::NotDone {
            action: "write",
            key,
        })
    }

    /// Writes anything that serde can serialize, as JSON. A string gets its quotes: to store it bare,
    /// there is [`put`](Self::put).
    ///
    /// # Errors
    /// [`KvError::Encode`] when it cannot be written as JSON, and those of [`put`](Self::put).
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

    /// Check-and-set: writes only if the key's [`modify_index`](KvPair::modify_index) still is
    /// `modify_index`, or, with 0, only if there is no such key. Says whether it wrote.
    ///
    /// # Errors
    /// Those of [`put`](Self::put).
    pub async fn put_cas(
        &self,
        path: &str,
        value: impl AsRef<[u8]>,
        modify_index: u64,
    ) -> Result<bool, KvError> {
        self.write(&self.checked_key(path)?, value.as_ref(), Some(modify_index))
            .await
    }

    /// Deletes one key. A key that is not there is no error.
    ///
    /// # Errors
    /// As [`KvStore`] says.
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

    /// Deletes a key only if its [`modify_index`](KvPair::modify_index) still is `modify_index`, and
    /// says whether it did. Consul says yes for a key that is gone already, and never deletes with 0.
    ///
    /// # Errors
    /// As [`KvStore`] says.
    pub async fn delete_cas(&self, path: &str, modify_index: u64) -> Result<bool, KvError> {
        self.remove(&self.checked_key(path)?, Some(modify_index))
            .await
    }

    /// Deletes a folder, in one transaction: the key itself and everything beneath it, see [`Folder`];
    /// the empty path is everything beneath the prefix.
    ///
    /// # Errors
    /// [`KvError::WholeStore`] for an empty path without a prefix.
    pub async fn delete_tree(&self, path: &str) -> Result<(), KvError> {
        let folder = Folder::new(self.key(path));
        let beneath = folder.beneath();
        if beneath.is_empty() {
            return Err(KvError::WholeStore);
        }
        let mut ops = vec![Op::delete_tree(&beneath)];
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

    /// What a write says beside its key.
    fn scope(&self) -> Vec<(String, String)> {
        self.client.config().scope()
    }
}
