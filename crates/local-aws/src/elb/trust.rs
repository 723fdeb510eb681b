//! Trust stores: the CAs that a listener takes client certificates of, and what is revoked.
//!
//! Source: <https://docs.aws.amazon.com/elasticloadbalancing/latest/application/mutual-authentication.html>

use rustls::pki_types::{CertificateDer, CertificateRevocationListDer, pem::PemObject};
use serde_json::{Value, json};
use x509_cert::{Certificate, certificate::Rfc5280, crl::CertificateList, der::Decode};

use super::{
    Balancing, State,
    error::{self, check_name, not_done},
    limits, page,
    tag::Tags,
};
use crate::{ecs::Members, error::ApiError};

/// A trust store.
#[derive(Debug)]
pub(crate) struct TrustStore {
    arn: String,
    name: String,
    pub(crate) authorities: Vec<CertificateDer<'static>>,
    bundle: Vec<u8>,
    revocations: Vec<Revocation>,
    next_revocation: u64,
    pub(super) tags: Tags,
}

/// A file of revocation lists.
#[derive(Debug)]
struct Revocation {
    id: u64,
    entries: usize,
    content: Vec<u8>,
    lists: Vec<CertificateRevocationListDer<'static>>,
}

impl Revocation {
    fn show(&self, store: &str) -> Value {
        json!({"TrustStoreArn": store, "RevocationId": self.id, "RevocationType": "CRL",
            "NumberOfRevokedEntries": self.entries})
    }
}

impl TrustStore {
    /// Every list that was added.
    pub(crate) fn lists(&self) -> Vec<CertificateRevocationListDer<'static>> {
        self.revocations.iter().flat_map(|revocation| &revocation.lists).cloned().collect()
    }

    fn show(&self) -> Value {
        let entries: usize = self.revocations.iter().map(|revocation| revocation.entries).sum();
        json!({"Name": self.name, "TrustStoreArn": self.arn, "Status": "ACTIVE",
            "NumberOfCaCertificates": self.authorities.len(), "TotalRevokedEntries": entries})
    }

    /// Reads lists, each of one of the store's authorities.
    fn read_lists(&self, content: &[u8]) -> Option<(Vec<CertificateRevocationListDer<'static>>, usize)> {
        let mut lists: Vec<CertificateRevocationListDer<'static>> =
            CertificateRevocationListDer::pem_slice_iter(content).collect::<Result<_, _>>().ok()?;
        if lists.is_empty() {
            lists.push(content.to_vec().into());
        }
        let mut entries = 0;
        for list in &lists {
            let list = CertificateList::<Rfc5280>::from_der(list.as_ref()).ok()?.tbs_cert_list;
            let is_its = |authority: &CertificateDer<'_>| {
                Certificate::from_der(authority.as_ref())
                    .is_ok_and(|authority| *authority.tbs_certificate().subject() == list.issuer)
            };
            self.authorities.iter().any(is_its).then_some(())?;
            entries += list.revoked_certificates.map_or(0, |revoked| revoked.len());
        }
        Some((lists, entries))
    }
}

impl State {
    /// The trust store of that ARN.
    pub(crate) fn store(&self, arn: &str) -> Option<&TrustStore> {
        self.stores.get(arn)
    }

    /// The certificates of a bundle in S3.
    fn bundle(&self, request: &Value) -> Result<(Vec<CertificateDer<'static>>, Vec<u8>), ApiError> {
        if request.member("CaCertificatesBundleS3ObjectVersion").is_some() {
            return Err(not_done("versions of objects in S3"));
        }
        let bucket = request.text("CaCertificatesBundleS3Bucket").unwrap_or_default();
        let key = request.text("CaCertificatesBundleS3Key").unwrap_or_default();
        let content = self.objects.get(bucket, key).ok_or_else(|| {
            ApiError::new(
                "CaCertificatesBundleNotFound",
                format!("The certificate bundle '{key}' could not be found in the bucket '{bucket}'"),
            )
        })?;
        let invalid = || {
            ApiError::new(
                "InvalidCaCertificatesBundle",
                "The certificate bundle is not made of X.509 certificates in PEM form",
            )
        };
        let found: Vec<CertificateDer<'static>> =
            CertificateDer::pem_slice_iter(&content).collect::<Result<_, _>>().map_err(|_| invalid())?;
        let are_read = found.iter().all(|found| Certificate::from_der(found.as_ref()).is_ok());
        if found.is_empty() || !are_read {
            return Err(invalid());
        }
        Ok((found, content))
    }

