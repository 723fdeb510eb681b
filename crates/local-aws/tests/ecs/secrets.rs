//! Secrets on their way into tasks, and Secrets Manager, KMS and Systems Manager behind the wire.

use std::{sync::Arc, time::Duration};

use aws_smithy_runtime_api::client::{http::HttpConnector, orchestrator::HttpRequest};
use aws_smithy_types::body::SdkBody;
use coxswain_local_aws::InProcess;
use serde_json::{Value, json};

use crate::lab::Lab;

const SECOND: Duration = Duration::from_secs(1);
const DAY: Duration = Duration::from_hours(24);
const FIRST: &str = "11111111-1111-1111-1111-111111111111";
const NEXT: &str = "22222222-2222-2222-2222-222222222222";

impl Lab {
    async fn asks(&self, target: &str, body: Value) -> Value {
        let (status, answer) = self.send(target, body.to_string()).await;
        assert_eq!(status, 200, "{target}: {answer}");
        answer
    }

    async fn refuses(&self, target: &str, body: Value) -> String {
        let (status, answer) = self.send(target, body.to_string()).await;
        assert_eq!(status, 400, "{target}: {answer}");
        answer["__type"].as_str().unwrap().to_owned()
    }

    /// Makes a secret and returns its ARN.
    async fn secret(&self, name: &str, value: &str) -> String {
        let body = json!({"Name": name, "SecretString": value, "ClientRequestToken": FIRST});
        self.asks("secretsmanager.CreateSecret", body).await["ARN"].as_str().unwrap().to_owned()
    }

    /// Runs a task of one container and says why it stopped, or what is in its environment.
    async fn runs(&self, container: Value) -> Result<Value, String> {
        let mut definition = json!({"name": "web", "image": "web:1"});
        definition.as_object_mut().unwrap().extend(container.as_object().unwrap().clone());
        self.register_container(definition).await;
        let body = json!({"cluster": "main", "taskDefinition": "web", "launchType": "FARGATE",
            "networkConfiguration": {"awsvpcConfiguration": {"subnets": ["subnet-1"]}}});
        let task = self.call("RunTask", body).await["tasks"][0]["taskArn"].take();
        self.pass(SECOND * 5).await;
        let described = self.call("DescribeTasks", json!({"cluster": "main", "tasks": [task]})).await;
        let task = &described["tasks"][0];
        if let Some(why) = task["stoppedReason"].as_str() {
            assert_eq!(task["stopCode"], "TaskFailedToStart");
            return Err(why.to_owned());
        }
        let started = self.driver.started();
        let spec = started.iter().find(|spec| task["taskArn"] == spec.task_arn.as_str()).unwrap();
        Ok(json!(spec.containers[0].environment))
    }

    async fn variable(&self, value_from: &str) -> Result<String, String> {
        let environment = self.runs(json!({"secrets": [{"name": "TOKEN", "valueFrom": value_from}]})).await?;
        Ok(environment["TOKEN"].as_str().unwrap().to_owned())
    }
}

const UNABLE: &str = "ResourceInitializationError: unable to pull secrets or registry auth: execution resource \
                      retrieval failed:";

