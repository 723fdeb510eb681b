//! One name, one object; one ECS service and one task definition family for each.

use std::collections::BTreeMap;

use crate::code::Code;
use crate::diagnostic::Diagnostic;
use crate::judge::Service;
use crate::source::Sources;
use crate::tree::Tree;

/// A name that no two Services may share.
struct Name {
    /// What is said, before and after the name.
    message: &'static str,
    /// Where it is written, below `spec`; nothing for the object's own name.
    field: Option<(&'static str, &'static str)>,
}

const NAMES: &[Name] = &[
    Name { message: "two Services have the name", field: None },
    Name { message: "two Services are the ECS service", field: Some(("service", "serviceName")) },
    Name {
        message: "two Services use the task definition family",
        field: Some(("taskDefinition", "family")),
    },
];

impl Name {
    /// The name as written there.
    fn own<'a>(&self, service: &'a Service) -> Option<&'a Tree> {
        let (part, field) = self.field?;
        service.tree.get("spec")?.get(part)?.get(field)
    }

    /// The name; the object's own where none is written.
    fn of<'a>(&self, service: &'a Service) -> Option<&'a Tree> {
        self.own(service).or_else(|| service.tree.get("metadata")?.get("name"))
    }
}

/// Reports every shared name, to both Services: neither can be told to be the one that is meant.
pub(crate) fn find(services: &mut [Service], sources: &Sources) {
    for name in NAMES {
        let mut first: BTreeMap<&str, &Service> = BTreeMap::new();
        let mut found = Vec::new();
        for service in services.iter() {
            let Some(node) = name.of(service) else { continue };
            let Some(text) = node.text() else { continue };
            let Some(earlier) = first.get(text) else {
                first.insert(text, service);
                continue;
            };
            // Objects of one name are told as that, and not again by the names that follow from it.
            let is_told = name.field.is_some() && name.own(service).is_none() && name.own(earlier).is_none();
            if let Some(place) = name.of(earlier).filter(|_| !is_told) {
                let message = format!("{} \"{text}\"", name.message);
                let diagnostic = Diagnostic::error(Code::DuplicateName, sources.location(node.span), message)
                    .label("again here")
                    .also(sources.location(place.span), "first here")
                    .help("rename one of them")
                    .object(Some(&service.key));
                found.push((earlier.location.clone(), service.location.clone(), diagnostic));
            }
        }
        for (earlier, later, diagnostic) in found {
            for service in services.iter_mut().filter(|one| one.location == earlier || one.location == later)
            {
                service.diagnostics.push(diagnostic.clone());
            }
        }
    }
}
