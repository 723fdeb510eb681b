//! The operations on rules and targets, and which of EventBridge's are done.

use std::{collections::BTreeMap, sync::atomic::Ordering, time::Duration};

use serde_json::{Map, Value, json};

use super::{
    Bus, Event, Inner,
    pattern::Pattern,
    rule::{Rule, State},
};
use crate::{
    clock::Time,
    ecs::{Members, page},
    error::ApiError,
    sqs::is_fifo,
    wire::not_done,
};

/// Most targets of a rule. Source:
/// <https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-quota.html>
const MOST_TARGETS: usize = 5;

/// The members without which no event is one. Source: *API* API_TestEventPattern.html.
const OF_EVERY_EVENT: [&str; 7] = ["id", "account", "source", "time", "region", "resources", "detail-type"];

impl Bus {
    /// Answers an operation whose request the table has found right.
    pub(crate) fn call(&self, operation: &str, request: &Value, now: Time) -> Result<Value, ApiError> {
        if operation == "PutEvents" {
            return Ok(self.put_events(request, now));
        }
        let mut inner = self.lock();
        let answer = match operation {
            "PutRule" => self.put_rule(&mut inner, request),
            "DescribeRule" => Ok(inner.rule(request, "Name")?.show()),
            "EnableRule" => Ok(turn(inner.rule(request, "Name")?, State::Enabled)),
            "DisableRule" => Ok(turn(inner.rule(request, "Name")?, State::Disabled)),
            "DeleteRule" => delete_rule(&mut inner, request),
            "ListRules" => list_rules(&inner, request),
            "ListRuleNamesByTarget" => list_names(&inner, request),
            "PutTargets" => self.put_targets(inner.rule(request, "Rule")?, request),
            "RemoveTargets" => Ok(remove_targets(inner.rule(request, "Rule")?, request)),
            "ListTargetsByRule" => list_targets(inner.rule(request, "Rule")?, request),
            "TestEventPattern" => test_pattern(request),
            "DescribeEventBus" => check_bus(request.text("Name")).map(|()| self.show_bus()),
            "ListEventBuses" => {
                let prefix = request.text("NamePrefix").unwrap_or_default();
                let buses: Vec<Value> =
                    "default".starts_with(prefix).then(|| self.show_bus()).into_iter().collect();
                Ok(json!({"EventBuses": buses}))
            }
            "TagResource" | "UntagResource" | "ListTagsForResource" => tags(&mut inner, operation, request),
            other => Err(not_done("events", other)),
        };
        self.is_heard.store(!inner.rules.is_empty(), Ordering::Relaxed);
        answer
    }

    /// Has everything that ECS says, and what is said of calls to it, go to a queue.
    pub(crate) fn listen_to_ecs(&self, queue: &str, queue_arn: &str, now: Time) -> Result<(), ApiError> {
        let name = format!("ecs-to-{}", queue.replace('.', "-"));
        let rule = json!({"Name": name, "EventPattern": json!({"source": ["aws.ecs"]}).to_string()});
        self.call("PutRule", &rule, now)?;
        let target = if is_fifo(queue) {
            json!({"Id": "queue", "Arn": queue_arn, "SqsParameters": {"MessageGroupId": "ecs"}})
        } else {
            json!({"Id": "queue", "Arn": queue_arn})
        };
        self.call("PutTargets", &json!({"Rule": name, "Targets": [target]}), now).map(|_| ())
    }

