//! `vhart sweep`: goes on where it was ended, counts nothing twice, and lets HyperQueue's workers do the work.
//!
//! `VHART_HQ` names HyperQueue's `hq`; it is looked for on the path otherwise, and what needs it is left out where
//! there is none.

#[allow(dead_code, reason = "each test uses its part")]
mod common;

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

/// Six points, each some hundredths of a second of this computer itself.
const SWEEP: &str = "\
bench = ['--quick', '--places', 'native', '--rounds', '2', '--workloads', 'ready']
[axes]
workload = ['sort', 'crc', 'hash', 'list', 'fft', 'calls']
";

fn vhart() -> Command {
    Command::new(env!("CARGO_BIN_EXE_vhart"))
}

fn file(directory: &Path, text: &str) -> PathBuf {
    let file = directory.join("all.toml");
    std::fs::write(&file, text).unwrap();
    file
}

fn sweep(file: &Path, words: &[&str]) -> Output {
    vhart().arg("sweep").arg(file).args(words).output().unwrap()
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

/// Names of workloads in the merged table, in its order.
fn table(directory: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(directory.join("all.out/results.csv")).unwrap();
    text.lines().skip(1).map(|line| line.split(',').next().unwrap().to_owned()).collect()
}

/// Files of points, with when they were written.
fn points(directory: &Path) -> Vec<(PathBuf, std::time::SystemTime)> {
    let Ok(files) = std::fs::read_dir(directory.join("all.out/points")) else { return Vec::new() };
    let files =
        files.map(|file| file.unwrap().path()).filter(|path| path.extension().is_some_and(|kind| kind == "json"));
    let mut files: Vec<_> = files.map(|path| (path.clone(), path.metadata().unwrap().modified().unwrap())).collect();
    files.sort();
    files
}

#[test]
fn a_sweep_measures_what_is_left() {
    let directory = tempfile::tempdir().unwrap();
    let file = file(directory.path(), SWEEP);
    let first = sweep(&file, &["--jobs", "2"]);
    assert!(first.status.success(), "{}", said(&first));
    assert!(said(&first).contains("6 of 6 points measured"), "{}", said(&first));
    assert_eq!(table(directory.path()), ["sort", "crc", "hash", "list", "fft", "calls"]);
    let before = points(directory.path());
    assert_eq!(before.len(), 6);
    std::fs::remove_file(&before[2].0).unwrap();
    assert_eq!(said(&sweep(&file, &["--list"])).matches("measured").count(), 5);
    let second = sweep(&file, &[]);
    assert!(second.status.success() && said(&second).contains("1/1 workload="), "{}", said(&second));
    let after = points(directory.path());
    let same = before.iter().zip(&after).filter(|(before, after)| before == after).count();
    assert_eq!((after.len(), same), (6, 5));
}

#[test]
fn what_is_wrong_is_one_sentence() {
    let directory = tempfile::tempdir().unwrap();
    let none = sweep(&directory.path().join("none.toml"), &[]);
    assert!(said(&none).contains("none.toml': No such file"), "{}", said(&none));
    let wrong = sweep(&file(directory.path(), "[axes]\nhart = [1]"), &[]);
    assert!(said(&wrong).contains("all.toml' is no sweep: axis hart: neither vhart bench nor vhart exec has --hart"));
    assert!(!wrong.status.success() && !directory.path().join("all.out").exists());
    let outside = sweep(&file(directory.path(), SWEEP), &["--task"]);
    assert!(said(&outside).contains("--task is for schedulers"), "{}", said(&outside));
}

/// A server or a worker of HyperQueue, which ends with the test.
struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn hq() -> Option<PathBuf> {
    let named = std::env::var_os("VHART_HQ").map(PathBuf::from);
    let path = std::env::var_os("PATH").unwrap_or_default();
    named.or_else(|| std::env::split_paths(&path).map(|directory| directory.join("hq")).find(|file| file.is_file()))
}

fn wait_for(what: &str, mut is_so: impl FnMut() -> bool) {
    let end = Instant::now() + Duration::from_secs(60);
    while !is_so() {
        assert!(Instant::now() < end, "{what} did not come in a minute");
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn a_worker_of_hyperqueue_that_is_killed_loses_and_doubles_nothing() {
    let Some(hq) = hq() else {
        println!("SKIPPED: VHART_HQ names no hq, and there is none on the path");
        return;
    };
    let directory = tempfile::tempdir().unwrap();
    let start = |words: &[&str]| {
        let mut command = Command::new(&hq);
        command.arg("--server-dir").arg(directory.path().join("server")).args(words);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        Process(command.spawn().unwrap())
    };
    let server = start(&["server", "start", "--host", "localhost"]);
    wait_for("the server", || directory.path().join("server/hq-current/access.json").exists());
    let worker = || start(&["worker", "start", "--cpus", "1", "--heartbeat", "500ms"]);
    let (mut one, _two) = (worker(), worker());
    // all work, so that one worker is in the middle of a point when it is killed
    let file = file(directory.path(), &SWEEP.replace("'--quick', ", ""));
    let mut command = vhart();
    command.arg("sweep").arg(&file).args(["--on", "hyperqueue"]);
    let hq_first = std::env::join_paths(
        [hq.parent().unwrap().to_owned()]
            .into_iter()
            .chain(std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default())),
    );
    command.env("PATH", hq_first.unwrap()).env("HQ_SERVER_DIR", directory.path().join("server"));
    let run = std::thread::spawn(move || command.output().unwrap());
    wait_for("the second point", || points(directory.path()).len() >= 2);
    one.0.kill().unwrap();
    let output = run.join().unwrap();
    assert!(output.status.success(), "{}", said(&output));
    assert_eq!(table(directory.path()), ["sort", "crc", "hash", "list", "fft", "calls"]);
    assert_eq!(points(directory.path()).len(), 6);
    let text = std::fs::read_to_string(directory.path().join("all.out/results.csv")).unwrap();
    let column = text.lines().next().unwrap().split(',').position(|heading| heading == "rounds").unwrap();
    assert!(text.lines().skip(1).all(|line| line.split(',').nth(column) == Some("2")), "two rounds of each: {text}");
    drop(server);
}
