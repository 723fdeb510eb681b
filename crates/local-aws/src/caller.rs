//! Who asks, and where: account and region of a request, as its signature names them.
//!
//! Signatures themselves are not checked: whoever reaches a local AWS may use it.
//!
//! Source: <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-signing-elements.html>

use std::collections::BTreeMap;

use http::{HeaderMap, Request, header::AUTHORIZATION};

use crate::{
    error::ApiError,
    session::{Session, is_account},
};

/// The longest name of a region that is believed.
const LONGEST_REGION: usize = 32;

/// Who asks, and where.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Identity {
    pub(crate) account: String,
    pub(crate) region: String,
    /// The session that the credentials are of; `None` for an account's own keys.
    pub(crate) session: Option<Session>,
    /// The service that the signature is for, such as `ecs`.
    pub(crate) service: Option<String>,
}

impl Identity {
    /// The caller's ARN: the account's root where no role was assumed.
    pub(crate) fn arn(&self) -> String {
        self.session.as_ref().map_or_else(|| format!("arn:aws:iam::{}:root", self.account), Session::arn)
    }
}

/// Which account an access key is of, and where a request goes that does not say.
#[derive(Debug, Clone)]
pub(crate) struct Doorkeeper<'a> {
    pub(crate) account: &'a str,
    pub(crate) region: &'a str,
    /// Accounts by the ids of their access keys.
    pub(crate) keys: &'a BTreeMap<String, String>,
}

impl Doorkeeper<'_> {
    /// Whom a request comes from.
    ///
    /// The account is that of the session token, of the access key where one is known, or the access key
    /// itself where it is twelve digits; the region is that of the signature, or of the host.
    ///
    /// # Errors
    /// Where the signature names a region that can be none.
    pub(crate) fn identify<B>(&self, request: &Request<B>) -> Result<Identity, ApiError> {
        let scope = Scope::read(request);
        let key = scope.as_ref().map(|scope| scope.key.as_str());
        let session = token(request).as_deref().and_then(Session::of_token);
        let account = match (&session, key) {
            (Some(session), _) => session.account.as_str(),
            (None, Some(key)) if self.keys.contains_key(key) => self.keys.get(key).map_or(key, |found| found),
            (None, Some(key)) if is_account(key) => key,
            _ => self.account,
        };
        let signed = scope.as_ref().map(|scope| scope.region.as_str()).filter(|region| !region.is_empty());
        let region = signed.or_else(|| of_host(request.headers())).unwrap_or(self.region);
        if !is_region(region) {
            let text = "Credential should be scoped to a valid region.";
            return Err(ApiError::new("InvalidSignatureException", text));
        }
        Ok(Identity {
            account: account.to_owned(),
            region: region.to_owned(),
            session,
            service: scope.map(|scope| scope.service),
        })
    }
}

pub(crate) fn is_region(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    !text.is_empty() && text.len() <= LONGEST_REGION && text.bytes().all(allowed)
}

/// What a signature is valid for.
#[derive(Debug, PartialEq, Eq)]
struct Scope {
    key: String,
    /// Empty for a signature that is valid in several regions.
    region: String,
    service: String,
}

impl Scope {
    /// From the Authorization header, or from the query of a request that was signed beforehand.
    fn read<B>(request: &Request<B>) -> Option<Self> {
        let header = request.headers().get(AUTHORIZATION).and_then(|value| value.to_str().ok());
        if let Some(credential) = header.and_then(|header| header.split_once("Credential=")) {
            return Self::parse(credential.1.split(',').next()?.trim());
        }
        Self::parse(&parameter(request, "X-Amz-Credential")?)
    }

    /// `KEY/DATE/REGION/SERVICE/aws4_request`; without the region where it is signed asymmetrically.
    fn parse(credential: &str) -> Option<Self> {
        let mut parts = credential.rsplit('/');
        let ("aws4_request", service) = (parts.next()?, parts.next()?) else { return None };
        let region = parts.next()?;
        let is_date = |text: &str| text.len() == 8 && text.bytes().all(|byte| byte.is_ascii_digit());
        let (region, key) = if is_date(region) { ("", parts.next()?) } else { (region, parts.nth(1)?) };
        Some(Self { key: key.to_owned(), region: region.to_owned(), service: service.to_owned() })
    }
}

