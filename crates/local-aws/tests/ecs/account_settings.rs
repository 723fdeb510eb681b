//! Account settings: defaults, what is set, and what they change.

use serde_json::{Value, json};

use crate::lab::Lab;

async fn list(lab: &Lab, request: Value) -> Vec<(String, String)> {
    let answer = lab.call("ListAccountSettings", request).await;
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let settings = answer["settings"].as_array().unwrap();
    settings.iter().map(|setting| (text(&setting["name"]), text(&setting["value"]))).collect()
}

#[tokio::test(start_paused = true)]
async fn what_was_never_set_holds_by_default_and_is_listed_only_as_effective() {
    let lab = Lab::start().await;
    assert_eq!(list(&lab, json!({})).await, []);
    let first = lab.call("ListAccountSettings", json!({"effectiveSettings": true})).await;
    assert_eq!(first["settings"].as_array().unwrap().len(), 10);
    let rest = json!({"effectiveSettings": true, "nextToken": first["nextToken"]});
    assert_eq!(list(&lab, rest).await, [("taskLongArnFormat".to_owned(), "enabled".to_owned())]);
    let managed = json!({"effectiveSettings": true, "name": "guardDutyActivate"});
    let answer = lab.call("ListAccountSettings", managed).await;
    assert_eq!(
        (&answer["settings"][0]["type"], &answer["settings"][0]["value"]),
        (&json!("aws_managed"), &json!("off"))
    );
}

#[tokio::test(start_paused = true)]
async fn a_setting_holds_until_it_is_deleted_and_the_root_s_for_everybody() {
    let lab = Lab::start().await;
    let user = "arn:aws:iam::123456789012:user/a";
    let of_user = json!({"principalArn": user, "effectiveSettings": true, "name": "awsvpcTrunking"});
    let set = json!({"name": "awsvpcTrunking", "value": "enabled"});
    let answer = lab.call("PutAccountSettingDefault", set).await;
    assert_eq!(answer["setting"]["principalArn"], "arn:aws:iam::123456789012:root");
    assert_eq!(list(&lab, of_user.clone()).await[0].1, "enabled");
    let own = json!({"name": "awsvpcTrunking", "value": "disabled", "principalArn": user});
    lab.call("PutAccountSetting", own).await;
    assert_eq!(list(&lab, of_user.clone()).await[0].1, "disabled");
    let gone =
        lab.call("DeleteAccountSetting", json!({"name": "awsvpcTrunking", "principalArn": user})).await;
    assert_eq!(gone["setting"]["value"], "enabled", "the root's holds again");
    assert_eq!(list(&lab, json!({"name": "awsvpcTrunking", "value": "disabled"})).await, []);
    assert_eq!(list(&lab, json!({})).await.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn container_insights_is_what_a_new_cluster_begins_with() {
    let lab = Lab::start().await;
    lab.call("PutAccountSetting", json!({"name": "containerInsights", "value": "enhanced"})).await;
    for (name, request, value) in [
        ("new", json!({"clusterName": "new"}), "enhanced"),
        (
            "own",
            json!({"clusterName": "own", "settings": [{"name": "containerInsights", "value": "enabled"}]}),
            "enabled",
        ),
    ] {
        let answer = lab.call("CreateCluster", request).await;
        assert_eq!(answer["cluster"]["settings"][0]["value"], value, "{name}");
    }
    let body = json!({"clusters": ["main"], "include": ["SETTINGS"]});
    assert_eq!(lab.call("DescribeClusters", body).await["clusters"][0]["settings"][0]["value"], "disabled");
}

#[tokio::test(start_paused = true)]
async fn a_value_that_a_setting_does_not_take_is_refused() {
    let lab = Lab::start().await;
    for (name, value) in [
        ("containerInsights", "loud"),
        ("fargateTaskRetirementWaitPeriod", "8"),
        ("defaultLogDriverMode", "enabled"),
        ("guardDutyActivate", "on"),
        ("unknown", "enabled"),
    ] {
        let (code, _) = lab.refused("PutAccountSetting", json!({"name": name, "value": value})).await;
        assert_eq!(code, "InvalidParameterException", "{name}={value}");
    }
    lab.refused("ListAccountSettings", json!({"value": "enabled"})).await;
}
