//! Explanations while a machine runs and at its end.

use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use ::explain::{Explanation, Question, Scene, Style, explain};
use anyhow::{Result, bail};
use board::{Machine, Show, Sight};
use events::{Look, Sink};
use serde::Serialize;
use symbols::{File, Kernel, Seen, Symbols, Whose};

use crate::chains::Chains;
use crate::cli::{ExplainOptions, MachineOptions};
use crate::errors;
use crate::standstill;

/// What Ctrl-A E does.
pub fn on_explain(machine: &Machine) -> Arc<dyn Fn() + Send + Sync> {
    let asker = machine.asker();
    Arc::new(move || asker.ask())
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
    let saved = options.save_symbols.iter().map(|(_, file)| file);
    saved.into_iter().try_for_each(|file| errors::check_file("symbols", file))?;
    let mut files = options.explain_json.iter().chain(&options.explain_svg);
    files.try_for_each(|file| errors::check_file("explanation", file))
}

/// Explanations as a file has them.
#[derive(Serialize)]
struct JsonFile<'a> {
    schema: u32,
    explanations: &'a [Explanation],
}

/// Who explains a run. Cloning shares it.
#[derive(Clone)]
pub struct Explainer(Arc<Shared>);

struct Shared {
    options: ExplainOptions,
    /// The user's files.
    files: Symbols,
    /// The program that runs, whose symbols are used if it has some.
    program: Option<PathBuf>,
    /// What became of guests' traps, if an explanation is to say so.
    chains: Option<Chains>,
    /// What was said of files already.
    said: Mutex<Vec<String>>,
}

impl Explainer {
    /// One for what the options ask, of a machine that runs this program.
    ///
    /// # Errors
    /// A file has no symbols.
    pub fn of(options: &MachineOptions, program: Option<&Path>) -> Result<Explainer> {
        let options = options.explain.clone();
        Ok(Explainer(Arc::new(Shared {
            files: files(&options.symbols)?,
            program: program.map(Path::to_owned),
            chains: options.is_wanted().then(Chains::default),
            options,
            said: Mutex::default(),
        })))
    }

    /// Whether it watches harts.
    pub fn watches(&self) -> bool {
        self.0.chains.is_some()
    }

    /// Whoever watches the next hart for it, if it does.
    pub fn of_next_hart(&self) -> Option<Box<dyn Sink>> {
        self.0.chains.as_ref().map(Chains::of_next_hart)
    }

    /// Explains the last fault of each hart that is shown.
    pub fn show(&self) -> Show {
        let explainer = self.clone();
        Box::new(move |sight| match explainer.answer(&mut explainer.names(), &sight, &Question::FAULT) {
            Some(explanation) => tell(&explanation),
            None => errors::tell(format!("hart {} has had no fault", sight.hart.config.hart_id)),
        })
    }

    /// What is known of names before a hart is looked at: the user's files, and the program's own.
    fn names(&self) -> Symbols {
        let mut symbols = self.0.files.clone();
        if symbols.known().all(|whose| whose != Whose::Host)
            && let Some(file) = self.0.program.as_deref().and_then(of_program)
        {
            symbols.add(Whose::Host, file);
        }
        symbols
    }

    /// Learns what the memory of a hart has.
    fn learn(&self, symbols: &mut Symbols, sight: &Sight) {
        let sentences = symbols.learn(&sight.hart.standing(sight.ram));
        let mut said = self.0.said.lock().unwrap_or_else(PoisonError::into_inner);
        for sentence in sentences {
            if !said.contains(&sentence) {
                errors::tell(&sentence);
                said.push(sentence);
            }
        }
    }

    fn answer(&self, symbols: &mut Symbols, sight: &Sight, question: &Question) -> Option<Explanation> {
        let Sight { hart, ram, bus } = *sight;
        if question.hart.is_some_and(|wanted| wanted as u64 != hart.config.hart_id) {
            return None;
        }
        self.learn(symbols, sight);
        let names = Seen { symbols, hart: &hart.standing(ram), pc: hart.pc };
        let mut explanation = explain(&Scene { hart, ram, bus, names: Some(&names) }, question.about)?;
        self.0.chains.iter().for_each(|chains| chains.complete(&mut explanation, symbols));
        Some(explanation)
    }