fn token<B>(request: &Request<B>) -> Option<String> {
    let header = request.headers().get("x-amz-security-token").and_then(|value| value.to_str().ok());
    header.map(str::to_owned).or_else(|| parameter(request, "X-Amz-Security-Token"))
}

/// A parameter of the query.
fn parameter<B>(request: &Request<B>, name: &str) -> Option<String> {
    let query = request.uri().query()?.as_bytes();
    form_urlencoded::parse(query).find(|(found, _)| found == name).map(|(_, value)| value.into_owned())
}

/// The region in a host of AWS, such as `ecs.eu-west-1.amazonaws.com`.
fn of_host(headers: &HeaderMap) -> Option<&str> {
    let host = headers.get(http::header::HOST)?.to_str().ok()?;
    let before = host.split(':').next()?.strip_suffix(".amazonaws.com")?;
    before.rsplit('.').next().filter(|region| before.contains('.') && region.contains('-'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(headers: &[(&str, &str)], uri: &str) -> Result<Identity, ApiError> {
        let keys = BTreeMap::from([("AKIAIOSFODNN7EXAMPLE".to_owned(), "444455556666".to_owned())]);
        let keeper = Doorkeeper { account: "123456789012", region: "us-east-1", keys: &keys };
        let mut request = Request::post(uri);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        keeper.identify(&request.body(()).unwrap())
    }

    fn signed(key: &str, region: &str) -> String {
        format!(
            "AWS4-HMAC-SHA256 Credential={key}/20261125/{region}/ecs/aws4_request, SignedHeaders=host, Signature=0"
        )
    }

    #[test]
    fn account_and_region_are_those_of_the_signature_and_the_default_where_there_is_none() {
        let signed = |key, region| asked(&[("authorization", &signed(key, region))], "/").unwrap();
        let asymmetric =
            "AWS4-ECDSA-P256-SHA256 Credential=111122223333/20261125/s3/aws4_request, Signature=0";
        let asymmetric = asked(&[("authorization", asymmetric)], "/").unwrap();
        let query = "/?X-Amz-Credential=111122223333%2F20261125%2Feu-west-3%2Fs3%2Faws4_request";
        let host = |host| asked(&[("host", host)], "/").unwrap();
        for (caller, account, region) in [
            (signed("111122223333", "eu-west-1"), "111122223333", "eu-west-1"),
            (signed("AKIAIOSFODNN7EXAMPLE", "eu-west-1"), "444455556666", "eu-west-1"),
            (signed("anything", "eu-west-1"), "123456789012", "eu-west-1"),
            (signed("weird/key", "eu-west-1"), "123456789012", "eu-west-1"),
            (asymmetric, "111122223333", "us-east-1"),
            (asked(&[], query).unwrap(), "111122223333", "eu-west-3"),
            (host("ecs.ap-south-1.amazonaws.com:443"), "123456789012", "ap-south-1"),
            (host("127.0.0.1:4580"), "123456789012", "us-east-1"),
            (host("sts.amazonaws.com"), "123456789012", "us-east-1"),
            (asked(&[("authorization", "Bearer x")], "/").unwrap(), "123456789012", "us-east-1"),
        ] {
            assert_eq!((caller.account.as_str(), caller.region.as_str()), (account, region));
        }
        assert_eq!(signed("111122223333", "eu-west-1").arn(), "arn:aws:iam::111122223333:root");
        let error = asked(&[("authorization", &self::signed("k", "EU_WEST"))], "/").unwrap_err();
        assert_eq!(error.code, "InvalidSignatureException");
    }

    #[test]
    fn a_session_is_known_by_its_token_alone() {
        let session = Session::of_role("arn:aws:iam::444455556666:role/path/deploy", "replica-1").unwrap();
        let token = session.token().unwrap();
        let header = signed("ASIAEXAMPLE", "eu-west-1");
        let caller = asked(&[("authorization", &header), ("x-amz-security-token", &token)], "/").unwrap();
        assert_eq!(caller.account, "444455556666");
        assert_eq!(caller.arn(), "arn:aws:sts::444455556666:assumed-role/deploy/replica-1");
        let foreign = asked(&[("authorization", &header), ("x-amz-security-token", "IQoJb3J")], "/").unwrap();
        assert_eq!((foreign.account.as_str(), foreign.session), ("123456789012", None));
    }
}
