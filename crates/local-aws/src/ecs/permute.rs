//! Lists that come back in another order than they were sent, as some did from live ECS.

use serde_json::Value;

/// Lists of which the order means nothing, and of which a published read-back had another order, or
/// could have. Order is kept where it means something: commands, DNS servers, environment files.
const PERMUTED: [&str; 10] = [
    "containerDefinitions",
    "environment",
    "links",
    "loadBalancers",
    "portMappings",
    "requiresCompatibilities",
    "securityGroups",
    "serviceRegistries",
    "subnets",
    "volumesFrom",
];

/// Turns every such list of an answer round.
pub(super) fn permute(answer: &mut Value) {
    match answer {
        Value::Object(members) => {
            for (name, value) in members {
                if let Some(items) = value.as_array_mut().filter(|_| PERMUTED.contains(&name.as_str())) {
                    items.reverse();
                }
                permute(value);
            }
        }
        Value::Array(items) => items.iter_mut().for_each(permute),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn lists_are_turned_round_at_every_depth_and_commands_are_not() {
        let mut answer = json!({"taskDefinition": {"containerDefinitions": [
            {"name": "a", "command": ["x", "y"]}, {"name": "b", "environment": [{"name": "1"}, {"name": "2"}]}]}});
        permute(&mut answer);
        let expected = json!({"taskDefinition": {"containerDefinitions": [
            {"name": "b", "environment": [{"name": "2"}, {"name": "1"}]}, {"name": "a", "command": ["x", "y"]}]}});
        assert_eq!(answer, expected);
    }
}
