//! The agent with programs of this computer, at sockets in place of ports.

use std::io::Read;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::thread::JoinHandle;

use super::*;
use crate::wire::{NotStarted, Order, Output, Reports};

/// vhart's side of an agent at work.
struct Far {
    input: UnixStream,
    outputs: Option<[UnixStream; 2]>,
    control: UnixStream,
    reports: Reports,
    agent: JoinHandle<io::Result<()>>,
}

impl Far {
    fn new(task: Task) -> Far {
        Far::with(task, |_| {})
    }

    /// With the agent's end of the control port made ready by `prepare`.
    fn with(task: Task, prepare: impl FnOnce(&mut File)) -> Far {
        let mut far = Far::idle(prepare);
        far.give(Order::Run(task));
        far
    }

    /// One that has not been told what to run.
    fn idle(prepare: impl FnOnce(&mut File)) -> Far {
        let mut near = Vec::new();
        let far: [UnixStream; 4] = std::array::from_fn(|_| {
            let (one, other) = UnixStream::pair().unwrap();
            near.push(File::from(OwnedFd::from(one)));
            other
        });
        let [input, out, err, control] = far;
        let [near_input, near_out, near_err, mut near_control] = near.try_into().unwrap();
        prepare(&mut near_control);
        let ends = Ends { input: near_input, outputs: [near_out, near_err], control: near_control };
        let agent = std::thread::spawn(move || serve(ends));
        Far { input, outputs: Some([out, err]), control, reports: Reports::default(), agent }
    }

    fn shell(script: &str) -> Far {
        Far::new(task(&["sh", "-c", script]))
    }

    /// The same for a script that leaves something running: its first line is to be its number.
    fn leaving(script: &str) -> (Far, Left) {
        let mut far = Far::shell(&format!("echo $$; {script}"));
        assert_eq!(far.report(), Report::Started);
        let line = line(&mut far.outputs.as_mut().unwrap()[0]);
        (far, Left(Group(line.parse().unwrap())))
    }

    fn give(&mut self, order: Order) {
        self.control.write_all(&order.frame()).unwrap();
    }

    fn report(&mut self) -> Report {
        let mut byte = [0];
        loop {
            self.control.read_exact(&mut byte).unwrap();
            if let Some(report) = self.reports.feed(&byte).unwrap().pop() {
                return report;
            }
        }
    }

    /// Reads all of both outputs, until the end that a report tells.
    fn end(mut self) -> (How, Vec<u8>, Vec<u8>) {
        assert_eq!(self.report(), Report::Started);
        let readers = self.outputs.take().unwrap().map(|mut output| {
            std::thread::spawn(move || {
                let mut all = Vec::new();
                output.read_to_end(&mut all).unwrap();
                all
            })
        });
        let Report::Ended(ended) = self.report() else { panic!("it has not ended") };
        self.agent.join().unwrap().unwrap();
        let [out, err] = readers.map(|reader| reader.join().unwrap());
        assert_eq!(ended.written, [out.len() as u64, err.len() as u64]);
        (ended.how, out, err)
    }
}

/// What a program has left running, which ends with its test.
struct Left(Group);

impl Left {
    /// Whether there is something.
    fn is_there(&self) -> bool {
        let pid = Pid::from_raw(self.0.0 as i32).unwrap();
        rustix::process::test_kill_process_group(pid).is_ok()
    }
}

impl Drop for Left {
    fn drop(&mut self) {
        self.0.signal(9);
    }
}

/// Reads a line without its end, and nothing behind it.
fn line(from: &mut UnixStream) -> String {
    let (mut line, mut byte) = (Vec::new(), [0]);
    loop {
        from.read_exact(&mut byte).unwrap();
        match byte {
            [b'\n'] => return String::from_utf8(line).unwrap(),
            [byte] => line.push(byte),
        }
    }
}

fn task(words: &[&str]) -> Task {
    let path = std::env::var("PATH").unwrap_or_default();
    Task {
        words: words.iter().map(|word| word.as_bytes().to_vec()).collect(),
        environment: vec![format!("PATH={path}").into_bytes()],
        powers_off: true,
        ..Task::default()
    }
}

#[test]
fn words_arrive_as_they_are() {
    let odd = [&b"a b"[..], b"'", b"\"", b"$HOME", b"new\nline", b"\xff\xfe", b"", b"\\", b"*"];
    let mut task = task(&["printf", "[%s]"]);
    task.words.extend(odd.iter().map(|word| word.to_vec()));
    let (how, out, _) = Far::new(task).end();
    let expected: Vec<u8> = odd.iter().flat_map(|word| [b"[", *word, b"]"].concat()).collect();
    assert_eq!((how, out), (How::Status(0), expected));
}

