//! `vhart bench`, as far as it needs no machine: on this computer, and on a board that is a shell here.

#[allow(dead_code, reason = "each test uses its part")]
mod common;

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use common::Said;
use rustix::process::{Pid, Signal, kill_process};

/// ssh's other end is the shell here.
const SSH: &str = "#!/bin/sh\nshift 3\nexec sh -c \"$*\"\n";
/// What does no work, but says that it has, or why not. Of so many iterations nobody knows the number.
const SORTED: &str = r#"echo '{"workload":"sort","iterations":7}'
echo '{"workload":"sort","seconds":0.5,"processor":0.5,"check":"5f"}'
"#;
const WRONG: &str = r#"echo '{"workload":"sort","iterations":20}'
echo '{"workload":"sort","failed":"sum of the numbers: 1, not 2"}'
exit 1
"#;
/// Waits for another process, which has its outputs and would outlive it.
const HANGS: &str = "echo '{\"workload\":\"sort\",\"iterations\":20}'\nsleep 300\nexit 0\n";

struct Place(tempfile::TempDir);

impl Place {
    fn new() -> Place {
        let place = Place(tempfile::tempdir().unwrap());
        place.program("ssh", SSH);
        place
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn program(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path(name);
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        path
    }

    /// `vhart bench` with these words, on this computer and the board, whose program is this shell's.
    fn bench(&self, program: &str, words: &[&str]) -> Command {
        let program = self.program("program", &format!("#!/bin/sh\n{program}"));
        let path = std::env::var_os("PATH").unwrap_or_default();
        let path = std::iter::once(self.0.path().to_owned()).chain(std::env::split_paths(&path));
        let mut command = Command::new(env!("CARGO_BIN_EXE_vhart"));
        command.arg("bench").args(words).arg("--workloads").arg(program).stdin(Stdio::null());
        command.env("PATH", std::env::join_paths(path).unwrap());
        command
    }

    fn say(&self, program: &str, words: &[&str]) -> Said {
        self.bench(program, words).output().unwrap().into()
    }
}

/// Rounds that a file of results has.
fn rounds(file: &Path) -> Vec<u64> {
    let results: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap();
    results["runs"].as_array().unwrap().iter().map(|run| run["round"].as_u64().unwrap()).collect()
}

const BOARD: [&str; 7] = ["sort", "--places", "native", "--at", "board", "--rounds", "1"];

#[test]
fn a_board_stands_beside_this_computer() {
    let said = Place::new().say(SORTED, &BOARD);
    assert_eq!(said.status, Some(0), "{}", said.err);
    assert!(said.out.contains("board") && said.out.contains("500.00 ms"), "{}", said.out);
}

#[test]
fn what_comes_to_another_number_has_no_time() {
    let said = Place::new().say(&SORTED.replace(":7}", ":20}"), &BOARD);
    assert_eq!(said.status, Some(1));
    assert!(said.out.contains("failed: sort in board: came to 5f, and native to "), "{}", said.out);
}

#[test]
fn what_fails_its_check_has_no_time() {
    let said = Place::new().say(WRONG, &BOARD);
    assert_eq!(said.status, Some(1));
    assert!(said.out.contains("failed: sort in board: sum of the numbers: 1, not 2"), "{}", said.out);
    let row = said.out.lines().find(|line| line.starts_with("sort")).unwrap();
    assert!(row.split_whitespace().last() == Some("failed"), "{row}");
}

/// A machine may take 20 seconds to end by itself.
#[test]
fn what_hangs_is_named_and_not_waited_for_again() {
    let place = Place::new();
    let start = Instant::now();
    let said = place.say(HANGS, &[&BOARD[..5], &["--rounds", "3", "--timeout", "1s"]].concat());
    assert!(start.elapsed() < Duration::from_secs(60));
    assert_eq!(said.status, Some(1));
    assert!(said.err.contains("board: took longer than --timeout"), "{}", said.err);
    assert!(said.out.contains("failed: sort in board: the run ended while it ran"), "{}", said.out);
    let row = said.out.lines().find(|line| line.starts_with("sort")).unwrap();
    assert!(row.contains(" ms ±"), "the other place's rounds are all there: {row}");
}

#[test]
fn an_end_keeps_what_is_finished_and_resume_goes_on() {
    let place = Place::new();
    let file = place.path("results.json");
    let words = ["sort", "crc", "--places", "native", "--rounds", "40", "--json", file.to_str().unwrap()];
    let mut command = place.bench("", &words);
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    while std::fs::metadata(&file).map_or(0, |of| of.len()) == 0 {
        std::thread::sleep(Duration::from_millis(20));
    }
    kill_process(Pid::from_child(&child), Signal::INT).unwrap();
    let said: Said = child.wait_with_output().unwrap().into();
    let kept = rounds(&file);
    assert_eq!(said.status, Some(130), "{}", said.err);
    assert!(said.err.contains("--resume goes on") && said.out.contains("sort"), "{}", said.err);
    assert!((1..40).contains(&kept.len()), "{kept:?}");
    let (more, all) = ((kept.len() + 1).to_string(), (0..=kept.len() as u64).collect::<Vec<_>>());
    let words = [&words[..5], &[&more], &words[6..], &["--resume"]].concat();
    let said = place.say("", &words);
    assert_eq!((said.status, rounds(&file)), (Some(0), all), "{}", said.err);
    let said = place.say("", &["crc", "--places", "native", "--json", file.to_str().unwrap(), "--resume"]);
    assert_eq!(said.status, Some(1));
    assert!(said.err.contains("is of other workloads, places or options"), "{}", said.err);
}

/// A device that is always full stands for a disk that is.
#[test]
fn a_report_that_finds_no_room_costs_no_results() {
    let place = Place::new();
    let report = place.path("report");
    std::fs::create_dir(&report).unwrap();
    std::os::unix::fs::symlink("/dev/full", report.join("index.html")).unwrap();
    let words = ["sort", "--quick", "--places", "native", "--rounds", "1", "--report", report.to_str().unwrap()];
    let said = place.say("", &words);
    assert_eq!(said.status, Some(1));
    assert!(said.out.contains("sort"), "the table: {}", said.out);
    assert!(said.err.contains("cannot write report") && said.err.contains("No space left"), "{}", said.err);
}

#[test]
fn files_that_cannot_be_compared_are_refused_by_the_field() {
    let place = Place::new();
    let good = place.path("good.json");
    let words = ["sort", "--quick", "--places", "native", "--rounds", "1", "--json", good.to_str().unwrap()];
    assert_eq!(place.say("", &words).status, Some(0));
    let text = std::fs::read_to_string(&good).unwrap();
    for (from, to, why) in [
        ("\"version\": 1", "\"version\": 0", "field version is 0, and this vhart reads 1"),
        ("\"round\": 0", "\"round\": \"first\"", "field runs[0].round: invalid type: string \"first\""),
        ("\"part\": 4", "\"part\": 1", "field settings.part differs: one was measured with --quick"),
    ] {
        let other = place.path("other.json");
        assert!(text.contains(from), "{text}");
        std::fs::write(&other, text.replace(from, to)).unwrap();
        let said = place.say("", &["--compare", good.to_str().unwrap(), other.to_str().unwrap()]);
        assert_eq!(said.status, Some(1));
        assert!(said.err.contains(why), "{}", said.err);
    }
}
