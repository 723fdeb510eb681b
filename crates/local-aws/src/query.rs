//! AWS's query protocol: a form in, XML out, both by the shape table.
//!
//! A form is flat: `Actions.member.1.Type=forward` is the first item of the list `Actions` and its
//! member `Type`. What comes out of [`read`] is the same tree that a JSON body would be, so that what is
//! behind the wire knows nothing of forms.
//!
//! Source: botocore's model, whose `protocol` is `query`, and smithy's specification of it,
//! <https://smithy.io/2.0/aws/protocols/aws-query-protocol.html>

use std::{collections::BTreeMap, io};

use bytes::Bytes;
use coxswain_ecs_shapes::{Api, Kind, Operation, Shape};
use http::{HeaderMap, HeaderValue, Response, StatusCode, header::CONTENT_TYPE};
use quick_xml::{
    Writer,
    events::{BytesEnd, BytesStart, BytesText, Event},
};
use serde_json::{Map, Number, Value};

use crate::{clock::Time, error::ApiError};

/// Whether a request is a form.
pub(crate) fn is_asked(headers: &HeaderMap) -> bool {
    let content = headers.get(CONTENT_TYPE).and_then(|content| content.to_str().ok());
    content.is_some_and(|content| content.starts_with("application/x-www-form-urlencoded"))
}

/// Which operation a form asks for, with its input as a tree.
///
/// # Errors
/// `MissingAction`, `InvalidAction`, and `MalformedInput` for a value of another type than the shape's.
pub(crate) fn read(
    body: &[u8],
    mut apis: impl Iterator<Item = &'static Api>,
) -> Result<(&'static Api, &'static Operation, Value), ApiError> {
    let mut form = Field::default();
    for (name, value) in form_urlencoded::parse(body) {
        form.insert(name.split('.'), value.into_owned());
    }
    let action = form.text("Action").ok_or_else(|| ApiError::new("MissingAction", "No action is named."))?;
    let version = form.text("Version").unwrap_or_default();
    let invalid = || {
        ApiError::new(
            "InvalidAction",
            format!("The action {action} is not valid for this web service, in version '{version}'."),
        )
    };
    let api = apis.find(|api| !api.xml_namespace.is_empty() && api.version == version);
    let api = api.ok_or_else(invalid)?;
    let operation = api.operation(action).ok_or_else(invalid)?;
    let input = form.tree(operation.input, "")?;
    Ok((api, operation, input.unwrap_or_else(|| Value::Object(Map::new()))))
}

/// A name in a form, with what is under it.
#[derive(Debug, Default)]
struct Field {
    value: Option<String>,
    under: BTreeMap<String, Field>,
}

impl Field {
    fn insert<'a>(&mut self, mut path: impl Iterator<Item = &'a str>, value: String) {
        match path.next() {
            None => self.value = Some(value),
            Some(name) => self.under.entry(name.to_owned()).or_default().insert(path, value),
        }
    }

    fn text(&self, name: &str) -> Option<&str> {
        self.under.get(name)?.value.as_deref()
    }

    /// The tree that the shape makes of it; nothing where nothing of the shape is there.
    fn tree(&self, shape: &'static Shape, path: &str) -> Result<Option<Value>, ApiError> {
        let wrong = |expected: &str| {
            let value = self.value.as_deref().unwrap_or_default();
            ApiError::new("MalformedInput", format!("{path} expects {expected}, not '{value}'"))
        };
        let under = |name: &str| if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
        match &shape.kind {
            Kind::Structure(members) => {
                let mut object = Map::new();
                for member in *members {
                    let Some(field) = self.under.get(member.name) else { continue };
                    if let Some(value) = field.tree(member.shape, &under(member.name))? {
                        object.insert(member.name.to_owned(), value);
                    }
                }
                let is_there = !self.under.is_empty() || self.value.is_some();
                return Ok(is_there.then_some(Value::Object(object)));
            }
            Kind::List { item, .. } => {
                let items = self.numbered("member").map(|(place, field)| {
                    let path = under(&format!("member.{place}"));
                    field.tree(item, &path)?.ok_or_else(|| wrong("an item"))
                });
                return Ok(Some(Value::Array(items.collect::<Result<_, _>>()?)));
            }
            Kind::Map { value: shape, .. } => {
                let mut map = Map::new();
                for (_, entry) in self.numbered("entry") {
                    let key = entry.text("key").unwrap_or_default().to_owned();
                    let Some(value) = entry.under.get("value") else { continue };
                    map.extend(value.tree(shape, path)?.map(|value| (key, value)));
                }
                return Ok(Some(Value::Object(map)));
            }
            _ => {}
        }
        let Some(text) = self.value.as_deref() else { return Ok(None) };
        let number = |number: Option<Number>| number.map(Value::Number);
        let value = match shape.kind {
            Kind::Boolean => match text {
                "true" => Some(Value::Bool(true)),
                "false" => Some(Value::Bool(false)),
                _ => None,
            },
            Kind::Integer { .. } => number(text.parse::<i64>().ok().map(Number::from)),
            Kind::Double { .. } => number(text.parse().ok().and_then(Number::from_f64)),
            _ => Some(text.into()),
        };
        value.map(Some).ok_or_else(|| {
            wrong(match shape.kind {
                Kind::Boolean => "true or false",
                Kind::Integer { .. } => "a whole number",
                _ => "a number",
            })
        })
    }

    /// What is under `name.1`, `name.2` and so on, by number.
    fn numbered(&self, name: &str) -> impl Iterator<Item = (u64, &Field)> {
        let fields = self.under.get(name).map(|list| &list.under).into_iter().flatten();
        let mut numbered: Vec<_> =
            fields.filter_map(|(place, field)| Some((place.parse::<u64>().ok()?, field))).collect();
        numbered.sort_by_key(|(place, _)| *place);
        numbered.into_iter()
    }
}

