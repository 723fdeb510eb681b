//! Deployment alarms: CloudWatch's states as they were set, and what a deployment makes of them.
//!
//! Source: <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/deployment-alarm-failure.html>

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::Members;

/// The alarms that are in the state ALARM; every other one is OK.
#[derive(Debug, Default)]
pub(crate) struct Alarms(BTreeSet<String>);

impl Alarms {
    /// Sets an alarm's state.
    pub(crate) fn set(&mut self, name: &str, is_in_alarm: bool) {
        if is_in_alarm {
            self.0.insert(name.to_owned());
        } else {
            self.0.remove(name);
        }
    }

    /// The names of those in ALARM.
    pub(crate) fn in_alarm(&self) -> Vec<String> {
        self.0.iter().cloned().collect()
    }

    fn among<'a>(&self, names: impl Iterator<Item = &'a str>) -> Vec<String> {
        names.filter(|name| self.0.contains(*name)).map(str::to_owned).collect()
    }
}

/// The alarms of one service deployment.
#[derive(Debug)]
pub(crate) struct AlarmRecord {
    names: Vec<String>,
    /// Off where alarms are not used, and where one was in ALARM already at the deployment's start.
    is_watching: bool,
    pub(crate) rolls_back: bool,
    triggered: Vec<String>,
}

impl AlarmRecord {
    /// The alarms of a `deploymentConfiguration`; `None` where it has none.
    pub(super) fn of(configuration: &Value, alarms: &Alarms) -> Option<Self> {
        let configured = configuration.member("alarms")?;
        let names: Vec<String> = configured.texts("alarmNames").map(str::to_owned).collect();
        let ignored = !alarms.among(names.iter().map(String::as_str)).is_empty();
        Some(Self {
            is_watching: configured.flag("enable") == Some(true) && !ignored,
            rolls_back: configured.flag("rollback") == Some(true),
            triggered: Vec::new(),
            names,
        })
    }

    /// Whether an alarm could still fail the deployment.
    pub(crate) fn is_watching(&self) -> bool {
        self.is_watching && self.triggered.is_empty()
    }

    /// Notes the alarms that went off; says whether one did.
    pub(crate) fn look(&mut self, alarms: &Alarms) -> bool {
        if !self.is_watching() {
            return false;
        }
        self.triggered = alarms.among(self.names.iter().map(String::as_str));
        !self.triggered.is_empty()
    }

    /// As DescribeServiceDeployments shows it.
    pub(super) fn show(&self, is_over: bool) -> Value {
        let status = match (self.is_watching, self.triggered.is_empty()) {
            (false, _) => "DISABLED",
            (true, false) => "TRIGGERED",
            (true, true) if is_over => "MONITORING_COMPLETE",
            (true, true) => "MONITORING",
        };
        json!({"status": status, "alarmNames": self.names, "triggeredAlarmNames": self.triggered})
    }
}
