//! An explanation as text, for people.

use std::fmt::Write as _;

use crate::data::{Entry, Explanation, Finding, Level, Link, RegisterTold, Stage, TrapTold};

/// How text is shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Style {
    /// Whether the sequences that colour a terminal may be in it.
    pub colour: bool,
}

/// What is coloured.
#[derive(Clone, Copy)]
pub(crate) enum Paint {
    Heading,
    Good,
    Bad,
}

impl Style {
    /// `text` in a colour, if there may be any.
    pub(crate) fn paint(self, paint: Paint, text: &str) -> String {
        let code = match paint {
            Paint::Heading => 1,
            Paint::Good => 32,
            Paint::Bad => 31,
        };
        if self.colour { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }
}

/// Width of the column of headings.
const HEADINGS: usize = 13;

/// The explanation in lines.
pub fn text(explanation: &Explanation, style: Style) -> String {
    let mut out = Lines { style, out: String::new() };
    out.explanation(explanation);
    out.out
}

/// Lines that grow.
pub(crate) struct Lines {
    pub(crate) style: Style,
    pub(crate) out: String,
}

impl Lines {
    /// A line behind its heading.
    pub(crate) fn put(&mut self, heading: &str, text: &str) {
        let heading = self.style.paint(Paint::Heading, &format!("{heading:HEADINGS$}"));
        let _ = writeln!(self.out, "  {heading}{text}");
    }

    fn explanation(&mut self, explanation: &Explanation) {
        let paint = if explanation.trap.is_some() { Paint::Bad } else { Paint::Good };
        let summary = self.style.paint(paint, &explanation.summary);
        let _ = writeln!(self.out, "hart {}: {summary}", explanation.hart);
        if let Some(instruction) = &explanation.instruction {
            let text = instruction.text.as_deref().unwrap_or("no instruction can be read there");
            let raw = instruction.raw.map(|raw| format!("  ({raw})")).unwrap_or_default();
            self.put("instruction", &format!("{}: {text}{raw}, in {}-mode", instruction.pc, instruction.mode));
            instruction.symbol.iter().for_each(|symbol| self.put("", &format!("in {symbol}")));
        }
        if !explanation.callers.is_empty() {
            self.put("called by", &explanation.callers.join(", by "));
        }
        explanation.process.iter().for_each(|process| self.put("process", process));
        explanation.trap.iter().for_each(|trap| self.trap(trap));
        if let Some(access) = &explanation.access {
            let by = access.by.map(|by| format!(" ({by})")).unwrap_or_default();
            self.put("access", &format!("{} at {} in {}-mode{by}", access.kind, access.address, access.mode));
        }
        if let Some(walk) = &explanation.walk {
            walk.first.iter().for_each(|stage| self.stage(stage));
            walk.second.iter().for_each(|stage| self.stage(stage));
        }
        self.end(explanation);
    }

    fn trap(&mut self, trap: &TrapTold) {
        let verb = if trap.taken { "" } else { "would be " };
        let went = format!("{verb}{} ({}) from {}-mode to {}-mode", trap.name, trap.cause, trap.from, trap.to);
        self.put("trap", &format!("{went}: {}", trap.because));
        self.registers(&trap.registers);
        let symbol = trap.handler_symbol.as_ref().map(|symbol| format!(": {symbol}")).unwrap_or_default();
        self.put("", &format!("handler at {}{symbol}", trap.handler));
    }

    pub(crate) fn registers(&mut self, registers: &[RegisterTold]) {
        for RegisterTold { name, value, meaning } in registers {
            self.put("", &format!("{name:8} {value}: {meaning}"));
        }
    }

    /// A stage that is not within another.
    fn stage(&mut self, stage: &Stage) {
        let heading = format!("{}-stage", stage.stage);
        self.put(&heading, &head(stage));
        self.levels(stage, 4);
        self.result(stage, 4);
    }

    fn levels(&mut self, stage: &Stage, indent: usize) {
        for (at, level) in stage.levels.iter().enumerate() {
            let failed = stage.failed && at + 1 == stage.levels.len();
            self.level(level, failed, indent);
        }
    }