    fn put_rule(&self, inner: &mut Inner, request: &Value) -> Result<Value, ApiError> {
        check_bus(request.text("EventBusName"))?;
        let name = request.text("Name").unwrap_or_default();
        if !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-_".contains(&byte)) {
            return Err(invalid(format!(
                "1 validation error detected: Value '{name}' at 'name' failed to satisfy constraint: Member must \
                 satisfy regular expression pattern: [\\.\\-_A-Za-z0-9]+"
            )));
        }
        if request.member("ScheduleExpression").is_some() {
            let text = "This local EventBridge has rules with patterns only, not with schedules.";
            return Err(ApiError::new("UnsupportedFeatureException", text));
        }
        let pattern = request.text("EventPattern").map(read_pattern).transpose()?;
        let text = |name: &str| request.text(name).map(str::to_owned);
        let state = State::read(request.text("State").unwrap_or("ENABLED"));
        let given = tags_of(request);
        let known = inner.rules.remove(name);
        let pattern = pattern.or_else(|| known.as_ref().map(|known| known.pattern.clone()));
        let needed = "Parameter(s) EventPattern or ScheduleExpression must be specified.";
        let pattern = pattern.ok_or_else(|| invalid(needed))?;
        // Tags of a rule that is there stay as they are, and so do its targets.
        let (tags, targets) = known.map_or((given, BTreeMap::new()), |known| (known.tags, known.targets));
        let rule = Rule {
            name: name.to_owned(),
            arn: format!("arn:aws:events:{}:{}:rule/{name}", self.region, self.account),
            pattern,
            state,
            description: text("Description"),
            role: text("RoleArn"),
            tags,
            targets,
        };
        let answer = json!({"RuleArn": rule.arn});
        inner.rules.insert(name.to_owned(), rule);
        Ok(answer)
    }

    fn put_targets(&self, rule: &mut Rule, request: &Value) -> Result<Value, ApiError> {
        let queues = format!("arn:aws:sqs:{}:{}:", self.region, self.account);
        let mut targets = rule.targets.clone();
        for target in request.items("Targets") {
            let (id, arn) = (target.text("Id").unwrap_or_default(), target.text("Arn").unwrap_or_default());
            if !arn.starts_with(&queues) || target.member("InputTransformer").is_some() {
                let text = format!(
                    "This local EventBridge sends to queues of its own account and region only, {queues}NAME, and \
                     without an InputTransformer."
                );
                return Err(ApiError::new("UnsupportedFeatureException", text));
            }
            let group = target.member("SqsParameters").and_then(|queue| queue.text("MessageGroupId"));
            if is_fifo(arn) && group.is_none() {
                return Err(invalid(format!(
                    "Parameter(s) SqsParameters must be specified for target: {id}."
                )));
            }
            targets.insert(id.to_owned(), target.clone());
        }
        if targets.len() > MOST_TARGETS {
            let text = "The requested resource exceeds the maximum number allowed.";
            return Err(ApiError::new("LimitExceededException", text));
        }
        rule.targets = targets;
        Ok(json!({"FailedEntryCount": 0, "FailedEntries": []}))
    }

    fn put_events(&self, request: &Value, now: Time) -> Value {
        let mut failed = 0;
        let entries = request.items("Entries").iter().map(|entry| match Self::event_of(entry, now) {
            Ok(event) => {
                self.publish(&event, Duration::ZERO, now);
                json!({"EventId": self.lock().random.uuid()})
            }
            Err((code, text)) => {
                failed += 1;
                json!({"ErrorCode": code, "ErrorMessage": text})
            }
        });
        let entries: Vec<Value> = entries.collect();
        json!({"FailedEntryCount": failed, "Entries": entries})
    }

    fn event_of(entry: &Value, now: Time) -> Result<Event, (&'static str, String)> {
        let missing = |name: &str| {
            (
                "InvalidArgument",
                format!("Parameter {name} is not valid. Reason: {name} is a required argument."),
            )
        };
        let text = |name: &str| entry.text(name).filter(|text| !text.is_empty()).ok_or_else(|| missing(name));
        let (source, detail_type, detail) = (text("Source")?, text("DetailType")?, text("Detail")?);
        if source.starts_with("aws.") {
            let text = format!("Not authorized for the source: {source}.");
            return Err(("NotAuthorizedForSourceException", text));
        }
        let detail: Value = serde_json::from_str(detail)
            .ok()
            .filter(Value::is_object)
            .ok_or_else(|| ("MalformedDetail", "Detail is malformed.".to_owned()))?;
        check_bus(entry.text("EventBusName")).map_err(|error| ("InvalidArgument", error.message))?;
        Ok(Event {
            source: source.to_owned(),
            detail_type: detail_type.to_owned(),
            resources: entry.texts("Resources").map(str::to_owned).collect(),
            detail,
            at: now,
            of_reading: false,
        })
    }

    fn show_bus(&self) -> Value {
        let arn = format!("arn:aws:events:{}:{}:event-bus/default", self.region, self.account);
        json!({"Name": "default", "Arn": arn})
    }
}

impl Inner {
    fn rule(&mut self, request: &Value, member: &str) -> Result<&mut Rule, ApiError> {
        check_bus(request.text("EventBusName"))?;
        let name = request.text(member).unwrap_or_default();
        self.rules.get_mut(name).ok_or_else(|| no_rule(name))
    }
}

fn no_rule(name: &str) -> ApiError {
    let text = format!("Rule {name} does not exist on EventBus default.");
    ApiError::new("ResourceNotFoundException", text)
}

fn invalid(text: impl Into<String>) -> ApiError {
    ApiError::new("ValidationException", text)
}

/// Names and ARNs of the one bus that there is.
fn check_bus(name: Option<&str>) -> Result<(), ApiError> {
    let name = name.unwrap_or("default");
    if name.rsplit('/').next() == Some("default") {
        return Ok(());
    }
    Err(ApiError::new("ResourceNotFoundException", format!("Event bus {name} does not exist.")))
}

fn read_pattern(text: &str) -> Result<Pattern, ApiError> {
    let refused = |reason| {
        let text = format!("Event pattern is not valid. Reason: {reason}");
        ApiError::new("InvalidEventPatternException", text)
    };
    Pattern::read(text).map_err(refused)
}