    fn store_mut(&mut self, request: &Value) -> Result<&mut TrustStore, ApiError> {
        let arn = request.text("TrustStoreArn").unwrap_or_default();
        self.stores.get_mut(arn).ok_or_else(|| error::no_store(arn))
    }

    fn users_of(&self, store: &str) -> impl Iterator<Item = &super::Listener> {
        self.listeners
            .values()
            .filter(move |listener| listener.tls.as_ref().and_then(|tls| tls.mutual.store()) == Some(store))
    }
}

impl Balancing {
    pub(super) fn create_store(&self, request: &Value) -> Result<Value, ApiError> {
        let name = request.text("Name").unwrap_or_default();
        check_name("Trust store", name)?;
        let mut state = self.state();
        if state.stores.values().any(|store| store.name == name) {
            return Err(ApiError::new(
                "DuplicateTrustStoreName",
                format!("A trust store with the name '{name}' exists"),
            ));
        }
        limits::check("trust-stores", state.stores.len() + 1)?;
        let (authorities, bundle) = state.bundle(request)?;
        let tags = Tags::read(request)?;
        let arn = self.arn(&format!("truststore/{name}/{}", state.id()));
        let store = TrustStore {
            arn: arn.clone(),
            name: name.to_owned(),
            authorities,
            bundle,
            revocations: Vec::new(),
            next_revocation: 1,
            tags,
        };
        let shown = store.show();
        state.stores.insert(arn, store);
        Ok(json!({"TrustStores": [shown]}))
    }

    pub(super) fn modify_store(&self, request: &Value) -> Result<Value, ApiError> {
        let mut state = self.state();
        state.store_mut(request)?;
        let (authorities, bundle) = state.bundle(request)?;
        let store = state.store_mut(request)?;
        (store.authorities, store.bundle) = (authorities, bundle);
        let shown = store.show();
        drop(state);
        self.changed.notify_one();
        Ok(json!({"TrustStores": [shown]}))
    }

    pub(super) fn describe_stores(&self, request: &Value) -> Result<Value, ApiError> {
        let state = self.state();
        let (arns, names) = (request.items("TrustStoreArns"), request.items("Names"));
        for asked in request.texts("TrustStoreArns").chain(request.texts("Names")) {
            if !state.stores.values().any(|store| store.arn == asked || store.name == asked) {
                return Err(error::no_store(asked));
            }
        }
        let is_in = |list: &[Value], text: &str| list.iter().any(|item| item == text);
        let found = state.stores.values().filter(|store| {
            (arns.is_empty() && names.is_empty()) || is_in(arns, &store.arn) || is_in(names, &store.name)
        });
        page::answer(request, "TrustStores", found, |it| it.arn.clone(), |it| it.show())
    }

    pub(super) fn delete_store(&self, request: &Value) -> Result<Value, ApiError> {
        let mut state = self.state();
        let arn = state.store_mut(request)?.arn.clone();
        if state.users_of(&arn).next().is_some() {
            let text = format!("Trust store '{arn}' is currently in use by a listener");
            return Err(ApiError::new("TrustStoreInUse", text));
        }
        state.stores.remove(&arn);
        Ok(json!({}))
    }

    pub(super) fn describe_store_associations(&self, request: &Value) -> Result<Value, ApiError> {
        let mut state = self.state();
        let arn = state.store_mut(request)?.arn.clone();
        let users = state.users_of(&arn);
        let show = |listener: &&super::Listener| json!({"ResourceArn": listener.arn});
        page::answer(request, "TrustStoreAssociations", users, |it| it.arn.clone(), show)
    }

