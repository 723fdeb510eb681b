//! What CloudTrail tells EventBridge of calls to ECS: who asked for what, and what became of it.
//!
//! Source: <https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference-record-contents.html>

use std::net::{IpAddr, Ipv4Addr};

use http::{HeaderMap, header::AUTHORIZATION, header::USER_AGENT};
use serde_json::{Value, json};

use super::{Bus, Event};
use crate::{clock::Time, error::ApiError};

/// What a local caller comes from where no socket says it.
const HERE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// Who made a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Caller {
    /// A client of the API. Signatures are not looked at, so that it is always the account's root.
    Client {
        /// From the signature, if there was one.
        access_key: Option<String>,
        user_agent: Option<String>,
        address: IpAddr,
    },
    /// A service of AWS, in its own role, such as `ecs.application-autoscaling.amazonaws.com`.
    Service(&'static str),
}

impl Caller {
    /// The client that sent these headers.
    pub(crate) fn of(headers: &HeaderMap, address: Option<IpAddr>) -> Self {
        let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
        let credential = text(AUTHORIZATION).and_then(|text| text.split_once("Credential="));
        let access_key = credential.and_then(|(_, rest)| rest.split('/').next());
        Self::Client {
            access_key: access_key.map(str::to_owned),
            user_agent: text(USER_AGENT).map(str::to_owned),
            address: address.unwrap_or(HERE),
        }
    }

    fn identity(&self, account: &str) -> Value {
        match self {
            Self::Client { access_key, .. } => json!({
                "type": "Root",
                "principalId": account,
                "arn": format!("arn:aws:iam::{account}:root"),
                "accountId": account,
                "accessKeyId": access_key,
            }),
            Self::Service(name) => json!({
                "type": "AWSService",
                "invokedBy": name,
            }),
        }
    }

    fn address(&self) -> String {
        match self {
            Self::Client { address, .. } => address.to_string(),
            Self::Service(name) => (*name).to_owned(),
        }
    }

    fn agent(&self) -> Option<String> {
        match self {
            Self::Client { user_agent, .. } => user_agent.clone(),
            Self::Service(name) => Some((*name).to_owned()),
        }
    }
}

/// A call to ECS that was answered.
#[derive(Debug)]
pub(crate) struct Answered<'a> {
    pub(crate) operation: &'static str,
    pub(crate) request: &'a Value,
    pub(crate) outcome: Result<&'a Value, &'a ApiError>,
    pub(crate) caller: &'a Caller,
}

impl Bus {
    /// The event that CloudTrail makes of a call.
    pub(crate) fn of_call(&self, call: &Answered<'_>, now: Time) -> Event {
        let Answered { operation, request, outcome, caller } = call;
        let of_reading = ["Describe", "List", "Get"].iter().any(|verb| operation.starts_with(verb));
        let (event_id, request_id) = {
            let mut inner = self.lock();
            (inner.random.uuid(), inner.random.uuid())
        };
        let mut detail = json!({
            "eventVersion": "1.11",
            "userIdentity": caller.identity(&self.account),
            "eventTime": Time::from_millis(now.as_millis() / 1_000 * 1_000).to_text(),
            "eventSource": "ecs.amazonaws.com",
            "eventName": operation,
            "awsRegion": self.region,
            "sourceIPAddress": caller.address(),
            "userAgent": caller.agent(),
            "requestParameters": request,
            // CloudTrail leaves out what a call that only reads was answered.
            "responseElements": outcome.ok().filter(|_| !of_reading),
            "requestID": request_id,
            "eventID": event_id,
            "readOnly": of_reading,
            "eventType": "AwsApiCall",
            "managementEvent": true,
            "recipientAccountId": self.account,
            "eventCategory": "Management",
        });
        if let (Err(error), Some(detail)) = (outcome, detail.as_object_mut()) {
            detail.insert("errorCode".to_owned(), error.code.as_ref().into());
            detail.insert("errorMessage".to_owned(), error.message.as_str().into());
        }
        Event {
            source: "aws.ecs".to_owned(),
            detail_type: "AWS API Call via CloudTrail".to_owned(),
            resources: Vec::new(),
            detail,
            at: now,
            of_reading,
        }
    }
}
