//! The command line: `[--mark NUMBER] [--part N] [--plant N] [--before WORD]... NAME...`, or `nothing`.
//!
//! For each name a line of JSON as it begins, and one when it has ended:
//! `{"workload":"sort","iterations":20}`, `{"workload":"sort","seconds":0.1,"processor":0.1,"check":"5f"}` or
//! `{"workload":"sort","failed":"why"}`.

use std::io::Write as _;
use std::process::ExitCode;
use std::time::Instant;

use crate::kernel::BEFORE;
use crate::system::{Mark, mark, processor_time, send};
use crate::{Workload, find};

/// What is to be done.
#[derive(Debug, Default, PartialEq, Eq)]
struct Wanted {
    /// The system call that is a mark.
    mark: Option<u64>,
    /// A workload does one of so many parts of its iterations.
    part: u64,
    /// Characters sent to the serial port beside the work: a loss whose reason is known, for tests.
    plant: u64,
    /// Words before `nothing`.
    before: Vec<String>,
    names: Vec<String>,
}

/// Does what the words say.
pub fn command(words: impl Iterator<Item = String>) -> ExitCode {
    let wanted = match read(words) {
        Ok(wanted) => wanted,
        Err(why) => {
            eprintln!("workloads: {why}");
            return ExitCode::from(2);
        }
    };
    // There is one command in a process.
    let _ = BEFORE.set(wanted.before.clone());
    let workloads = wanted.names.iter().filter_map(|name| find(name));
    // all of them, whatever the first came to
    let failed = workloads.filter(|workload| !run(workload, &wanted)).count();
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn read(mut words: impl Iterator<Item = String>) -> Result<Wanted, String> {
    let mut wanted = Wanted { part: 1, ..Wanted::default() };
    while let Some(word) = words.next() {
        let mut value = || words.next().ok_or_else(|| format!("{word} wants a value"));
        match word.as_str() {
            "--mark" => wanted.mark = Some(number(&value()?)?),
            "--part" => wanted.part = number(&value()?)?.max(1),
            "--plant" => wanted.plant = number(&value()?)?,
            "--before" => wanted.before.push(value()?),
            "nothing" => return Ok(Wanted::default()),
            name if find(name).is_some() => wanted.names.push(word),
            name => return Err(format!("there is no workload {name}")),
        }
    }
    Ok(wanted)
}

fn number(text: &str) -> Result<u64, String> {
    text.parse().map_err(|_| format!("{text} is no number"))
}

/// Runs one, and answers whether it came to the right result.
fn run(workload: &Workload, wanted: &Wanted) -> bool {
    let (name, iterations) = (workload.name, (workload.iterations / wanted.part).max(1));
    say(&format!("{{\"workload\":\"{name}\",\"iterations\":{iterations}}}"));
    let tell = |what| wanted.mark.iter().for_each(|number| mark(*number, what, name));
    let (start, used) = (Instant::now(), processor_time());
    tell(Mark::Begin);
    let done = (workload.run)(iterations).and_then(|check| send(wanted.plant).map(|()| check));
    tell(Mark::End);
    let (seconds, processor) = (start.elapsed().as_secs_f64(), (processor_time() - used).as_secs_f64());
    match &done {
        Ok(check) => say(&format!(
            "{{\"workload\":\"{name}\",\"seconds\":{seconds},\"processor\":{processor},\"check\":\"{check:x}\"}}"
        )),
        // Debug's quotes and escapes are JSON's for all that a message has.
        Err(why) => say(&format!("{{\"workload\":\"{name}\",\"failed\":{why:?}}}")),
    }
    done.is_ok()
}

/// A line, at once: whoever reads wants to know what runs.
fn say(line: &str) {
    let mut out = std::io::stdout().lock();
    // Nobody reads: the machine is on its way down.
    let _ = writeln!(out, "{line}").and_then(|()| out.flush());
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &str) -> Result<Wanted, String> {
        read(line.split_whitespace().map(str::to_owned))
    }

    #[test]
    fn words_say_what_is_to_be_done() {
        let wanted = words("--mark 7 --part 4 --plant 9 --before workload sort clock").unwrap();
        let expected = Wanted {
            mark: Some(7),
            part: 4,
            plant: 9,
            before: vec!["workload".into()],
            names: vec!["sort".into(), "clock".into()],
        };
        assert_eq!(wanted, expected);
        assert_eq!(words("nothing").unwrap().names, Vec::<String>::new());
    }

    #[test]
    fn what_there_is_not_is_named() {
        assert_eq!(words("sort nosuch").unwrap_err(), "there is no workload nosuch");
        assert_eq!(words("--mark").unwrap_err(), "--mark wants a value");
        assert_eq!(words("--part x").unwrap_err(), "x is no number");
    }
}