#[test]
fn both_outputs_come_apart_and_whole() {
    let script = "i=0; while [ $i -lt 200 ]; do head -c 10000 /dev/zero; printf 'e%s\\r\\n' $i >&2; i=$((i+1)); done";
    let (how, out, err) = Far::shell(script).end();
    let expected: String = (0..200).map(|i| format!("e{i}\r\n")).collect();
    assert_eq!((how, out.len(), err), (How::Status(0), 2_000_000, expected.into_bytes()));
}

#[test]
fn status_and_signal_are_told_apart() {
    assert_eq!(Far::shell("exit 137").end().0, How::Status(137));
    assert_eq!(Far::shell("kill -KILL $$").end().0, How::Signal(9));
}

#[test]
fn environment_and_directory_are_the_tasks_alone() {
    let mut task = task(&["env"]);
    task.words[0] = b"/usr/bin/env".to_vec();
    task.environment = vec![b"A=b=c".to_vec(), b"EMPTY=".to_vec()];
    let (_, out, _) = Far::new(task).end();
    assert_eq!(out, b"A=b=c\nEMPTY=\n");
    let mut task = self::task(&["pwd"]);
    task.directory = b"/".to_vec();
    assert_eq!(Far::new(task).end().1, b"/\n");
}

#[test]
fn input_comes_whole_and_ends() {
    let mut far = Far::new(task(&["cat"]));
    let bytes: Vec<u8> = (0..300_000_u32).map(|n| (n % 251) as u8).collect();
    let (mut input, sent) = (far.input.try_clone().unwrap(), bytes.clone());
    let sending = std::thread::spawn(move || input.write_all(&sent).unwrap());
    far.give(Order::InputEnds(bytes.len() as u64));
    let (how, out, _) = far.end();
    sending.join().unwrap();
    assert!(how == How::Status(0) && out == bytes);
}

#[test]
fn program_that_reads_nothing_is_not_waited_for() {
    let mut far = Far::shell("exit 3");
    let _ = far.input.write_all(&[b'x'; 100_000]);
    far.give(Order::InputEnds(100_000));
    assert_eq!(far.end().0, How::Status(3));
}

/// A program may end the machine in its first instant.
#[test]
fn program_does_nothing_before_its_start_was_heard() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("done");
    let mut sent = 0;
    let fill = |control: &mut File| {
        rustix::io::ioctl_fionbio(&*control, true).unwrap();
        while let Ok(count) = control.write(&[0; 1 << 16]) {
            sent += count;
        }
        rustix::io::ioctl_fionbio(&*control, false).unwrap();
    };
    let mut far = Far::with(task(&["touch", file.to_str().unwrap()]), fill);
    std::thread::sleep(Duration::from_millis(300));
    assert!(!file.exists());
    far.control.read_exact(&mut vec![0; sent]).unwrap();
    assert_eq!(far.end().0, How::Status(0));
    assert!(file.exists());
}

#[test]
fn signals_reach_the_program_and_what_it_started() {
    let (mut far, _left) = Far::leaving("sleep 1000 & echo ready; wait; sleep 1000");
    assert_eq!(line(&mut far.outputs.as_mut().unwrap()[0]), "ready");
    far.give(Order::Signal(2));
    // A shell's background has SIGINT ignored; where the shell has gone by then, it is left.
    far.give(Order::Signal(15));
    let Report::Ended(ended) = far.report() else { panic!("it has not ended") };
    assert!(matches!(ended.how, How::Signal(2 | 15)), "{ended:?}");
}

#[test]
fn writer_of_what_nobody_wants_gets_the_signal_of_a_broken_pipe() {
    let mut far = Far::new(task(&["yes"]));
    assert_eq!(far.report(), Report::Started);
    let [mut out, _err] = far.outputs.take().unwrap();
    let mut some = [0; 100];
    out.read_exact(&mut some).unwrap();
    far.give(Order::Unwanted(Output::Out));
    let reading = std::thread::spawn(move || out.read_to_end(&mut Vec::new()));
    let Report::Ended(ended) = far.report() else { panic!("it has not ended") };
    assert_eq!(ended.how, How::Signal(13));
    far.agent.join().unwrap().unwrap();
    reading.join().unwrap().unwrap();
}

#[test]
fn whoever_is_left_behind_is_not_waited_for() {
    let (mut far, left) = Far::leaving("(sleep 1000; echo late) & echo done");
    assert_eq!(line(&mut far.outputs.as_mut().unwrap()[0]), "done");
    let Report::Ended(ended) = far.report() else { panic!("it has not ended") };
    assert_eq!(ended.how, How::Status(0));
    far.agent.join().unwrap().unwrap();
    assert!(left.is_there());
}

