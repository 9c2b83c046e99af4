//! `vhart explain`: a trap's registers in plain words.

use std::io::Read;
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use explain::{Pasted, told, told_text};

use crate::cli::TrapOptions;
use crate::{errors, explaining};

/// More than any log that somebody pastes.
const MOST_BYTES: u64 = 64 << 20;

/// Runs the subcommand.
///
/// # Errors
/// A word is neither a register of a trap nor a file that can be read, or no cause is among them.
pub fn run(options: &TrapOptions) -> Result<ExitCode> {
    let mut pasted = Pasted::default();
    // the word is for those who say what they give
    let mut words = options.words.iter().filter(|word| *word != "trap");
    words.try_for_each(|word| take(&mut pasted, word))?;
    if pasted.cause.is_none() {
        bail!("there is no cause: give scause=NUMBER, mcause=NUMBER or vscause=NUMBER, or a log with one");
    }
    let told = told(&pasted);
    errors::print(match options.json {
        true => serde_json::to_string_pretty(&told)? + "\n",
        false => told_text(&told, explaining::style(&std::io::stdout())),
    })?;
    Ok(ExitCode::SUCCESS)
}

fn take(pasted: &mut Pasted, word: &str) -> Result<()> {
    if word.contains('=') {
        return Ok(pasted.set(word)?);
    }
    match pasted.read(&text(word)?) {
        0 => bail!("'{word}' has no register of a trap: scause=0x15, 'cause: 000000000000000d' or their like"),
        _ => Ok(()),
    }
}

/// What is in a file, or what is typed.
fn text(word: &str) -> Result<String> {
    let mut text = Vec::new();
    let reads = || format!("cannot read '{word}' (registers are written as NAME=VALUE)");
    match word {
        "-" => std::io::stdin().lock().take(MOST_BYTES).read_to_end(&mut text),
        file => std::fs::File::open(file).with_context(reads)?.take(MOST_BYTES).read_to_end(&mut text),
    }
    .with_context(reads)?;
    Ok(String::from_utf8_lossy(&text).into_owned())
}