    fn level(&mut self, level: &Level, failed: bool, indent: usize) {
        let place = format!("level {}  [{:>3}]  at {}", level.level, level.index, level.address);
        let physical = match (&level.found_by, level.physical) {
            (Some(_), Some(physical)) => format!(" = physical {physical}"),
            _ => String::new(),
        };
        if let Some(within) = &level.found_by {
            let _ = writeln!(self.out, "{:indent$}{place}, found by the G-stage ({}):", "", head(within));
            self.levels(within, indent + 4);
            self.result(within, indent + 4);
        }
        let entry = level.entry.as_ref().map_or("not read".to_owned(), decoded);
        let line = format!("{place}{physical}  {entry}");
        let mark = if failed { "   <-- fails here" } else { "" };
        let line = if failed { self.style.paint(Paint::Bad, &format!("{line}{mark}")) } else { line };
        let _ = writeln!(self.out, "{:indent$}{line}", "");
        if let Some(within) = &level.update_by {
            let _ = writeln!(self.out, "{:indent$}setting A or D there, by the G-stage ({}):", "", head(within));
            self.levels(within, indent + 4);
            self.result(within, indent + 4);
        }
        if let Some(updated) = &level.updated {
            let _ = writeln!(self.out, "{:indent$}hardware sets A or D: {}", "", updated.bits);
        }
    }

    fn result(&mut self, stage: &Stage, indent: usize) {
        let Some(result) = stage.result.filter(|_| stage.root.is_some()) else { return };
        let page = stage.page_bytes.map(|bytes| format!(", a page of {}", size(bytes))).unwrap_or_default();
        let line = self.style.paint(Paint::Good, &format!("-> {result}{page}"));
        let _ = writeln!(self.out, "{:indent$}{line}", "");
    }

    /// A step of what became of a guest's trap.
    fn link(&mut self, at: usize, link: &Link) {
        let pc = link.pc.map(|pc| format!(" {pc}")).unwrap_or_default();
        let symbols = link.symbols.join(" > ");
        let since = match at {
            0 => String::new(),
            _ => format!("  (after {} instructions, {})", link.instructions, time(link.nanoseconds)),
        };
        let heading = if at == 0 { "chain" } else { "" };
        self.put(heading, &format!("{:8} {}:{pc} {symbols}{since}", link.step, link.mode));
    }

    /// Why it was refused.
    fn finding(&mut self, finding: &Finding) {
        let sentence = self.style.paint(Paint::Bad, &finding.sentence);
        self.put("why", &sentence);
        let bits: Vec<String> = finding.bits.iter().map(ToString::to_string).collect();
        if !bits.is_empty() {
            self.put("by", &bits.join(", "));
        }
        if !finding.would_help.is_empty() {
            let ways: Vec<String> = finding.would_help.iter().map(|set| set.join(" with ")).collect();
            self.put("would help", &ways.join(", or "));
        }
        self.put("manual", &finding.manual.join("; "));
    }

    /// What came of it.
    fn end(&mut self, explanation: &Explanation) {
        if let Some(target) = &explanation.target {
            let pmp = if target.pmp.permits { "permits" } else { "denies" };
            let told = crate::why::told(&target.pmp);
            self.put("physical", &format!("{}: {}; PMP {pmp} it ({told})", target.physical, target.what));
        }
        explanation.finding.iter().for_each(|finding| self.finding(finding));
        explanation.chain.iter().enumerate().for_each(|(at, link)| self.link(at, link));
        explanation.notes.iter().for_each(|note| self.put("note", note));
    }
}

/// A time that people grasp.
fn time(nanoseconds: u64) -> String {
    match nanoseconds {
        0..10_000 => format!("{nanoseconds} ns"),
        10_000..10_000_000 => format!("{} us", nanoseconds / 1_000),
        _ => format!("{} ms", nanoseconds / 1_000_000),
    }
}

/// A stage's register and what it is to translate.
fn head(stage: &Stage) -> String {
    let Stage { register, value, mode, address, .. } = stage;
    match stage.root {
        Some(root) => {
            let owner = stage.owner.as_ref().map(|owner| format!(" of {owner}")).unwrap_or_default();
            format!("{register} {value}: {mode}, root {root}{owner}; {} of {address}", stage.access)
        }
        None if mode == "none" => format!("M-mode translates nothing: {address} is physical"),
        None => format!("{register} {value}: {mode}, {address} stays what it is"),
    }
}

/// An entry in a line.
fn decoded(entry: &Entry) -> String {
    let Entry { value, bits, kind, leads_to, .. } = entry;
    let leads = match *kind {
        "pointer" => format!(" to {leads_to}"),
        "leaf" => format!(" for {leads_to}"),
        _ => String::new(),
    };
    let memory = if entry.memory_type == "PMA" { String::new() } else { format!(", PBMT {}", entry.memory_type) };
    let napot = if entry.napot { ", N" } else { "" };
    let reserved = if entry.reserved.0 == 0 { String::new() } else { format!(", reserved bits {}", entry.reserved) };
    format!("{:#018x} {bits} {kind}{leads}{memory}{napot}{reserved}", value.0)
}

fn size(bytes: u64) -> String {
    match bytes {
        0x4000_0000.. => format!("{} GiB", bytes >> 30),
        0x10_0000.. => format!("{} MiB", bytes >> 20),
        _ => format!("{} KiB", bytes >> 10),
    }
}
