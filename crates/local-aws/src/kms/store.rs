//! Where the keys of one account and region lie, and how a request names one.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::{
    material::Material,
    refusal::{not_found, state},
};
use crate::{clock::Time, error::ApiError, id::Random, labels::Labels};

/// A key's place in its life.
///
/// ```text
/// Enabled ⇄ Disabled ⇄ PendingDeletion → gone
///    └──────────────────────↑
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum KeyState {
    Enabled,
    Disabled,
    /// Gone at that time.
    PendingDeletion(Time),
}

impl KeyState {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Enabled => "Enabled",
            Self::Disabled => "Disabled",
            Self::PendingDeletion(_) => "PendingDeletion",
        }
    }
}

/// A key.
#[derive(Debug)]
pub(super) struct Key {
    pub(super) id: String,
    pub(super) arn: String,
    pub(super) description: String,
    pub(super) material: Material,
    /// `CurrentKeyMaterialId`; it says nothing of the material.
    pub(super) material_id: String,
    pub(super) state: KeyState,
    pub(super) policy: String,
    pub(super) tags: Labels,
    pub(super) created: Time,
}

/// A name for a key.
#[derive(Debug)]
pub(super) struct Alias {
    pub(super) target: String,
    pub(super) created: Time,
    pub(super) updated: Time,
}

/// The keys of one account and region, and their aliases.
#[derive(Debug)]
pub(crate) struct Keys {
    pub(super) account: String,
    region: String,
    pub(super) by_id: BTreeMap<String, Key>,
    /// By name, `alias/` included.
    pub(super) aliases: BTreeMap<String, Alias>,
    pub(super) random: Random,
}

/// The keys that AWS keeps for its services, which are always there.
const MANAGED: &str = "alias/aws/";

impl Keys {
    /// No keys yet.
    pub(crate) fn new(account: &str, region: &str, random: Random) -> Self {
        let (account, region) = (account.to_owned(), region.to_owned());
        Self { account, region, by_id: BTreeMap::new(), aliases: BTreeMap::new(), random }
    }

    /// Whether another service can encrypt and decrypt with a key now; says why not.
    pub(crate) fn usable(&mut self, named: &str, now: Time) -> Result<(), String> {
        self.expire(now);
        let name = named.rsplit_once(":alias/").map_or(named.to_owned(), |(_, name)| format!("alias/{name}"));
        if name.starts_with(MANAGED) {
            return Ok(());
        }
        let key = self.find(named).map_err(|error| error.message)?;
        usable(key).map_err(|error| error.message)?;
        match key.material {
            Material::Symmetric(_) => Ok(()),
            Material::Elliptic(..) | Material::Rsa(..) => Err(format!("{} is no symmetric key.", key.arn)),
        }
    }

    /// Lets go of what is past its waiting period.
    pub(super) fn expire(&mut self, now: Time) {
        self.by_id.retain(|_, key| !matches!(key.state, KeyState::PendingDeletion(gone) if gone <= now));
        self.aliases.retain(|_, alias| self.by_id.contains_key(&alias.target));
    }

    pub(super) fn arn_of(&self, resource: &str) -> String {
        format!("arn:aws:kms:{}:{}:{resource}", self.region, self.account)
    }

    /// The key that a request means: by id, ARN, alias, or an alias's ARN.
    pub(super) fn find(&self, named: &str) -> Result<&Key, ApiError> {
        let id = self.id_of(named)?;
        self.by_id.get(&id).ok_or_else(|| self.no_such_key(&id))
    }

    /// The key that a request means by id or ARN; most operations that change a key take no alias.
    pub(super) fn find_mut(&mut self, named: &str) -> Result<&mut Key, ApiError> {
        if named.starts_with("alias/") || named.contains(":alias/") {
            return Err(not_found(format!("Invalid keyId '{named}'")));
        }
        let id = self.id_of(named)?;
        let missing = self.no_such_key(&id);
        self.by_id.get_mut(&id).ok_or(missing)
    }

    fn no_such_key(&self, id: &str) -> ApiError {
        not_found(format!("Key '{}' does not exist", self.arn_of(&format!("key/{id}"))))
    }

    fn id_of(&self, named: &str) -> Result<String, ApiError> {
        let resource = if named.starts_with("arn:") {
            let mut parts = named.splitn(6, ':');
            let (region, account) = (parts.nth(3), parts.next());
            if region != Some(&self.region) {
                return Err(not_found(format!("Invalid arn {}", region.unwrap_or_default())));
            }
            let resource = parts.next().filter(|_| account == Some(&self.account));
            resource.ok_or_else(|| not_found(format!("Key '{named}' does not exist")))?
        } else {
            named
        };
        if resource.starts_with("alias/") {
            let alias = self.aliases.get(resource).map(|alias| alias.target.clone());
            return alias.ok_or_else(|| not_found(format!("Alias {} is not found.", self.arn_of(resource))));
        }
        let id = resource.strip_prefix("key/").unwrap_or(resource);
        if is_id(id) { Ok(id.to_owned()) } else { Err(not_found(format!("Invalid keyId '{id}'"))) }
    }

    /// `KeyMetadata`. Source: recorded by LocalStack's tests (`test_create_key`).
    pub(super) fn metadata(&self, key: &Key) -> Value {
        let spec = key.material.spec();
        let mut shown = Map::from_iter([
            ("AWSAccountId".to_owned(), json!(self.account)),
            ("KeyId".to_owned(), json!(key.id)),
            ("Arn".to_owned(), json!(key.arn)),
            ("CreationDate".to_owned(), key.created.to_json()),
            ("Enabled".to_owned(), json!(key.state == KeyState::Enabled)),
            ("Description".to_owned(), json!(key.description)),
            ("KeyUsage".to_owned(), json!(spec.usage())),
            ("KeyState".to_owned(), json!(key.state.name())),
            ("Origin".to_owned(), json!("AWS_KMS")),
            ("KeyManager".to_owned(), json!("CUSTOMER")),
            ("CustomerMasterKeySpec".to_owned(), json!(spec.name())),
            ("KeySpec".to_owned(), json!(spec.name())),
            ("MultiRegion".to_owned(), json!(false)),
        ]);
        if spec.signing_algorithms().is_empty() {
            shown.insert("EncryptionAlgorithms".to_owned(), json!(["SYMMETRIC_DEFAULT"]));
            shown.insert("CurrentKeyMaterialId".to_owned(), json!(key.material_id));
        } else {
            shown.insert("SigningAlgorithms".to_owned(), json!(spec.signing_algorithms()));
        }
        if let KeyState::PendingDeletion(gone) = key.state {
            shown.insert("DeletionDate".to_owned(), gone.to_json());
        }
        Value::Object(shown)
    }
}

/// Whether a key can be used for its cryptography.
pub(super) fn usable(key: &Key) -> Result<&Key, ApiError> {
    match key.state {
        KeyState::Enabled => Ok(key),
        KeyState::Disabled => Err(ApiError::new("DisabledException", format!("{} is disabled.", key.arn))),
        KeyState::PendingDeletion(_) => Err(pending(key)),
    }
}

pub(super) fn pending(key: &Key) -> ApiError {
    state(format!("{} is pending deletion.", key.arn))
}

/// Whether it has a UUID's form.
fn is_id(id: &str) -> bool {
    let parts: Vec<usize> = id.split('-').map(str::len).collect();
    parts == [8, 4, 4, 4, 12] && id.chars().all(|letter| letter == '-' || letter.is_ascii_hexdigit())
}
