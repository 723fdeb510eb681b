//! `ignoreDifferences`: paths as they stand in a difference, such as
//! `containerDefinitions[api].environment[LEVEL]` or `networkConfiguration`.

use crate::code::Code;
use crate::cursor::{Cursor, Report};
use crate::suggest::nearest;
use crate::v1::service::{SERVICE, TASK_DEFINITION};

pub(super) fn check(spec: &Cursor<'_>, report: &mut Report<'_>) {
    let members = TASK_DEFINITION.members().iter().chain(SERVICE.members()).map(|member| member.name);
    for item in spec.list("ignoreDifferences") {
        let Some(path) = item.text() else { continue };
        let short = ["spec.", "taskDefinition.", "service."]
            .iter()
            .fold(path, |path, prefix| path.strip_prefix(prefix).unwrap_or(path));
        let first = short.split(['.', '[']).next().unwrap_or("");
        if short == path && members.clone().any(|member| member == first) {
            continue;
        }
        let diagnostic = report
            .error(&item, Code::ValueNotAllowed, format!("\"{path}\" is no path of a difference"))
            .label("expected a field of the task definition or service first");
        let meant = nearest(first, members.clone()).map(|best| short.replacen(first, best, 1));
        report.push(match meant.filter(|meant| meant != path) {
            Some(meant) => diagnostic.help(format!("did you mean {meant}?")),
            None => diagnostic.help("write it as a difference shows it: containerDefinitions[api].image"),
        });
    }
}
