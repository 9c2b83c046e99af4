//! Explanations while a machine runs and at its end.

use std::io::IsTerminal;
use std::sync::Arc;

use ::explain::{Explanation, Question, Scene, Style, explain};
use anyhow::Result;
use board::{Machine, Show, Sight};
use serde::Serialize;

use crate::cli::ExplainOptions;
use crate::errors;

/// What Ctrl-A E does.
pub fn on_explain(machine: &Machine) -> Arc<dyn Fn() + Send + Sync> {
    let asker = machine.asker();
    Arc::new(move || asker.ask())
}

/// Explains the last fault of each hart that is shown.
pub fn show() -> Show {
    Box::new(|sight| match answer(&sight, &Question::FAULT) {
        Some(explanation) => tell(&explanation),
        None => errors::tell(format!("hart {} has had no fault", sight.hart.config.hart_id)),
    })
}

fn answer(sight: &Sight, question: &Question) -> Option<Explanation> {
    let Sight { hart, ram, bus } = *sight;
    let is_asked = question.hart.is_none_or(|wanted| wanted as u64 == hart.config.hart_id);
    if is_asked { explain(&Scene { hart, ram, bus }, question.about) } else { None }
}

/// How an explanation looks there.
pub fn style(there: &impl IsTerminal) -> Style {
    Style { colour: there.is_terminal() && std::env::var_os("NO_COLOR").is_none() }
}

/// Shows an explanation on standard error.
fn tell(explanation: &Explanation) {
    let text = ::explain::text(explanation, style(&std::io::stderr()));
    errors::tell(text.trim_end());
}

/// Sees to it that the files that are asked for can be written, long before they are.
///
/// # Errors
/// One that names the file and says why.
pub fn check_files(options: &ExplainOptions) -> Result<()> {
    let mut files = options.explain_json.iter().chain(&options.explain_svg);
    files.try_for_each(|file| errors::check_file("explanation", file))
}

/// Explanations as a file has them.
#[derive(Serialize)]
struct File<'a> {
    schema: u32,
    explanations: &'a [Explanation],
}

/// Answers at the end of a run what the user asked.
///
/// # Errors
/// A file cannot be written.
pub fn at_end(machine: &Machine, options: &ExplainOptions) -> Result<()> {
    if !options.is_wanted() {
        return Ok(());
    }
    let explanations = explanations(machine, &options.questions);
    if explanations.is_empty() {
        errors::tell("there is nothing to explain: no hart has had a fault, or none that was asked for");
    }
    if !options.questions.is_empty() {
        explanations.iter().for_each(tell);
    }
    if let Some(file) = &options.explain_json {
        let text = serde_json::to_string_pretty(&File { schema: ::explain::SCHEMA, explanations: &explanations })?;
        errors::write_file("explanation", file, (text + "\n").as_bytes())?;
    }
    if let Some(file) = &options.explain_svg {
        errors::write_file("explanation", file, ::explain::svg(&explanations).as_bytes())?;
    }
    Ok(())
}

fn explanations(machine: &Machine, questions: &[Question]) -> Vec<Explanation> {
    let questions = if questions.is_empty() { &[Question::FAULT] } else { questions };
    let mut found = Vec::new();
    for question in questions {
        machine.show(|sight| found.extend(answer(&sight, question)));
    }
    found
}

/// Explains what a hart could not go on from.
pub fn halted(machine: &Machine, number: usize) {
    machine.show(|sight| {
        if sight.hart.config.hart_id == number as u64 {
            answer(&sight, &Question::FAULT).iter().for_each(tell);
        }
    });
}
