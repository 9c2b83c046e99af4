//! What is left of a run in files: JUnit's XML, JSON, and of what failed what was said.

use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};
use images::shell;
use serde::Serialize;

use super::commands::Command;
use super::kernel_log::KernelLog;
use super::options::Options;
use super::sections::Section;
use super::status::{CANNOT_RUN, NOT_FOUND, OWN_FAILURE};
use super::verdict::Verdict;
use crate::errors;

/// A command, and what has become of it.
pub struct Outcome {
    /// Which.
    pub command: Command,
    /// What it came to; none where it was not run.
    pub verdict: Option<Verdict>,
    /// Why it was not run.
    pub skipped: String,
    /// It was there to run, and the machine came so far.
    pub began: bool,
    /// How long it took.
    pub took: Duration,
    outputs: Section,
}

impl Outcome {
    /// Of a command that has not been run.
    pub fn of(command: Command) -> Outcome {
        let (verdict, skipped, took) = (None, String::new(), Duration::ZERO);
        Outcome { command, verdict, skipped, began: false, took, outputs: Section::default() }
    }

    /// It has come to its end.
    pub fn end(&mut self, verdict: Verdict, took: Duration, outputs: Section) {
        (self.verdict, self.took, self.outputs) = (Some(verdict), took, outputs);
    }

    /// Its exit status, where it was run.
    pub fn status(&self) -> Option<u8> {
        self.verdict.as_ref().map(|verdict| verdict.status)
    }

    /// Whether it was run and all was well.
    pub fn passed(&self) -> bool {
        self.status() == Some(0)
    }

    /// What it came to in one word.
    fn result(&self) -> &'static str {
        match self.status() {
            None => "skipped",
            Some(0) => "passed",
            // vhart's, or the program's absence
            Some(OWN_FAILURE | CANNOT_RUN | NOT_FOUND) => "error",
            Some(_) => "failed",
        }
    }

    /// Why it did not pass.
    fn why(&self) -> Option<String> {
        match &self.verdict {
            None => Some(format!("not run: {}", self.skipped)),
            Some(verdict) if verdict.status == 0 => None,
            Some(verdict) => Some(verdict.why.clone().unwrap_or_else(|| format!("exit status {}", verdict.status))),
        }
    }

    /// What it came to in a few words.
    pub fn in_words(&self) -> String {
        self.why().map_or_else(|| "passed".to_owned(), |why| format!("failed: {why}"))
    }

    /// The kernel's last lines, where they tell more.
    fn kernel(&self) -> &[String] {
        self.verdict.as_ref().map_or(&[], |verdict| &verdict.kernel)
    }
}

/// Sees to it that all files can be written, before anything is fetched or run.
///
/// # Errors
/// One that names the file and says why.
pub fn check_files(options: &Options) -> Result<()> {
    options.dmesg.iter().try_for_each(|file| errors::check_file("the kernel's messages", file))?;
    options.junit.iter().chain(&options.json).try_for_each(|file| errors::check_file("report", file))?;
    crate::watchers::check_files(&options.machine)
}

/// Writes what the user wants of all commands, which have come to `status`.
///
/// # Errors
/// One that names the file and says why.
pub fn write(options: &Options, outcomes: &[Outcome], status: u8, took: Duration) -> Result<()> {
    if let Some(file) = &options.junit {
        errors::write_file("report", file, junit(outcomes, took).as_bytes())?;
    }
    if let Some(file) = &options.json {
        let all = serde_json::to_string_pretty(&Json::of(outcomes, status, took))? + "\n";
        errors::write_file("report", file, all.as_bytes())?;
    }
    Ok(())
}

/// Keeps what a command and the kernel said.
///
/// # Errors
/// One that names the file and says why.
pub fn keep(directory: &Path, outcome: &Outcome, log: &KernelLog) -> Result<()> {
    std::fs::create_dir_all(directory).with_context(|| format!("cannot make '{}'", directory.display()))?;
    let own = shell::line(std::env::args_os().map(|word| word.to_string_lossy().into_owned()));
    let Outcome { command, verdict, outputs: [out, err], .. } = outcome;
    let (status, why) = verdict.as_ref().map_or((0, None), |verdict| (verdict.status, verdict.why.as_deref()));
    let why = why.unwrap_or("as the program said");
    let run = format!("{own}\n{}\nstatus {status}: {why}\n", command.line());
    let all = log.all();
    let files = [("run.txt", run.as_bytes()), ("dmesg.txt", &all), ("stdout", out), ("stderr", err)];
    files.iter().try_for_each(|(name, content)| errors::write_file(name, &directory.join(name), content))?;
    errors::tell(format!("what '{}' said is in {}", command.name(), directory.display()));
    Ok(())
}

/// The report as programs read it.
#[derive(Serialize)]
struct Json {
    schema: u32,
    status: u8,
    seconds: f64,
    commands: Vec<JsonCommand>,
}

#[derive(Serialize)]
struct JsonCommand {
    /// As a shell would take it, and by words.
    line: String,
    words: Vec<String>,
    result: &'static str,
    status: Option<u8>,
    why: Option<String>,
    kernel: Vec<String>,
    seconds: f64,
    stdout: String,
    stderr: String,
}

impl Json {
    fn of(outcomes: &[Outcome], status: u8, took: Duration) -> Json {
        let commands = outcomes.iter().map(JsonCommand::of).collect();
        Json { schema: 1, status, seconds: took.as_secs_f64(), commands }
    }
}

