//! What is left of a run in files: JUnit's XML, and of one that failed what was said.

use std::fmt::Write as _;
use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result};
use images::shell;

use super::kernel_log::KernelLog;
use super::options::Options;
use super::verdict::{CANNOT_RUN, NOT_FOUND, OWN_FAILURE, Verdict};
use crate::errors;
use crate::wire::{Core, Output};

/// Most bytes of each output that a report has: the first.
const MOST_HEARD: usize = 1 << 20;

/// What program and kernel said, as far as a report wants it. Cloning shares it.
#[derive(Clone, Default)]
pub struct Heard {
    /// What the kernel said.
    pub log: KernelLog,
    outputs: Option<Arc<Mutex<[Vec<u8>; 2]>>>,
    cores: Option<Arc<Mutex<Cores>>>,
}

impl Heard {
    /// As the options want it.
    pub fn wanted(options: &Options) -> Heard {
        let wanted = options.junit.is_some() || options.keep.is_some();
        let cores = options.keep.clone().map(|directory| Arc::new(Mutex::new(Cores { directory, left: MOST_CORES })));
        Heard { outputs: wanted.then(Arc::default), cores, ..Heard::default() }
    }

    /// Hears what the program said.
    pub fn hear(&self, output: Output, bytes: &[u8]) {
        let Some(outputs) = &self.outputs else { return };
        let heard = &mut outputs.lock().unwrap_or_else(PoisonError::into_inner)[output as usize];
        let room = MOST_HEARD.saturating_sub(heard.len()).min(bytes.len());
        heard.extend_from_slice(&bytes[..room]);
    }

    /// Keeps some more of a core.
    pub fn core(&self, core: &Core) {
        let Some(cores) = &self.cores else { return };
        if let Err(error) = cores.lock().unwrap_or_else(PoisonError::into_inner).keep(core) {
            errors::tell(format!("a core is not kept whole: {error:#}"));
        }
    }

    fn output(&self, output: Output) -> Vec<u8> {
        let outputs = self.outputs.as_ref().map(|outputs| outputs.lock().unwrap_or_else(PoisonError::into_inner));
        outputs.map(|outputs| outputs[output as usize].clone()).unwrap_or_default()
    }
}

/// Most bytes of cores that are kept.
const MOST_CORES: u64 = 1 << 30;

/// Where cores go.
struct Cores {
    directory: PathBuf,
    /// How many bytes more.
    left: u64,
}

impl Cores {
    fn keep(&mut self, core: &Core) -> Result<()> {
        let Some(left) = self.left.checked_sub(core.piece.len() as u64) else { return Ok(()) };
        self.left = left;
        let path = self.directory.join(file_name(&core.name));
        let failed = || format!("cannot write '{}'", path.display());
        std::fs::create_dir_all(&self.directory).with_context(failed)?;
        let mut file = File::options().append(true).create(true).open(&path).with_context(failed)?;
        file.write_all(&core.piece).with_context(failed)
    }
}

/// The name as a file's of this computer: the machine chose it.
fn file_name(name: &[u8]) -> String {
    let plain = |&byte: &u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    let name = name.iter().map(|byte| if plain(byte) { char::from(*byte) } else { '_' }).take(100).collect::<String>();
    format!("core-{}", name.trim_start_matches("core").trim_start_matches('.'))
}

/// Sees to it that all files can be written, before anything is fetched or run.
///
/// # Errors
/// One that names the file and says why.
pub fn check_files(options: &Options) -> Result<()> {
    options.dmesg.iter().try_for_each(|file| errors::check_file("the kernel's messages", file))?;
    options.junit.iter().try_for_each(|file| errors::check_file("report", file))?;
    crate::watchers::check_files(&options.machine)
}

/// Writes what the user wants.
///
/// # Errors
/// One that names the file and says why.
pub fn write(options: &Options, verdict: &Verdict, heard: &Heard, took: Duration) -> Result<()> {
    if let Some(file) = &options.junit {
        errors::write_file("report", file, junit(options, verdict, heard, took).as_bytes())?;
    }
    match &options.keep {
        Some(directory) if verdict.status != 0 => keep(directory, options, verdict, heard),
        _ => Ok(()),
    }
}

/// The program and its arguments, as a shell would take them.
fn command_line(options: &Options) -> String {
    shell::line(options.words.iter().map(|word| word.to_string_lossy()))
}

fn keep(directory: &Path, options: &Options, verdict: &Verdict, heard: &Heard) -> Result<()> {
    std::fs::create_dir_all(directory).with_context(|| format!("cannot make '{}'", directory.display()))?;
    let own = shell::line(std::env::args_os().map(|word| word.to_string_lossy().into_owned()));
    let why = verdict.why.as_deref().unwrap_or("as the program said");
    let run = format!("{own}\nstatus {}: {why}\n", verdict.status);
    let files = [
        ("run.txt", run.into_bytes()),
        ("dmesg.txt", heard.log.all()),
        ("stdout", heard.output(Output::Out)),
        ("stderr", heard.output(Output::Err)),
    ];
    files.iter().try_for_each(|(name, content)| errors::write_file(name, &directory.join(name), content))?;
    errors::tell(format!("what '{}' said is in {}", options.program().display(), directory.display()));
    Ok(())
}

/// A report as Jenkins, GitLab and others read it: an error is vhart's or the program's absence, a failure all else.
fn junit(options: &Options, verdict: &Verdict, heard: &Heard, took: Duration) -> String {
    let error = matches!(verdict.status, OWN_FAILURE | CANNOT_RUN | NOT_FOUND);
    let (failures, errors) = (u8::from(verdict.status != 0 && !error), u8::from(verdict.status != 0 && error));
    let (name, time) = (escaped(&command_line(options)), took.as_secs_f64());
    let mut xml = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n");
    // Nothing is lost: a String takes all that is written to it.
    let _ = writeln!(
        xml,
        "<testsuite name=\"vhart exec\" tests=\"1\" failures=\"{failures}\" errors=\"{errors}\" time=\"{time:.3}\">\n\
         <testcase classname=\"vhart.exec\" name=\"{name}\" time=\"{time:.3}\">"
    );
    if verdict.status != 0 {
        let kind = if error { "error" } else { "failure" };
        let why = verdict.why.clone().unwrap_or_else(|| format!("exit status {}", verdict.status));
        let kernel = escaped(&verdict.kernel.join("\n"));
        let (why, status) = (escaped(&why), verdict.status);
        let _ = writeln!(xml, "<{kind} message=\"{why}\" type=\"status {status}\">{kernel}</{kind}>");
    }
    for (tag, output) in [("system-out", Output::Out), ("system-err", Output::Err)] {
        let _ = writeln!(xml, "<{tag}>{}</{tag}>", escaped(&String::from_utf8_lossy(&heard.output(output))));
    }
    xml + "</testcase>\n</testsuite>\n</testsuites>\n"
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

    #[test]
    fn a_cores_name_leads_nowhere_else() {
        assert_eq!(file_name(b"core.test.12"), "core-test.12");
        assert_eq!(file_name(b"../../etc/passwd"), "core-_.._etc_passwd");
        assert_eq!(file_name(b""), "core-");
    }

    #[test]
    fn xml_has_no_characters_that_it_must_not_have() {
        assert_eq!(escaped("a<b>&\"\u{1b}[2J\0\n"), "a&lt;b&gt;&amp;&quot;[2J\n");
    }
}
