//! Account settings: Put, List and Delete, their defaults, and what they change.
//!
//! Signatures are not looked at, so that the caller is always the account's root, whose settings are
//! the account's defaults. `containerInsights` is what a new cluster begins with; the others are kept
//! and read back.
//!
//! Source: <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/ecs-account-settings.html>

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{Members, State, operation::paged, page};
use crate::error::ApiError;

/// The settings, with the value of an account that has changed none, and the values that each takes.
const SETTINGS: [(&str, &str, &[&str]); 11] = [
    ("awsvpcTrunking", "disabled", SWITCHED),
    ("containerInsights", "disabled", &["enabled", "disabled", "enhanced"]),
    ("containerInstanceLongArnFormat", "enabled", SWITCHED),
    ("defaultLogDriverMode", "non-blocking", &["blocking", "non-blocking"]),
    ("fargateEventWindows", "disabled", SWITCHED),
    ("fargateFIPSMode", "disabled", SWITCHED),
    ("fargateTaskRetirementWaitPeriod", "7", &["0", "7", "14"]),
    (AWS_MANAGED, "off", &[]),
    ("serviceLongArnFormat", "enabled", SWITCHED),
    ("tagResourceAuthorization", "on", &["on", "off"]),
    ("taskLongArnFormat", "enabled", SWITCHED),
];

const SWITCHED: &[&str] = &["enabled", "disabled", "on", "off"];

/// The one that GuardDuty sets, and nobody else.
const AWS_MANAGED: &str = "guardDutyActivate";

/// What was set, by principal and name.
#[derive(Debug, Default)]
pub(super) struct AccountSettings(BTreeMap<(String, String), String>);

impl AccountSettings {
    /// What holds for a principal: its own, else the root's, else the default.
    fn effective<'a>(&'a self, principal: &str, root: &str, name: &str) -> Option<&'a str> {
        let set = |principal: &str| self.0.get(&(principal.to_owned(), name.to_owned())).map(String::as_str);
        let default = || SETTINGS.iter().find(|(known, ..)| *known == name).map(|(_, default, _)| *default);
        set(principal).or_else(|| set(root)).or_else(default)
    }
}

impl State {
    /// What a setting is for the caller.
    pub(super) fn account_setting(&self, name: &str) -> Option<&str> {
        let root = self.names.caller();
        self.account_settings.effective(&root, &root, name)
    }
}

/// PutAccountSetting, and PutAccountSettingDefault, which is that of the root.
pub(super) fn put(state: &mut State, request: &Value) -> Result<Value, ApiError> {
    let (name, value) = (named(request)?, request.text("value").unwrap_or_default());
    let values = SETTINGS.iter().find(|(known, ..)| *known == name).map(|(.., values)| *values);
    if !values.unwrap_or_default().contains(&value) {
        return Err(ApiError::invalid(format!("The value {value} is not valid for the setting {name}.")));
    }
    let principal = principal(state, request);
    state.account_settings.0.insert((principal.clone(), name.clone()), value.to_owned());
    Ok(json!({"setting": show(&name, value, &principal)}))
}

/// DeleteAccountSetting: what held before holds again.
pub(super) fn delete(state: &mut State, request: &Value) -> Result<Value, ApiError> {
    let (name, principal) = (named(request)?, principal(state, request));
    state.account_settings.0.remove(&(principal.clone(), name.clone()));
    let root = state.names.caller();
    let value = state.account_settings.effective(&principal, &root, &name).unwrap_or_default();
    Ok(json!({"setting": show(&name, value, &principal)}))
}

/// ListAccountSettings: those that were set, or with `effectiveSettings` those that hold.
pub(super) fn list(state: &State, request: &Value) -> Result<Value, ApiError> {
    let size = page::size(request.whole("maxResults"), 10, 10)?;
    let after = page::key(request.text("nextToken"))?.unwrap_or_default();
    if request.text("value").is_some() && request.text("name").is_none() {
        return Err(ApiError::invalid("You must specify a setting name to filter by value."));
    }
    let principal = principal(state, request);
    let root = state.names.caller();
    let settings = &state.account_settings;
    let value_of = |name: &str| {
        if request.flag("effectiveSettings") == Some(true) {
            settings.effective(&principal, &root, name)
        } else {
            settings.0.get(&(principal.clone(), name.to_owned())).map(String::as_str)
        }
    };
    let asked = |member: &str, value: &str| request.text(member).is_none_or(|wanted| wanted == value);
    let shown = SETTINGS
        .iter()
        .filter(|(name, ..)| *name > after.as_str() && asked("name", name))
        .filter_map(|(name, ..)| Some((*name, value_of(name)?)))
        .filter(|(_, value)| asked("value", value));
    let page = page::cut(shown, size, |(name, _)| (*name).to_owned());
    let settings: Vec<Value> = page.items.iter().map(|(name, value)| show(name, value, &principal)).collect();
    Ok(paged(json!({"settings": settings}), page.next_token))
}

fn named(request: &Value) -> Result<String, ApiError> {
    let name = request.text("name").unwrap_or_default();
    if name == AWS_MANAGED {
        return Err(ApiError::invalid(format!("The setting {AWS_MANAGED} is managed by AWS and read-only.")));
    }
    Ok(name.to_owned())
}

fn principal(state: &State, request: &Value) -> String {
    request.text("principalArn").map_or_else(|| state.names.caller(), str::to_owned)
}

fn show(name: &str, value: &str, principal: &str) -> Value {
    let kind = if name == AWS_MANAGED { "aws_managed" } else { "user" };
    json!({"name": name, "value": value, "principalArn": principal, "type": kind})
}
