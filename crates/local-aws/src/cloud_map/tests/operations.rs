use serde_json::json;

use super::{Rig, dns};

#[test]
fn operations_are_listed_newest_first_and_by_filter() {
    let mut rig = Rig::new();
    let private = rig.namespace("example.internal");
    let service = rig.service(&private, "web", dns(&["A"]));
    let before = rig.now.as_millis() / 1_000;
    rig.instance(&service, "one", "192.0.2.1", json!({}));
    let pending = rig.call("DeregisterInstance", json!({"ServiceId": service, "InstanceId": "one"}));
    let list = |filters| rig.call("ListOperations", json!({"Filters": filters}))["Operations"].take();
    let all = list(json!([]));
    assert_eq!(all.as_array().unwrap().len(), 3);
    assert_eq!(all[0], json!({"Id": pending["OperationId"], "Status": "PENDING"}));
    let count = |filter| list(json!([filter])).as_array().unwrap().len();
    assert_eq!(count(json!({"Name": "NAMESPACE_ID", "Values": [private]})), 1);
    assert_eq!(count(json!({"Name": "SERVICE_ID", "Values": [service]})), 2);
    assert_eq!(count(json!({"Name": "STATUS", "Values": ["SUCCESS"]})), 2);
    assert_eq!(count(json!({"Name": "STATUS", "Values": ["SUCCESS", "PENDING"], "Condition": "IN"})), 3);
    assert_eq!(count(json!({"Name": "TYPE", "Values": ["CREATE_NAMESPACE"]})), 1);
    let since = [before.to_string(), (before + 60).to_string()];
    assert_eq!(count(json!({"Name": "UPDATE_DATE", "Values": since, "Condition": "BETWEEN"})), 3);
    let later = [(before + 1).to_string(), (before + 60).to_string()];
    assert_eq!(count(json!({"Name": "UPDATE_DATE", "Values": later, "Condition": "BETWEEN"})), 2);
    let wrong = json!({"Filters": [{"Name": "UPDATE_DATE", "Values": ["1"], "Condition": "EQ"}]});
    assert_eq!(rig.code("ListOperations", wrong), "InvalidInput");

    let first = rig.call("ListOperations", json!({"MaxResults": 2}));
    let rest = rig.call("ListOperations", json!({"NextToken": first["NextToken"]}));
    assert_eq!(rest["Operations"], json!([all[2]]));
    assert_eq!(rig.code("GetOperation", json!({"OperationId": "none"})), "OperationNotFound");
}