#[tokio::test(start_paused = true)]
async fn a_task_gets_a_secret_whole_or_by_its_json_key_label_and_version() {
    let lab = Lab::start().await;
    let arn = lab.secret("db", r#"{"password": "hunter2", "port": 5432}"#).await;
    let put = json!({"SecretId": "db", "SecretString": r#"{"password": "new"}"#, "ClientRequestToken": NEXT});
    lab.asks("secretsmanager.PutSecretValue", put).await;
    let partial = arn.rsplit_once('-').unwrap().0;
    for (from, expected) in [
        (arn.clone(), r#"{"password": "new"}"#),
        (partial.to_owned(), r#"{"password": "new"}"#),
        (format!("{arn}:password::"), "new"),
        (format!("{arn}:password:AWSPREVIOUS:"), "hunter2"),
        (format!("{arn}:port::{FIRST}"), "5432"),
        (format!("{partial}::AWSPREVIOUS:"), r#"{"password": "hunter2", "port": 5432}"#),
    ] {
        assert_eq!(lab.variable(&from).await.as_deref(), Ok(expected), "{from}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_secret_that_cannot_be_had_stops_the_task_in_ecss_words() {
    let lab = Lab::start().await;
    let arn = lab.secret("db", r#"{"password": "hunter2"}"#).await;
    let asm =
        format!("{UNABLE} unable to retrieve secret from asm: service call has been retried 1 time(s):");
    let missing = arn.replace("secret:db", "secret:none");
    for (from, words) in [
        (
            missing.clone(),
            format!(
                "failed to fetch secret {missing} from secrets manager: ResourceNotFoundException: Secrets Manager \
                 can't find the specified secret."
            ),
        ),
        (
            format!("{arn}:user::"),
            "retrieved secret from Secrets Manager did not contain json key user".to_owned(),
        ),
        (
            format!("{arn}::AWSPENDING:"),
            format!(
                "failed to fetch secret {arn} from secrets manager: ResourceNotFoundException: Secrets Manager can't \
                 find the specified secret value for staging label: AWSPENDING"
            ),
        ),
    ] {
        assert_eq!(lab.variable(&from).await, Err(format!("{asm} {words}")));
    }
    let why = lab.variable(&format!("{arn}:password")).await.unwrap_err();
    assert!(why.contains("an invalid ARN format for the AWS Secrets Manager secret was specified"), "{why}");
    let why = lab.variable("/none").await.unwrap_err();
    assert!(
        why.contains("unable to retrieve secrets from ssm") && why.ends_with("invalid ssm parameters: /none")
    );
    lab.asks("secretsmanager.DeleteSecret", json!({"SecretId": "db"})).await;
    let why = lab.variable(&arn).await.unwrap_err();
    assert!(why.contains("InvalidRequestException") && why.contains("marked for deletion"), "{why}");
    assert!(!format!("{:?}", lab.local.requests()).contains("hunter2"));
}

#[tokio::test(start_paused = true)]
async fn a_log_option_and_a_registrys_login_have_to_be_there_and_go_nowhere() {
    let lab = Lab::start().await;
    let login = lab.secret("login", r#"{"username": "me", "password": "hunter2"}"#).await;
    let broken = lab.secret("broken", r#"{"username": "me"}"#).await;
    let container = |login: &str, option: &str| {
        json!({
            "repositoryCredentials": {"credentialsParameter": login},
            "logConfiguration": {"logDriver": "splunk", "options": {"splunk-url": "https://log.example.com"},
                "secretOptions": [{"name": "splunk-token", "valueFrom": option}]},
        })
    };
    let environment = lab.runs(container(&login, &login)).await.unwrap();
    assert!(!environment.to_string().contains("hunter2"), "{environment}");
    let why = lab.runs(container(&login, "/none")).await.unwrap_err();
    assert!(why.contains("unable to retrieve secrets from ssm"), "{why}");
    let registry =
        format!("{UNABLE} unable to get registry auth from asm: service call has been retried 1 time(s):");
    let missing = login.replace("secret:login", "secret:none");
    for (login, words) in [
        (&broken, "asm fetching password: AuthorizationData is malformed, empty field".to_owned()),
        (
            &missing,
            format!(
                "asm fetching secret from the service for {missing}: ResourceNotFoundException: Secrets Manager can't \
                 find the specified secret."
            ),
        ),
    ] {
        assert_eq!(lab.runs(container(login, &broken)).await, Err(format!("{registry} {words}")));
    }
}

/// What the AWS SDK would be answered, whose connector this is: status and body.
async fn through_the_connector(lab: &Lab, target: &str, body: Value) -> (u16, Value) {
    let mut request = HttpRequest::new(SdkBody::from(body.to_string()));
    request.set_method("POST").unwrap();
    request.set_uri("http://localhost/").unwrap();
    request.headers_mut().insert("x-amz-target", target.to_owned());
    let connector = InProcess::new(Arc::clone(&lab.local)).with_latency(SECOND);
    let answer = HttpConnector::call(&connector, request).await.unwrap();
    (answer.status().as_u16(), serde_json::from_slice(answer.body().bytes().unwrap()).unwrap())
}

#[tokio::test(start_paused = true)]
async fn what_waits_for_its_end_is_there_until_its_time_has_come_also_behind_the_sdks_connector() {
    let lab = Lab::start().await;
    lab.secret("db", "hunter2").await;
    let key = lab.asks("TrentService.CreateKey", json!({})).await["KeyMetadata"]["KeyId"].take();
    let deleted = json!({"SecretId": "db", "RecoveryWindowInDays": 7});
    let gone = lab.asks("secretsmanager.DeleteSecret", deleted).await["DeletionDate"].as_f64().unwrap();
    lab.asks("TrentService.ScheduleKeyDeletion", json!({"KeyId": key, "PendingWindowInDays": 7})).await;
    #[expect(clippy::cast_possible_truncation, reason = "a time of this century")]
    let at = jiff::Timestamp::from_second(gone as i64).unwrap();
    let policy =
        json!([{"Type": "Expiration", "Version": "1.0", "Attributes": {"Timestamp": at.to_string()}}]);
    let put = json!({"Name": "/a", "Type": "String", "Value": "x", "Tier": "Advanced", "Policies": policy.to_string()});
    lab.asks("AmazonSSM.PutParameter", put).await;
    let asked = [
        ("secretsmanager.DescribeSecret", json!({"SecretId": "db"}), "ResourceNotFoundException"),
        ("TrentService.DescribeKey", json!({"KeyId": key}), "NotFoundException"),
        ("AmazonSSM.GetParameter", json!({"Name": "/a"}), "ParameterNotFound"),
    ];
    lab.pass(DAY * 6 + Duration::from_hours(23)).await;
    for (target, body, _) in &asked {
        let (status, answer) = through_the_connector(&lab, target, body.clone()).await;
        assert_eq!(status, 200, "{target}: {answer}");
    }
    lab.pass(Duration::from_hours(1)).await;
    for (target, body, code) in asked {
        let (status, answer) = through_the_connector(&lab, target, body).await;
        assert_eq!((status, answer["__type"].as_str()), (400, Some(code)), "{target}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_secret_can_be_read_while_its_own_key_can_be_used() {
    let lab = Lab::start().await;
    let key = lab.asks("TrentService.CreateKey", json!({})).await["KeyMetadata"]["KeyId"].take();
    let body = json!({"Name": "db", "SecretString": "x", "KmsKeyId": key, "ClientRequestToken": FIRST});
    lab.asks("secretsmanager.CreateSecret", body).await;
    lab.asks("TrentService.DisableKey", json!({"KeyId": key})).await;
    let refused = lab.refuses("secretsmanager.GetSecretValue", json!({"SecretId": "db"})).await;
    assert_eq!(refused, "DecryptionFailure");
    lab.asks("TrentService.EnableKey", json!({"KeyId": key})).await;
    lab.asks("secretsmanager.GetSecretValue", json!({"SecretId": "db"})).await;
}