    /// Answers at the end of a run what the user asked.
    ///
    /// # Errors
    /// A file cannot be written.
    pub fn at_end(&self, machine: &Machine) -> Result<()> {
        let options = &self.0.options;
        options.save_symbols.iter().try_for_each(|(whose, file)| save(machine, *whose, file))?;
        if !options.is_wanted() {
            return Ok(());
        }
        let explanations = self.explanations(machine);
        if explanations.is_empty() {
            errors::tell("there is nothing to explain: no hart has had a fault, or none that was asked for");
        }
        if !options.questions.is_empty() {
            explanations.iter().for_each(tell);
        }
        self.write(&explanations)
    }

    /// Writes them into the files that are asked for.
    fn write(&self, explanations: &[Explanation]) -> Result<()> {
        let options = &self.0.options;
        if let Some(file) = &options.explain_json {
            let whole = JsonFile { schema: ::explain::SCHEMA, explanations };
            errors::write_file("explanation", file, (serde_json::to_string_pretty(&whole)? + "\n").as_bytes())?;
        }
        if let Some(file) = &options.explain_svg {
            errors::write_file("explanation", file, ::explain::svg(explanations).as_bytes())?;
        }
        Ok(())
    }

    fn explanations(&self, machine: &Machine) -> Vec<Explanation> {
        let questions = &self.0.options.questions;
        let questions = if questions.is_empty() { &[Question::FAULT] } else { &questions[..] };
        let (mut found, mut symbols) = (Vec::new(), self.names());
        for question in questions {
            machine.show(|sight| found.extend(self.answer(&mut symbols, &sight, question)));
        }
        found
    }

    /// Explains what a hart could not go on from.
    pub fn halted(&self, machine: &Machine, number: usize) {
        machine.show(|sight| {
            if sight.hart.config.hart_id == number as u64 {
                self.answer(&mut self.names(), &sight, &Question::FAULT).iter().for_each(tell);
            }
        });
    }

    /// Says what each hart was doing when time was up.
    pub fn at_limit(&self, machine: &Machine) {
        let (mut doings, mut symbols) = (Vec::new(), self.names());
        machine.show(|sight| {
            self.learn(&mut symbols, &sight);
            doings.push(standstill::doing(&sight, &symbols));
        });
        if !doings.is_empty() {
            errors::tell(standstill::sentence(&doings));
        }
    }
}

/// The Linux that a hart stands in, or one that it is below.
fn kernel(machine: &Machine, whose: Whose) -> Option<Kernel> {
    let mut found: Option<Kernel> = None;
    machine.show(|sight| {
        let standing = sight.hart.standing(sight.ram);
        let is_it = match whose {
            Whose::Guest(vmid) => standing.vmid() == vmid,
            Whose::Host | Whose::Guests => true,
        };
        if is_it && found.is_none() {
            found = Kernel::find(&standing, whose != Whose::Host);
        }
    });
    found
}

/// Saves the names that are found in the memory of a Linux.
///
/// # Errors
/// There is none, or the file cannot be written.
fn save(machine: &Machine, whose: Whose, file: &Path) -> Result<()> {
    let Some(kernel) = kernel(machine, whose) else {
        let whom = if whose == Whose::Host { "host" } else { "guest" };
        bail!("no names for '{}': there is no Linux in the {whom}'s memory at the end of the run", file.display());
    };
    let is_elf = file.extension().is_some_and(|extension| extension == "elf");
    let bytes =
        if is_elf { symbols::elf(&kernel.table, kernel.start) } else { symbols::text(&kernel.table).into_bytes() };
    errors::write_file("symbols", file, &bytes)
}

/// The symbols of the user's files.
///
/// # Errors
/// A file has none.
pub fn files(given: &[(Whose, PathBuf)]) -> Result<Symbols> {
    let mut symbols = Symbols::default();
    for (whose, path) in given {
        symbols.add(*whose, File::open(path)?);
    }
    Ok(symbols)
}

/// Those of the program that runs, if it is an ELF file that has some.
fn of_program(path: &Path) -> Option<File> {
    // a pipe is read once, and an Image has none
    let is_file = path.metadata().is_ok_and(|there| there.is_file());
    let mut magic = [0; 4];
    std::io::Read::read_exact(&mut std::fs::File::open(path).ok().filter(|_| is_file)?, &mut magic).ok()?;
    (magic == *b"\x7fELF").then(|| File::open(path).ok()).flatten()
}
