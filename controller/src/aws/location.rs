//! Where AWS is, and as whom it is called.

use std::{fmt, sync::Arc, time::Duration};

use aws_config::{
    BehaviorVersion, Region, SdkConfig, retry::RetryConfig, sts::AssumeRoleProvider, timeout::TimeoutConfig,
};
use aws_sdk_ecs::config::{Credentials, SharedCredentialsProvider};
use aws_smithy_async::{rt::sleep::TokioSleep, time::TimeSource};
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use coxswain_runtime::{Clock, LeaseTimes};

/// From sending a call to giving up on its answer.
///
/// Shorter than the time that a call in doubt is waited for before it counts as one that never arrived
/// ([`coxswain_plan::Policy::settle`]).
pub const CALL_TIMEOUT: Duration = Duration::from_secs(4);

// A new holder of the lease waits so long for what an earlier one has sent.
const _: () = assert!(CALL_TIMEOUT.as_millis() <= LeaseTimes::DEFAULT.call_timeout.as_millis());

/// From opening a connection to giving up on it.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);

/// The SDK's view of our clock.
#[derive(Clone)]
pub struct ClockTime(pub Arc<dyn Clock>);

impl fmt::Debug for ClockTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ClockTime")
    }
}

impl TimeSource for ClockTime {
    fn now(&self) -> std::time::SystemTime {
        let since = self.0.now().duration_since(jiff::Timestamp::UNIX_EPOCH);
        std::time::SystemTime::UNIX_EPOCH + since.unsigned_abs()
    }
}

/// Where AWS is and how to reach it.
#[derive(Debug, Clone, Default)]
pub struct Location {
    /// The Region; the usual configuration's where none is given.
    pub region: Option<String>,
    /// Another endpoint for every API, such as a local ECS.
    pub endpoint_url: Option<String>,
    /// Example credentials instead of real ones: for a local endpoint, which checks none.
    pub example_credentials: bool,
    /// The way to the network, where it is not the SDK's own: an in-process connector in tests.
    pub http_client: Option<SharedHttpClient>,
}

/// A role that is assumed for what is looked after.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AssumedRole {
    /// `arn:aws:iam::123456789012:role/coxswain`.
    pub arn: String,
    /// What the role's trust policy may ask for.
    pub external_id: Option<String>,
    /// Whom CloudTrail names; see [`session_name`].
    pub session_name: String,
}

impl Location {
    /// The SDK's configuration with the program's own credentials: the usual ones (environment, profile,
    /// container and instance metadata), read once they are needed.
    pub async fn load(self, clock: Arc<dyn Clock>) -> SdkConfig {
        let mut loader = aws_config::defaults(BehaviorVersion::v2026_01_12())
            .retry_config(RetryConfig::disabled())
            .sleep_impl(TokioSleep::new())
            .time_source(ClockTime(clock))
            .timeout_config(
                TimeoutConfig::builder()
                    .connect_timeout(CONNECT_TIMEOUT)
                    .operation_timeout(CALL_TIMEOUT)
                    .operation_attempt_timeout(CALL_TIMEOUT)
                    .build(),
            );
        if let Some(region) = self.region {
            loader = loader.region(Region::new(region));
        }
        if let Some(url) = self.endpoint_url {
            loader = loader.endpoint_url(url);
        }
        if self.example_credentials {
            let credentials = Credentials::new("AKIAIOSFODNN7EXAMPLE", "example", None, None, "example");
            loader = loader.credentials_provider(credentials);
        }
        if let Some(client) = self.http_client {
            loader = loader.http_client(client);
        }
        loader.load().await
    }
}

impl AssumedRole {
    /// The same configuration with this role's credentials, which are asked for as they are needed, by
    /// what `own` calls with.
    pub async fn on(self, own: &SdkConfig) -> SdkConfig {
        let mut provider =
            AssumeRoleProvider::builder(self.arn).session_name(self.session_name).configure(own);
        if let Some(id) = self.external_id {
            provider = provider.external_id(id);
        }
        let credentials = SharedCredentialsProvider::new(provider.build().await);
        own.to_builder().credentials_provider(credentials).build()
    }
}