#[test]
fn missing_program_is_told_from_one_that_cannot_be_run() {
    let mut missing = Far::new(task(&["no-such-program-anywhere"]));
    let expected = NotStarted { error: 2, not_found: true, head: Vec::new() };
    assert_eq!(missing.report(), Report::Started);
    assert_eq!(missing.report(), Report::NotStarted(expected));
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "plain text").unwrap();
    let mut plain = Far::new(task(&[file.path().to_str().unwrap()]));
    assert_eq!(plain.report(), Report::Started);
    let expected = NotStarted { error: 13, not_found: false, head: b"plain text".to_vec() };
    assert_eq!(plain.report(), Report::NotStarted(expected));
}

#[test]
fn a_program_for_another_machine_is_not_handed_to_a_shell() {
    let own = std::fs::read("/proc/self/exe").unwrap();
    let mut foreign = own[..64].to_vec();
    // s390x: no computer that runs this test
    foreign[18..20].copy_from_slice(&22u16.to_le_bytes());
    for content in [&foreign[..], &own[..30], b"echo hello"] {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("program");
        std::fs::write(&file, content).unwrap();
        std::fs::set_permissions(&file, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
        let mut far = Far::new(task(&[file.to_str().unwrap()]));
        assert_eq!(far.report(), Report::Started);
        let expected = NotStarted { error: 8, not_found: false, head: content.to_vec() };
        assert_eq!(far.report(), Report::NotStarted(expected));
    }
}

/// A run of one of several, to its end: what it was told of, and what the shell wrote.
fn one_of_several(far: &mut Far, terms: Terms, script: &str) -> (Vec<Report>, Vec<u8>) {
    far.give(Order::Terms(terms));
    far.give(Order::Run(task(&["sh", "-c", script])));
    far.give(Order::InputEnds(0));
    let mut reports = vec![far.report()];
    while !matches!(reports.last(), Some(Report::Ended(_) | Report::NotStarted(_))) {
        reports.push(far.report());
    }
    let written = match reports.last() {
        Some(Report::Ended(ended)) => ended.written[0],
        _ => 0,
    };
    let mut out = vec![0; written as usize];
    far.outputs.as_mut().unwrap()[0].read_exact(&mut out).unwrap();
    (reports, out)
}

#[test]
fn several_programs_run_one_after_the_other_each_with_outputs_of_its_own() {
    let mut far = Far::idle(|_| {});
    let more = Terms { more: true, ..Terms::default() };
    let ended = |how, written| Report::Ended(Ended { how, written });
    let (reports, out) = one_of_several(&mut far, more, "cat; echo one; exit 3");
    assert_eq!((reports, &out[..]), (vec![Report::Started, ended(How::Status(3), [4, 0])], &b"one\n"[..]));
    let (reports, out) = one_of_several(&mut far, more, "echo second; kill -9 $$");
    assert_eq!((reports, &out[..]), (vec![Report::Started, ended(How::Signal(9), [7, 0])], &b"second\n"[..]));
    far.give(Order::Terms(more));
    far.give(Order::Run(task(&["no-such-program-anywhere"])));
    assert!(matches!((far.report(), far.report()), (Report::Started, Report::NotStarted(_))));
    let (reports, _) = one_of_several(&mut far, Terms::default(), "true");
    assert_eq!(reports[1], ended(How::Status(0), [0, 0]));
    far.agent.join().unwrap().unwrap();
}

#[test]
fn a_program_whose_time_is_up_is_asked_to_end_and_then_ended_with_what_it_started() {
    let mut far = Far::idle(|_| {});
    let terms = Terms { limit: Some(Duration::from_millis(50)), more: true, ..Terms::default() };
    let start = Instant::now();
    let (reports, out) = one_of_several(&mut far, terms, "trap 'echo asked; exit 5' TERM; sleep 1000 & wait");
    let ended = |how, written| Report::Ended(Ended { how, written });
    assert_eq!(reports, [Report::Started, Report::TimeIsUp, ended(How::Status(5), [6, 0])]);
    assert_eq!(out, b"asked\n");
    let (reports, _) = one_of_several(&mut far, terms, "trap '' TERM; while :; do sleep 1; done");
    assert_eq!(reports, [Report::Started, Report::TimeIsUp, ended(How::Signal(9), [0, 0])]);
    assert!(start.elapsed() < Duration::from_secs(60));
    let patient = Terms { limit: Some(Duration::from_secs(1000)), ..Terms::default() };
    let (reports, _) = one_of_several(&mut far, patient, "true");
    assert_eq!(reports, [Report::Started, ended(How::Status(0), [0, 0])]);
    far.agent.join().unwrap().unwrap();
}
