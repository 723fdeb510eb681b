//! `cox explain`: what the name of a fault or a reason means; errors point here.

use coxswain_manifest::Code;
use coxswain_plan::Reason;

use crate::{
    arguments::ExplainArguments,
    exit::{Exit, Failure},
    output::Terminal,
};

pub(crate) fn run(arguments: &ExplainArguments, terminal: &mut Terminal) -> Result<Exit, Failure> {
    let name = arguments.name.as_str();
    let fault = Code::from_name(name).map(Code::explain);
    let reason = Reason::ALL.iter().find(|reason| reason.name() == name).map(|reason| explain(*reason));
    let Some(text) = fault.or(reason) else {
        return Err(Failure::usage(format!("{name:?} is the name of no fault and of no reason")));
    };
    terminal.answer(&text)?;
    Ok(Exit::Done)
}

fn explain(reason: Reason) -> String {
    let cure = if reason.cure().is_empty() { "Nothing needs doing." } else { reason.cure() };
    format!("{reason}\n\nCause: {}\nCure:  {cure}\n", reason.cause())
}