/// The whole answer, with the request's id.
///
/// Without an operation (none was found) only an error can be answered.
pub(crate) fn respond(
    asked: Option<(&Api, &Operation)>,
    outcome: Result<Value, ApiError>,
    request_id: &str,
) -> Response<Bytes> {
    let namespace = asked.map(|(api, _)| api.xml_namespace).unwrap_or_default();
    let (status, written) = match (outcome, asked) {
        (Ok(answer), Some((_, operation))) => {
            (StatusCode::OK, write_answer(operation, namespace, &answer, request_id))
        }
        (Ok(_), None) => (StatusCode::OK, Ok(Vec::new())),
        (Err(error), _) => (error.status, write_error(namespace, &error, request_id)),
    };
    // Nothing is written but into memory.
    let body = written.unwrap_or_default();
    let mut response = Response::new(Bytes::from(body));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/xml"));
    if let Ok(id) = HeaderValue::from_str(request_id) {
        headers.insert("x-amzn-requestid", id);
    }
    response
}

fn write_answer(
    operation: &Operation,
    namespace: &str,
    answer: &Value,
    request_id: &str,
) -> io::Result<Vec<u8>> {
    let mut writer = Writer::new(Vec::new());
    let (response, result) = (format!("{}Response", operation.name), format!("{}Result", operation.name));
    writer.write_event(Event::Start(BytesStart::new(&*response).with_attributes([("xmlns", namespace)])))?;
    open(&mut writer, &result)?;
    write_tree(&mut writer, operation.output, answer)?;
    close(&mut writer, &result)?;
    open(&mut writer, "ResponseMetadata")?;
    write_text(&mut writer, "RequestId", request_id)?;
    close(&mut writer, "ResponseMetadata")?;
    close(&mut writer, &response)?;
    Ok(writer.into_inner())
}

fn write_error(namespace: &str, error: &ApiError, request_id: &str) -> io::Result<Vec<u8>> {
    let mut writer = Writer::new(Vec::new());
    writer.write_event(Event::Start(
        BytesStart::new("ErrorResponse").with_attributes([("xmlns", namespace)]),
    ))?;
    open(&mut writer, "Error")?;
    let who = if error.status.is_client_error() { "Sender" } else { "Receiver" };
    // What every API of AWS has is called otherwise in the query protocol.
    let code = match &*error.code {
        "ThrottlingException" => "Throttling",
        "ServerException" => "ServiceUnavailable",
        code => code,
    };
    for (name, text) in [("Type", who), ("Code", code), ("Message", error.message.as_str())] {
        write_text(&mut writer, name, text)?;
    }
    close(&mut writer, "Error")?;
    write_text(&mut writer, "RequestId", request_id)?;
    close(&mut writer, "ErrorResponse")?;
    Ok(writer.into_inner())
}

/// The content of an element; what the shape does not know stays out.
fn write_tree(writer: &mut Writer<Vec<u8>>, shape: &Shape, value: &Value) -> io::Result<()> {
    match (&shape.kind, value) {
        (Kind::Structure(members), Value::Object(object)) => {
            for member in *members {
                let Some(value) = object.get(member.name).filter(|value| !value.is_null()) else { continue };
                open(writer, member.name)?;
                write_tree(writer, member.shape, value)?;
                close(writer, member.name)?;
            }
        }
        (Kind::List { item, .. }, Value::Array(items)) => {
            for value in items {
                open(writer, "member")?;
                write_tree(writer, item, value)?;
                close(writer, "member")?;
            }
        }
        (Kind::Map { value: shape, .. }, Value::Object(object)) => {
            for (key, value) in object {
                open(writer, "entry")?;
                write_text(writer, "key", key)?;
                open(writer, "value")?;
                write_tree(writer, shape, value)?;
                close(writer, "value")?;
                close(writer, "entry")?;
            }
        }
        (Kind::Timestamp, seconds @ Value::Number(_)) => {
            write_value(writer, &Time::from_json(seconds).map(Time::to_text).unwrap_or_default())?;
        }
        (_, Value::String(text)) => write_value(writer, text)?,
        (_, other) => write_value(writer, &other.to_string())?,
    }
    Ok(())
}