impl JsonCommand {
    fn of(outcome: &Outcome) -> JsonCommand {
        let [out, err] = outcome.outputs.each_ref().map(|output| String::from_utf8_lossy(output).into_owned());
        JsonCommand {
            line: outcome.command.line(),
            words: outcome.command.0.iter().map(|word| word.to_string_lossy().into_owned()).collect(),
            result: outcome.result(),
            status: outcome.status(),
            why: outcome.why(),
            kernel: outcome.kernel().to_vec(),
            seconds: outcome.took.as_secs_f64(),
            stdout: out,
            stderr: err,
        }
    }
}

/// A report as Jenkins, GitLab and others read it: an error is vhart's or the program's absence, a failure all else.
fn junit(outcomes: &[Outcome], took: Duration) -> String {
    let count = |result| outcomes.iter().filter(|outcome| outcome.result() == result).count();
    let (failures, errors, skipped, all) = (count("failed"), count("error"), count("skipped"), outcomes.len());
    let mut xml = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n");
    // Nothing is lost: a String takes all that is written to it.
    let _ = writeln!(
        xml,
        "<testsuite name=\"vhart exec\" tests=\"{all}\" failures=\"{failures}\" errors=\"{errors}\" \
         skipped=\"{skipped}\" time=\"{:.3}\">",
        took.as_secs_f64()
    );
    outcomes.iter().for_each(|outcome| test_case(&mut xml, outcome));
    xml + "</testsuite>\n</testsuites>\n"
}

/// The element that says why a command has not passed.
fn fault(outcome: &Outcome) -> Option<String> {
    let why = escaped(&outcome.why().unwrap_or_default());
    let kind = match outcome.result() {
        "failed" => "failure",
        "error" => "error",
        _ if outcome.verdict.is_none() => return Some(format!("<skipped message=\"{why}\"/>\n")),
        _ => return None,
    };
    let (status, kernel) = (outcome.status()?, escaped(&outcome.kernel().join("\n")));
    Some(format!("<{kind} message=\"{why}\" type=\"status {status}\">{kernel}</{kind}>\n"))
}

fn test_case(xml: &mut String, outcome: &Outcome) {
    let (name, time) = (escaped(&outcome.command.line()), outcome.took.as_secs_f64());
    let _ = writeln!(xml, "<testcase classname=\"vhart.exec\" name=\"{name}\" time=\"{time:.3}\">");
    xml.push_str(&fault(outcome).unwrap_or_default());
    for (tag, output) in ["system-out", "system-err"].into_iter().zip(&outcome.outputs) {
        let _ = writeln!(xml, "<{tag}>{}</{tag}>", escaped(&String::from_utf8_lossy(output)));
    }
    xml.push_str("</testcase>\n");
}

/// Text as XML 1.0 can have it ("Characters"): what it has no place for is left out.
fn escaped(text: &str) -> String {
    let allowed =
        |c: &char| matches!(c, '\t' | '\n' | '\r' | ' '..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..);
    let mut out = String::with_capacity(text.len());
    for c in text.chars().filter(allowed) {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcomes() -> [Outcome; 3] {
        let of = |word: &str| Outcome::of(Command(vec![word.into(), "a b".into()]));
        let (mut good, mut bad, mut rest) = (of("./good"), of("./bad"), of("./rest"));
        good.end(Verdict::default(), Duration::from_millis(250), [b"<out>".to_vec(), Vec::new()]);
        bad.end(Verdict { status: 3, ..Verdict::default() }, Duration::from_secs(1), Section::default());
        rest.skipped = "a signal came before".to_owned();
        [good, bad, rest]
    }

    #[test]
    fn junit_has_a_case_for_each_command() {
        let xml = junit(&outcomes(), Duration::from_secs(2));
        for part in [
            "tests=\"3\" failures=\"1\" errors=\"0\" skipped=\"1\" time=\"2.000\"",
            "name=\"./good 'a b'\" time=\"0.250\">\n<system-out>&lt;out&gt;</system-out>",
            "name=\"./bad 'a b'\" time=\"1.000\">\n<failure message=\"exit status 3\" type=\"status 3\"></failure>",
            "name=\"./rest 'a b'\" time=\"0.000\">\n<skipped message=\"not run: a signal came before\"/>",
        ] {
            assert!(xml.contains(part), "{part}\n{xml}");
        }
    }

    #[test]
    fn json_says_of_each_what_it_came_to() {
        let json = serde_json::to_value(Json::of(&outcomes(), 1, Duration::from_secs(2))).unwrap();
        let results = ["passed", "failed", "skipped"].map(serde_json::Value::from);
        let commands = json["commands"].as_array().unwrap();
        assert!(commands.iter().zip(results).all(|(command, result)| command["result"] == result), "{json:#}");
        assert_eq!(
            (&json["status"], &commands[1]["status"], &commands[0]["stdout"]),
            (&1.into(), &3.into(), &"<out>".into())
        );
        assert!(commands[2]["status"].is_null() && commands[0]["words"][1] == "a b");
    }

    #[test]
    fn xml_has_no_characters_that_it_must_not_have() {
        assert_eq!(escaped("a<b>&\"\u{1b}[2J\0\n"), "a&lt;b&gt;&amp;&quot;[2J\n");
    }
}
