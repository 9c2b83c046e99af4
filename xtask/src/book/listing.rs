//! A listing: a block `console` with commands, each after `$ `, and what each of them printed.
//!
//! Words after the language, with commas: `varies`, the numbers differ from run to run; `linux`, it boots Linux or
//! needs what an earlier listing of the page that does has left; `status=N`, the last command's exit status, else 0.

use anyhow::{bail, ensure};

/// The language of blocks that are listings.
pub const LANGUAGE: &str = "console";

/// Commands that boot Linux.
const BOOTING: [&str; 4] = ["vhart linux", "vhart exec", "vhart hypervisor", "vhart bench"];

/// Commands and what they print.
#[derive(Debug, PartialEq)]
pub struct Listing {
    /// In the order in which they run.
    pub steps: Vec<Step>,
    /// Whether numbers in the output differ from run to run.
    pub varies: bool,
    /// Whether Debian's packages are needed.
    pub linux: bool,
    /// What the last command's exit status is.
    pub status: i32,
}

/// One command.
#[derive(Debug, PartialEq)]
pub struct Step {
    /// As it is typed, several lines where each but the last ends in a backslash.
    pub typed: String,
    /// What it prints, standard output and error together.
    pub output: String,
}

impl Listing {
    /// Of a block's info and body.
    ///
    /// # Errors
    /// A word after the language is unknown, there is output before the first command, or Linux is booted without
    /// saying so.
    pub fn parse(info: &str, body: &str) -> anyhow::Result<Listing> {
        let mut listing = Listing { steps: steps(body)?, varies: false, linux: false, status: 0 };
        for word in info.split(',').skip(1) {
            match word.split_once('=') {
                None if word == "varies" => listing.varies = true,
                None if word == "linux" => listing.linux = true,
                Some(("status", number)) => listing.status = number.parse()?,
                _ => bail!("unknown word '{word}': there are varies, linux and status=N"),
            }
        }
        let boots = |step: &Step| BOOTING.iter().any(|command| step.typed.contains(command));
        let boots = listing.steps.iter().any(boots);
        ensure!(listing.linux || !boots, "it boots Linux, so the block is 'console,linux'");
        Ok(listing)
    }

    /// The block's body with these outputs.
    pub fn body(&self) -> String {
        self.steps.iter().map(|step| format!("$ {}\n{}", step.typed, step.output)).collect()
    }

    /// Whether `output` is what the listing has for that step.
    pub fn agrees(&self, step: &Step, output: &str) -> bool {
        match self.varies {
            false => step.output == output,
            true => shape(&step.output) == shape(output),
        }
    }
}

fn steps(body: &str) -> anyhow::Result<Vec<Step>> {
    let mut steps: Vec<Step> = Vec::new();
    let mut goes_on = false;
    for line in body.lines() {
        match (line.strip_prefix("$ "), steps.last_mut()) {
            (_, Some(step)) if goes_on => step.typed = format!("{}\n{line}", step.typed),
            (Some(typed), _) => steps.push(Step { typed: typed.to_owned(), output: String::new() }),
            (None, Some(step)) => {
                step.output += &format!("{line}\n");
                continue;
            }
            (None, None) => bail!("a listing begins with a command: '$ ...'"),
        }
        goes_on = line.ends_with('\\');
    }
    ensure!(!steps.is_empty(), "a listing without a command");
    Ok(steps)
}

/// The text without its numbers, and without the spaces that numbers of another width would move.
fn shape(text: &str) -> Vec<String> {
    text.lines().map(|line| numberless(&line.split_whitespace().collect::<Vec<_>>().join(" "))).collect()
}

/// `#` for each number: decimal with points in it, or hexadecimal after `0x`, with the sign of a word that is a number.
fn numberless(line: &str) -> String {
    let mut shape = String::new();
    let mut rest = line;
    while let Some(at) = rest.find(|c: char| c.is_ascii_digit()) {
        shape.push_str(signless(&rest[..at]));
        shape.push('#');
        rest = after_number(&rest[at..]);
    }
    shape + rest
}

/// The text without the sign of the number that follows it. A difference of nearly nothing is below or above zero by
/// the computer.
fn signless(text: &str) -> &str {
    let before = text.strip_suffix(['+', '-']).unwrap_or(text);
    if before.is_empty() || before.ends_with(' ') { before } else { text }
}

fn after_number(text: &str) -> &str {
    if let Some(digits) = text.strip_prefix("0x") {
        return digits.trim_start_matches(|c: char| c.is_ascii_hexdigit());
    }
    let rest = text.trim_start_matches(|c: char| c.is_ascii_digit());
    match rest.strip_prefix('.') {
        Some(fraction) if fraction.starts_with(|c: char| c.is_ascii_digit()) => after_number(fraction),
        _ => rest,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(typed: &str, output: &str) -> Step {
        Step { typed: typed.to_owned(), output: output.to_owned() }
    }

    #[test]
    fn commands_and_their_output_are_told_apart() {
        let listing = Listing::parse("console,varies,status=3", "$ a \\\n    b\none\n\ntwo\n$ c\n").unwrap();
        assert_eq!(listing.steps, [step("a \\\n    b", "one\n\ntwo\n"), step("c", "")]);
        assert_eq!((listing.varies, listing.linux, listing.status), (true, false, 3));
        assert_eq!(listing.body(), "$ a \\\n    b\none\n\ntwo\n$ c\n");
    }

    #[test]
    fn listings_that_are_none_are_refused() {
        for (info, body, why) in [
            ("console", "output\n", "begins with a command"),
            ("console", "", "without a command"),
            ("console,maybe", "$ a\n", "'maybe'"),
            ("console,status=x", "$ a\n", "invalid digit"),
            ("console", "$ vhart linux --check\n", "console,linux"),
            ("console", "$ vhart exec -- true\n", "console,linux"),
        ] {
            let error = Listing::parse(info, body).unwrap_err().to_string();
            assert!(error.contains(why), "{error}");
        }
    }

    #[test]
    fn exact_output_differs_by_one_digit() {
        let listing = Listing::parse("console", "$ a\n1 trap\n").unwrap();
        assert!(listing.agrees(&listing.steps[0], "1 trap\n"));
        assert!(!listing.agrees(&listing.steps[0], "2 trap\n"));
    }

    #[test]
    fn varying_output_differs_by_words_and_lines_but_not_by_numbers() {
        let listing = Listing::parse("console,varies", "$ a\n  7 traps at 0x80 in 1.5 s\n").unwrap();
        assert!(listing.agrees(&listing.steps[0], "1234 traps at 0xdeadbeef in 0.25 s\n"));
        for other in
            ["7 traps at 0x80 in many s\n", "7 walks at 0x80 in 1.5 s\n", "", "7 traps at 0x80 in 1.5 s\nmore\n"]
        {
            assert!(!listing.agrees(&listing.steps[0], other), "{other}");
        }
    }

    #[test]
    fn a_difference_may_be_on_either_side_of_zero_and_names_keep_their_hyphens() {
        let listing = Listing::parse("console,varies", "$ a\nsleep-100us   -86   +1404361 wfi\n").unwrap();
        assert!(listing.agrees(&listing.steps[0], "sleep-100us +329 +1438060 wfi\n"));
        assert!(!listing.agrees(&listing.steps[0], "sleep+100us +329 +1438060 wfi\n"));
    }

    #[test]
    fn versions_are_numbers_up_to_their_letters() {
        assert_eq!(numberless("6.12.107+deb13-riscv64."), "#+deb#-riscv#.");
    }
}