    pub(super) fn add_revocations(&self, request: &Value) -> Result<Value, ApiError> {
        let mut state = self.state();
        let arn = state.store_mut(request)?.arn.clone();
        let mut contents = Vec::new();
        for content in request.items("RevocationContents") {
            if content.member("S3ObjectVersion").is_some() {
                return Err(not_done("versions of objects in S3"));
            }
            let bucket = content.text("S3Bucket").unwrap_or_default();
            let key = content.text("S3Key").unwrap_or_default();
            let found = state.objects.get(bucket, key).ok_or_else(|| {
                ApiError::new(
                    "RevocationContentNotFound",
                    format!("The revocation content '{key}' could not be found in the bucket '{bucket}'"),
                )
            })?;
            contents.push(found);
        }
        let store = state.store_mut(request)?;
        let mut added = Vec::new();
        for content in contents {
            let (lists, entries) = store.read_lists(&content).ok_or_else(|| {
                ApiError::new(
                    "InvalidRevocationContent",
                    "The revocation content is no list of certificates that an authority of the trust store revoked",
                )
            })?;
            added.push(Revocation { id: 0, entries, content, lists });
        }
        let mut shown = Vec::new();
        for mut revocation in added {
            revocation.id = store.next_revocation;
            store.next_revocation += 1;
            shown.push(revocation.show(&arn));
            store.revocations.push(revocation);
        }
        drop(state);
        self.changed.notify_one();
        Ok(json!({"TrustStoreRevocations": shown}))
    }

    pub(super) fn remove_revocations(&self, request: &Value) -> Result<Value, ApiError> {
        let mut state = self.state();
        let store = state.store_mut(request)?;
        let gone = revocation_ids(request, store)?;
        store.revocations.retain(|revocation| !gone.contains(&revocation.id));
        drop(state);
        self.changed.notify_one();
        Ok(json!({}))
    }

    pub(super) fn describe_revocations(&self, request: &Value) -> Result<Value, ApiError> {
        let mut state = self.state();
        let store = state.store_mut(request)?;
        let ids = revocation_ids(request, store)?;
        let asked = |revocation: &&Revocation| ids.is_empty() || ids.contains(&revocation.id);
        let found = store.revocations.iter().filter(asked);
        let key = |revocation: &&Revocation| format!("{:020}", revocation.id);
        page::answer(request, "TrustStoreRevocations", found, key, |it| it.show(&store.arn))
    }

    /// The bundle, or with a `RevocationId` the revocation's content: AWS answers with where it is.
    pub(super) fn store_content(&self, request: &Value, url: Option<String>) -> Result<Value, ApiError> {
        let url = url.ok_or_else(|| not_done("content where no server runs"))?;
        let mut state = self.state();
        let store = state.store_mut(request)?;
        let (name, content) = match request.whole("RevocationId") {
            None => ("bundle.pem".to_owned(), store.bundle.clone()),
            Some(id) => {
                let found = store.revocations.iter().find(|revocation| revocation.id == id);
                let found = found.ok_or_else(|| no_revocation(id))?;
                (format!("revocation-{id}"), found.content.clone())
            }
        };
        let bucket = store.arn.replace([':', '/'], "-");
        drop(state);
        self.put_object(&bucket, &name, &content);
        Ok(json!({"Location": format!("{url}/_local/objects/{bucket}/{name}")}))
    }
}

fn revocation_ids(request: &Value, store: &TrustStore) -> Result<Vec<u64>, ApiError> {
    let ids: Vec<u64> = request.items("RevocationIds").iter().filter_map(Value::as_u64).collect();
    match ids.iter().find(|id| !store.revocations.iter().any(|revocation| revocation.id == **id)) {
        Some(id) => Err(no_revocation(*id)),
        None => Ok(ids),
    }
}

fn no_revocation(id: u64) -> ApiError {
    ApiError::new("RevocationIdNotFound", format!("The revocation ID '{id}' is not in the trust store"))
}