fn turn(rule: &mut Rule, state: State) -> Value {
    rule.state = state;
    json!({})
}

/// A rule that is not there is deleted already.
fn delete_rule(inner: &mut Inner, request: &Value) -> Result<Value, ApiError> {
    check_bus(request.text("EventBusName"))?;
    let name = request.text("Name").unwrap_or_default();
    if inner.rules.get(name).is_some_and(|rule| !rule.targets.is_empty()) {
        return Err(invalid("Rule can't be deleted since it has targets."));
    }
    inner.rules.remove(name);
    Ok(json!({}))
}

fn list_rules(inner: &Inner, request: &Value) -> Result<Value, ApiError> {
    check_bus(request.text("EventBusName"))?;
    let prefix = request.text("NamePrefix").unwrap_or_default();
    let rules = inner.rules.iter().filter(|(name, _)| name.starts_with(prefix));
    pages(request, "Rules", rules.map(|(name, rule)| (name.clone(), rule.show())))
}

fn list_names(inner: &Inner, request: &Value) -> Result<Value, ApiError> {
    check_bus(request.text("EventBusName"))?;
    let arn = request.text("TargetArn");
    let leads_there = |rule: &&Rule| rule.targets.values().any(|target| target.text("Arn") == arn);
    let names = inner.rules.values().filter(leads_there);
    pages(request, "RuleNames", names.map(|rule| (rule.name.clone(), json!(rule.name))))
}

fn list_targets(rule: &Rule, request: &Value) -> Result<Value, ApiError> {
    pages(request, "Targets", rule.targets.iter().map(|(id, target)| (id.clone(), target.clone())))
}

fn pages(
    request: &Value,
    member: &str,
    items: impl Iterator<Item = (String, Value)>,
) -> Result<Value, ApiError> {
    let refused = |error: ApiError| ApiError { code: "ValidationException".into(), ..error };
    let size = page::size(request.whole("Limit"), 100, 100).map_err(refused)?;
    let after = page::key(request.text("NextToken")).map_err(refused)?.unwrap_or_default();
    let page = page::cut(items.filter(|(key, _)| *key > after), size, |(key, _)| key.clone());
    let items: Vec<Value> = page.items.into_iter().map(|(_, item)| item).collect();
    let mut answer = Map::from_iter([(member.to_owned(), items.into())]);
    answer.extend(page.next_token.map(|token| ("NextToken".to_owned(), token.into())));
    Ok(answer.into())
}

fn remove_targets(rule: &mut Rule, request: &Value) -> Value {
    let failed: Vec<Value> = request
        .texts("Ids")
        .filter(|id| rule.targets.remove(*id).is_none())
        .map(|id| {
            let text = format!("Rule {} does not have target(s) with Id(s): [{id}]", rule.name);
            json!({"TargetId": id, "ErrorCode": "ResourceNotFoundException", "ErrorMessage": text})
        })
        .collect();
    json!({"FailedEntryCount": failed.len(), "FailedEntries": failed})
}

fn test_pattern(request: &Value) -> Result<Value, ApiError> {
    let pattern = read_pattern(request.text("EventPattern").unwrap_or_default())?;
    let event: Option<Value> = serde_json::from_str(request.text("Event").unwrap_or_default()).ok();
    let event = event.filter(Value::is_object).ok_or_else(|| invalid("Parameter Event is not valid."))?;
    if let Some(missing) = OF_EVERY_EVENT.iter().find(|name| event.member(name).is_none()) {
        return Err(invalid(format!("Parameter Event is not valid. Reason: {missing} is missing.")));
    }
    Ok(json!({"Result": pattern.matches(&event)}))
}

fn tags_of(request: &Value) -> BTreeMap<String, String> {
    let text = |tag: &Value, name: &str| tag.text(name).unwrap_or_default().to_owned();
    request.items("Tags").iter().map(|tag| (text(tag, "Key"), text(tag, "Value"))).collect()
}

fn tags(inner: &mut Inner, operation: &str, request: &Value) -> Result<Value, ApiError> {
    let arn = request.text("ResourceARN").unwrap_or_default();
    let name = arn.rsplit('/').next().unwrap_or_default();
    let rule = inner.rules.get_mut(name).filter(|rule| rule.arn == arn).ok_or_else(|| no_rule(name))?;
    match operation {
        "TagResource" => rule.tags.extend(tags_of(request)),
        "UntagResource" => rule.tags.retain(|key, _| !request.texts("TagKeys").any(|gone| gone == key)),
        _ => {
            let shown = rule.tags.iter().map(|(key, value)| json!({"Key": key, "Value": value}));
            return Ok(json!({"Tags": shown.collect::<Vec<_>>()}));
        }
    }
    Ok(json!({}))
}