fn open(writer: &mut Writer<Vec<u8>>, name: &str) -> io::Result<()> {
    writer.write_event(Event::Start(BytesStart::new(name)))
}

fn close(writer: &mut Writer<Vec<u8>>, name: &str) -> io::Result<()> {
    writer.write_event(Event::End(BytesEnd::new(name)))
}

fn write_value(writer: &mut Writer<Vec<u8>>, text: &str) -> io::Result<()> {
    writer.write_event(Event::Text(BytesText::new(text)))
}

fn write_text(writer: &mut Writer<Vec<u8>>, name: &str, text: &str) -> io::Result<()> {
    open(writer, name)?;
    write_value(writer, text)?;
    close(writer, name)
}

#[cfg(test)]
mod tests {
    use coxswain_ecs_shapes::elbv2;
    use serde_json::json;

    use super::*;

    fn read_form(form: &str) -> Result<Value, String> {
        let form = format!("Version=2015-12-01&{form}");
        let read = read(form.as_bytes(), std::iter::once(elbv2()));
        read.map(|(_, _, input)| input).map_err(|error| error.to_string())
    }

    #[test]
    fn a_form_becomes_the_tree_of_its_shape() {
        let form = "Action=CreateRule&ListenerArn=l&Priority=7&Actions.member.10.Type=forward\
                    &Actions.member.2.ForwardConfig.TargetGroups.member.1.Weight=9&Actions.member.2.Type=forward\
                    &Conditions.member.1.Values.member.1=a%26b&Unknown.member.1=x&Tags=";
        let expected = json!({"ListenerArn": "l", "Priority": 7, "Tags": [],
            "Conditions": [{"Values": ["a&b"]}],
            "Actions": [{"Type": "forward", "ForwardConfig": {"TargetGroups": [{"Weight": 9}]}},
                {"Type": "forward"}]});
        assert_eq!(read_form(form).unwrap(), expected);
    }

    #[test]
    fn what_is_no_action_or_of_another_type_is_refused_by_its_place() {
        for (form, start) in [
            ("x=y", "MissingAction"),
            ("Action=Dance", "InvalidAction: The action Dance"),
            (
                "Action=CreateRule&Priority=soon",
                "MalformedInput: Priority expects a whole number, not 'soon'",
            ),
            (
                "Action=ModifyTargetGroup&HealthCheckEnabled=1",
                "MalformedInput: HealthCheckEnabled expects true or false",
            ),
        ] {
            let error = read_form(form).unwrap_err();
            assert!(error.starts_with(start), "{error}");
        }
        let other = read(b"Action=CreateRule&Version=2012-06-01", std::iter::once(elbv2())).unwrap_err();
        assert_eq!(other.code, "InvalidAction");
    }

    #[test]
    fn an_answer_is_xml_by_its_shape_and_text_is_escaped() {
        let operation = elbv2().operation("DescribeLoadBalancers").unwrap();
        let answer = json!({"LoadBalancers": [{"DNSName": "a<b&c", "CreatedTime": 1.5, "Unknown": 1,
            "SecurityGroups": ["sg-1", "sg-2"]}]});
        let response = respond(Some((elbv2(), operation)), Ok(answer), "id");
        let text = std::str::from_utf8(response.body()).unwrap();
        assert_eq!(
            text,
            "<DescribeLoadBalancersResponse xmlns=\"http://elasticloadbalancing.amazonaws.com/doc/2015-12-01/\">\
             <DescribeLoadBalancersResult><LoadBalancers><member>\
             <CreatedTime>1970-01-01T00:00:01.5Z</CreatedTime><DNSName>a&lt;b&amp;c</DNSName>\
             <SecurityGroups><member>sg-1</member><member>sg-2</member></SecurityGroups>\
             </member></LoadBalancers></DescribeLoadBalancersResult>\
             <ResponseMetadata><RequestId>id</RequestId></ResponseMetadata></DescribeLoadBalancersResponse>"
        );
    }

    #[test]
    fn an_error_says_whose_fault_it_is() {
        for (error, expected) in [
            (
                ApiError::new("ListenerNotFound", "a > b"),
                "<Type>Sender</Type><Code>ListenerNotFound</Code><Message>a &gt; b</Message>",
            ),
            (ApiError::throttled(), "<Type>Sender</Type><Code>Throttling</Code>"),
            (ApiError::server("no"), "<Type>Receiver</Type><Code>ServiceUnavailable</Code>"),
        ] {
            let status = error.status;
            let response = respond(None, Err(error), "id");
            let text = std::str::from_utf8(response.body()).unwrap();
            assert!(text.contains(expected), "{text}");
            assert_eq!(response.status(), status);
        }
    }
}