/// The name of the sessions of a replica: what of it STS takes, at most 64 characters.
///
/// Source: <https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html>
pub fn session_name(replica: &str) -> String {
    let is_taken =
        |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '+' | '=' | ',' | '.' | '@' | '-');
    let name = format!("coxswain-{replica}");
    name.chars().map(|c| if is_taken(c) { c } else { '-' }).take(64).collect()
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use aws_smithy_runtime_api::client::{
        http::{HttpConnector, HttpConnectorFuture, SharedHttpConnector, http_client_fn},
        orchestrator::{HttpRequest, HttpResponse},
    };
    use aws_smithy_types::body::SdkBody;
    use coxswain_runtime::SystemClock;
    use serde_json::json;

    use super::*;
    use crate::aws::{Aws as _, Operation, SdkAws};

    /// Answers as STS and ECS do, and writes down what it was asked.
    #[derive(Debug, Clone, Default)]
    struct Both(Arc<Mutex<Vec<String>>>);

    const ASSUMED: &str = "<AssumeRoleResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\">
      <AssumeRoleResult><Credentials><AccessKeyId>ASIAASSUMEDEXAMPLE</AccessKeyId>
      <SecretAccessKey>example</SecretAccessKey><SessionToken>token</SessionToken>
      <Expiration>2999-01-01T00:00:00Z</Expiration></Credentials></AssumeRoleResult></AssumeRoleResponse>";

    impl HttpConnector for Both {
        fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
            let signed = request.headers().get("authorization").unwrap_or_default().to_owned();
            let body = String::from_utf8_lossy(request.body().bytes().unwrap_or_default()).into_owned();
            let answer = if body.contains("AssumeRole") { ASSUMED } else { "{\"services\": []}" };
            self.0.lock().unwrap().push(format!("{body} {signed}"));
            HttpConnectorFuture::ready(Ok(HttpResponse::new(200.try_into().unwrap(), SdkBody::from(answer))))
        }
    }

    #[tokio::test]
    async fn an_assumed_role_is_asked_for_once_by_our_own_credentials_and_signs_the_calls() {
        let both = Both::default();
        let connector = SharedHttpConnector::new(both.clone());
        let location = Location {
            region: Some("eu-west-1".to_owned()),
            example_credentials: true,
            http_client: Some(http_client_fn(move |_, _| connector.clone())),
            ..Location::default()
        };
        let own = location.load(Arc::new(SystemClock)).await;
        let role = AssumedRole {
            arn: "arn:aws:iam::123456789012:role/coxswain".to_owned(),
            external_id: Some("shared-secret".to_owned()),
            session_name: session_name("controller-1/5f2c"),
        };
        let aws = SdkAws::new(&role.on(&own).await);
        for _ in 0..2 {
            aws.call(Operation::DescribeServices, json!({"services": ["api"]})).await.unwrap();
        }
        let asked = both.0.lock().unwrap().clone();
        assert_eq!(asked.len(), 3, "{asked:#?}");
        for part in [
            "RoleArn=arn%3Aaws%3Aiam%3A%3A123456789012%3Arole%2Fcoxswain",
            "RoleSessionName=coxswain-controller-1-5f2c",
            "ExternalId=shared-secret",
            "Credential=AKIAIOSFODNN7EXAMPLE/",
        ] {
            assert!(asked[0].contains(part), "{part} is not in {}", asked[0]);
        }
        assert!(asked[1..].iter().all(|call| call.contains("Credential=ASIAASSUMEDEXAMPLE/")), "{asked:#?}");
    }

    #[test]
    fn a_session_is_named_by_what_sts_takes() {
        assert_eq!(session_name("ip-10-0-1-7/5f2c ü"), "coxswain-ip-10-0-1-7-5f2c--");
        assert_eq!(session_name(&"x".repeat(200)).len(), 64);
    }
}
