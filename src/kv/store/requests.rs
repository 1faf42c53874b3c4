//! The requests behind the store's calls: by URL where that can name the key, else by transaction.

use awc::http::Method;
use bytes::Bytes;
use serde::de::DeserializeOwned;

use super::KvStore;
use crate::{
    client::{ClientError, KeyPath, QueryRequest},
    kv::{
        ancestor::Candidate,
        error::KvError,
        folder::Folder,
        listing::Listing,
        pair::KvPair,
        put_options::PutOptions,
        txn::{self, Op, TxnErrorKind},
    },
};

impl KvStore {
    pub(super) async fn read_key(&self, key: &str) -> Result<Option<KvPair>, KvError> {
        let pairs: Vec<KvPair> = match KeyPath::of_key(key)? {
            KeyPath::Direct(path) => {
                let answer = self
                    .client
                    .read(&QueryRequest::new(path).accept_404(true))
                    .await?;
                if !answer.found {
                    return Ok(None);
                }
                answer.json()?
            }
            KeyPath::NearestPrefix(_) => {
                let query = QueryRequest::new("/v1/txn").query(self.client.config());
                match self.transact(key, &[Op::get(key)], &query).await? {
                    Ok(pairs) => pairs,
                    Err(errors)
                        if errors
                            .iter()
                            .all(|error| error.kind() == TxnErrorKind::Absent) =>
                    {
                        return Ok(None);
                    }
                    Err(errors) => return Err(refused(key, &errors)),
                }
            }
        };
        let pair = pairs.into_iter().find(|pair| pair.key == key);
        pair.map(Some).ok_or_else(|| KvError::OtherKey {
            key: key.to_owned(),
        })
    }

    pub(super) async fn read_folder<T: DeserializeOwned>(
        &self,
        path: &str,
        how: &str,
        key_of: fn(&T) -> &String,
    ) -> Result<Listing<T>, KvError> {
        let folder = Folder::new(self.key(path));
        let request =
            QueryRequest::new(KeyPath::of_prefix(folder.prefix()).path()).with_param(how, "");
        let answer = self.client.read(&request.accept_404(true)).await?;
        let mut items: Vec<T> = if answer.found {
            answer.json()?
        } else {
            Vec::new()
        };
        items.retain(|item| folder.has(key_of(item)));
        let filtered_by_acls = answer.meta.results_filtered_by_acls;
        Ok(Listing {
            items,
            index: answer.index,
            filtered_by_acls,
        })
    }

    pub(super) async fn write(
        &self,
        key: &str,
        value: &[u8],
        options: &PutOptions,
    ) -> Result<bool, KvError> {
        let done = match KeyPath::of_key(key)? {
            KeyPath::Direct(path) => self
                .change(
                    Method::PUT,
                    &path,
                    Bytes::copy_from_slice(value),
                    options.query(),
                )
                .await
                .map_err(KvError::from),
            KeyPath::NearestPrefix(_) => {
                self.change_by_txn(key, Op::set(key, value, options)).await
            }
        };
        done.map_err(|error| match error {
            KvError::Client(ClientError::Status {
                status: 413, text, ..
            }) => KvError::ValueTooLarge {
                key: key.to_owned(),
                bytes: value.len(),
                what: text,
            },
            error => error,
        })
    }

    pub(super) async fn remove(&self, key: &str, cas: Option<u64>) -> Result<bool, KvError> {
        match KeyPath::of_key(key)? {
            KeyPath::Direct(path) => {
                let cas = cas.map(|index| ("cas".to_owned(), index.to_string()));
                Ok(self
                    .change(Method::DELETE, &path, Bytes::new(), cas)
                    .await?)
            }
            KeyPath::NearestPrefix(_) => self.change_by_txn(key, Op::delete(key, cas)).await,
        }
    }

    pub(super) async fn change(
        &self,
        method: Method,
        path: &str,
        body: Bytes,
        parameters: impl IntoIterator<Item = (String, String)>,
    ) -> Result<bool, ClientError> {
        let mut query = self.scope();
        query.extend(parameters);
        self.client.write(method, path, &query, body).await
    }

    async fn change_by_txn(&self, key: &str, op: Op<'_>) -> Result<bool, KvError> {
        match self.transact(key, &[op], &self.scope()).await? {
            Ok(_) => Ok(true),
            Err(errors)
                if errors
                    .iter()
                    .all(|error| error.kind() == TxnErrorKind::Stale) =>
            {
                Ok(false)
            }
            Err(errors) => Err(refused(key, &errors)),
        }
    }

    pub(super) async fn transact(
        &self,
        key: &str,
        ops: &[Op<'_>],
        query: &[(String, String)],
    ) -> Result<Result<Vec<KvPair>, Vec<txn::TxnError>>, KvError> {
        let body = txn::body(ops).map_err(|source| KvError::Encode {
            key: key.to_owned(),
            source,
        })?;
        let answer: txn::TxnAnswer = self.client.transact(query, None, body.into()).await?;
        Ok(answer.outcome())
    }

    /// Returns the first of the candidates that exists.
    pub(super) async fn nearest<'a>(
        &self,
        all: &[Candidate<'a>],
    ) -> Result<Option<Candidate<'a>>, KvError> {
        let query = QueryRequest::new("/v1/txn").query(self.client.config());
        for some in all.chunks(txn::MAX_OPERATIONS) {
            let Some((longest, _)) = some.first() else {
                continue;
            };
            let ops: Vec<Op<'_>> = some.iter().map(|(key, _)| Op::get(key)).collect();
            let Err(errors) = self.transact(longest, &ops, &query).await? else {
                return Ok(some.first().copied());
            };
            if let Some(error) = errors
                .iter()
                .find(|error| error.kind() != TxnErrorKind::Absent)
            {
                return Err(refused(longest, std::slice::from_ref(error)));
            }
            let is_absent = |at: usize| errors.iter().any(|error| error.op_index == at);
            if let Some((_, candidate)) = some.iter().enumerate().find(|(at, _)| !is_absent(*at)) {
                return Ok(Some(*candidate));
            }
        }
        Ok(None)
    }
}

/// Returns the error of a transaction that was rolled back, with Consul's text.
pub(super) fn refused(key: &str, errors: &[txn::TxnError]) -> KvError {
    let denied = errors
        .iter()
        .find(|error| error.kind() == TxnErrorKind::Denied);
    let what = denied
        .or(errors.first())
        .map(|error| error.what.clone())
        .unwrap_or_default();
    let key = key.to_owned();
    if denied.is_some() {
        KvError::Denied { key, what }
    } else {
        KvError::Transaction { key, what }
    }
}
