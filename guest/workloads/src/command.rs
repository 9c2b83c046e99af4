//! The command line: `[--mark NUMBER] [--part N] [--plant N] [--small-pages] [--disk PATH] [--network] [--serial]
//! [--before WORD]... NAME...`, or `nothing`.
//!
//! For each name a line of JSON as it begins, and one when it has ended:
//! `{"workload":"sort","iterations":20}`, `{"workload":"sort","seconds":0.1,"processor":0.1,"check":"5f"}` or
//! `{"workload":"sort","failed":"why"}`;
//! `{"workload":"disk-read","absent":"why"}` where the place has not what it needs.

use std::io::Write as _;
use std::process::ExitCode;
use std::time::Instant;

use crate::kernel::BEFORE;
use crate::system::{Mark, mark, only_small_pages, processor_time};
use crate::{Why, Workload, disk, find, network, output};

/// What is to be done.
#[derive(Debug, Default, PartialEq, Eq)]
struct Wanted {
    /// The system call that is a mark.
    mark: Option<u64>,
    /// A workload does one of so many parts of its iterations.
    part: u64,
    /// Characters sent to the serial port beside the work: a loss whose reason is known, for tests.
    plant: u64,
    /// All memory in pages of 4 KiB: another such loss.
    small_pages: bool,
    /// The disk, or the file, that may be read and written.
    disk: Option<String>,
    /// There is a gateway that answers.
    network: bool,
    /// The serial port may be written to.
    serial: bool,
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
    if wanted.small_pages
        && let Err(why) = only_small_pages()
    {
        eprintln!("workloads: {why}");
        return ExitCode::FAILURE;
    }
    // There is one command in a process.
    let _ = BEFORE.set(wanted.before.clone());
    let _ = disk::DISK.set(wanted.disk.clone());
    let _ = network::THERE.set(wanted.network);
    let _ = output::SERIAL.set(wanted.serial);
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
            "--small-pages" => wanted.small_pages = true,
            "--disk" => wanted.disk = Some(value()?),
            "--network" => wanted.network = true,
            "--serial" => wanted.serial = true,
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
    let done = (workload.run)(iterations).and_then(|check| Ok(output::send(wanted.plant).map(|()| check)?));
    tell(Mark::End);
    let (seconds, processor) = (start.elapsed().as_secs_f64(), (processor_time() - used).as_secs_f64());
    match &done {
        Ok(check) => say(&format!(
            "{{\"workload\":\"{name}\",\"seconds\":{seconds},\"processor\":{processor},\"check\":\"{check:x}\"}}"
        )),
        // Debug's quotes and escapes are JSON's for all that a message has.
        Err(Why::Wrong(why)) => say(&format!("{{\"workload\":\"{name}\",\"failed\":{why:?}}}")),
        Err(Why::Absent(why)) => say(&format!("{{\"workload\":\"{name}\",\"absent\":{why:?}}}")),
    }
    !matches!(done, Err(Why::Wrong(_)))
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
            ..Wanted::default()
        };
        assert_eq!(wanted, expected);
        let wanted = words("--disk /dev/vda --network --serial --small-pages disk-read").unwrap();
        assert_eq!(wanted.disk.as_deref(), Some("/dev/vda"));
        assert!(wanted.network && wanted.serial && wanted.small_pages);
        assert_eq!(words("nothing").unwrap().names, Vec::<String>::new());
    }

    #[test]
    fn what_there_is_not_is_named() {
        assert_eq!(words("sort nosuch").unwrap_err(), "there is no workload nosuch");
        assert_eq!(words("--mark").unwrap_err(), "--mark wants a value");
        assert_eq!(words("--part x").unwrap_err(), "x is no number");
    }
}
