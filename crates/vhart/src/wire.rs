//! What `vhart exec` and its agent in the machine say to each other over the control port.
//!
//! A frame is a kind, the length of what follows, and that: byte strings, each behind its length. Lengths have 32 bits,
//! the lowest byte first. The program's input and output have ports of their own.

use std::io::{self, Read};
use std::time::Duration;

/// The ports' names, by their numbers from 1 on. Control comes last: when it answers, the others are there.
pub const PORTS: [&str; 4] = ["vhart.stdin", "vhart.stdout", "vhart.stderr", "vhart.control"];

/// Most bytes of a frame that the agent sends.
#[cfg(any(feature = "linux", test))]
pub const MOST_REPORT: usize = 64 << 10;
/// Most bytes of a frame that the agent takes.
const MOST_ORDER: usize = 1 << 30;

/// One of the program's two outputs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Output {
    /// Standard output.
    Out,
    /// Standard error.
    Err,
}

/// What vhart says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Order {
    /// How the next program is run, where it is one of several.
    Terms(Terms),
    /// Run this; the first order otherwise.
    Run(Task),
    /// Nothing follows so many bytes of input.
    InputEnds(u64),
    /// Send the program this signal.
    Signal(i32),
    /// Nobody reads this any more.
    Unwanted(Output),
}

/// How one of several programs is run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Terms {
    /// How long it may run, by the machine's clock; none where that is up to vhart.
    pub limit: Option<Duration>,
    /// Others follow.
    pub more: bool,
    /// None follows where this one fails.
    pub all_or_none: bool,
}

impl Terms {
    fn parse(limit: &[u8], more: u8, all_or_none: u8) -> Option<Terms> {
        let millis = u64::from_le_bytes(limit.try_into().ok()?);
        let limit = (millis > 0).then(|| Duration::from_millis(millis));
        Some(Terms { limit, more: more == 1, all_or_none: all_or_none == 1 })
    }
}

/// What is to be run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Task {
    /// The program and its arguments.
    pub words: Vec<Vec<u8>>,
    /// `NAME=VALUE`.
    pub environment: Vec<Vec<u8>>,
    /// Where it begins; empty for the default.
    pub directory: Vec<u8>,
    /// The program itself, if it is not the machine's; then [`Task::words`] begins with its name.
    pub program: Option<Vec<u8>>,
    /// Power off at the end, without being told to.
    pub powers_off: bool,
    /// Send the cores that processes have left.
    pub tells_cores: bool,
}

/// What the agent says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Report {
    /// The program begins now.
    Started,
    /// It does not, whatever was said before.
    NotStarted(NotStarted),
    /// Its time was up, and it is being ended.
    TimeIsUp,
    /// Some more of the core that a process has left.
    Core(Core),
    /// It has ended.
    Ended(Ended),
}

/// A piece of a core, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Core {
    /// The file's name.
    pub name: Vec<u8>,
    /// What follows.
    pub piece: Vec<u8>,
}

/// Why a program does not run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NotStarted {
    /// The system's error, by its number.
    pub error: u32,
    /// It was found in no directory.
    pub not_found: bool,
    /// How its file begins, as far as it could be read.
    pub head: Vec<u8>,
}

/// How a program ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ended {
    /// Its exit status, or the signal that ended it.
    pub how: How,
    /// Bytes that it wrote to standard output and standard error.
    pub written: [u64; 2],
}

/// A program's end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum How {
    /// By itself.
    Status(u8),
    /// By a signal.
    Signal(u8),
}

impl How {
    fn bytes(self) -> [u8; 2] {
        match self {
            How::Status(status) => [0, status],
            How::Signal(number) => [1, number],
        }
    }
}

const RUN: u8 = 1;
const INPUT_ENDS: u8 = 2;
const SIGNAL: u8 = 3;
const UNWANTED: u8 = 4;
const TERMS: u8 = 5;
const STARTED: u8 = 17;
const NOT_STARTED: u8 = 18;
const ENDED: u8 = 19;
const CORE: u8 = 20;
const TIME_IS_UP: u8 = 21;

/// A frame that makes no sense.
pub fn nonsense() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "what came over the control port makes no sense")
}

impl Order {
    /// The order as a frame.
    #[cfg(any(feature = "linux", test))]
    pub fn frame(&self) -> Vec<u8> {
        match self {
            Order::Terms(Terms { limit, more, all_or_none }) => {
                // A program may not run for no time at all.
                let limit = limit.map_or(0, |limit| u64::try_from(limit.as_millis()).unwrap_or(u64::MAX).max(1));
                frame(TERMS, &[&limit.to_le_bytes(), &[u8::from(*more), u8::from(*all_or_none)]])
            }
            Order::Run(task) => frame(RUN, &task.fields()),
            Order::InputEnds(total) => frame(INPUT_ENDS, &[&total.to_le_bytes()]),
            Order::Signal(number) => frame(SIGNAL, &[&number.to_le_bytes()]),
            Order::Unwanted(output) => frame(UNWANTED, &[&[u8::from(*output == Output::Err)]]),
        }
    }

    /// The next order from `from`, waited for.
    ///
    /// # Errors
    /// It cannot be read, or makes no sense.
    pub fn read(from: &mut impl Read) -> io::Result<Order> {
        let mut head = [0; 5];
        from.read_exact(&mut head)?;
        let [kind, len @ ..] = head;
        let len = u32::from_le_bytes(len) as usize;
        if len > MOST_ORDER {
            return Err(nonsense());
        }
        let mut content = vec![0; len];
        from.read_exact(&mut content)?;
        Order::parse(kind, &content).ok_or_else(nonsense)
    }

    fn parse(kind: u8, content: &[u8]) -> Option<Order> {
        let fields = fields(content)?;
        match (kind, fields.as_slice()) {
            (TERMS, [limit, [more, all_or_none]]) => Terms::parse(limit, *more, *all_or_none).map(Order::Terms),
            (RUN, fields) => Task::parse(fields).map(Order::Run),
            (INPUT_ENDS, [total]) => Some(Order::InputEnds(u64::from_le_bytes((*total).try_into().ok()?))),
            (SIGNAL, [number]) => Some(Order::Signal(i32::from_le_bytes((*number).try_into().ok()?))),
            (UNWANTED, [[0]]) => Some(Order::Unwanted(Output::Out)),
            (UNWANTED, [[1]]) => Some(Order::Unwanted(Output::Err)),
            _ => None,
        }
    }
}

impl Task {
    #[cfg(any(feature = "linux", test))]
    fn fields(&self) -> Vec<&[u8]> {
        let program = self.program.as_deref();
        const FLAG: [&[u8]; 2] = [&[0], &[1]];
        let flags = [program.is_some(), self.powers_off, self.tells_cores].map(|flag| FLAG[usize::from(flag)]);
        let fixed = flags.into_iter().chain([&self.directory[..], program.unwrap_or_default()]);
        let words = self.words.iter().map(Vec::as_slice);
        let environment = self.environment.iter().map(Vec::as_slice);
        // An empty string is no variable: it ends them.
        fixed.chain(environment).chain([&[][..]]).chain(words).collect()
    }

    fn parse(fields: &[&[u8]]) -> Option<Task> {
        let [[packed], [powers_off], [tells_cores], directory, program, rest @ ..] = fields else { return None };
        let end = rest.iter().position(|field| field.is_empty())?;
        let all = |fields: &[&[u8]]| fields.iter().map(|field| field.to_vec()).collect();
        Some(Task {
            words: all(&rest[end + 1..]),
            environment: all(&rest[..end]),
            directory: directory.to_vec(),
            program: (*packed == 1).then(|| program.to_vec()),
            powers_off: *powers_off == 1,
            tells_cores: *tells_cores == 1,
        })
    }
}

impl Report {
    /// The report as a frame.
    pub fn frame(&self) -> Vec<u8> {
        match self {
            Report::Started => frame(STARTED, &[]),
            Report::NotStarted(NotStarted { error, not_found, head }) => {
                frame(NOT_STARTED, &[&error.to_le_bytes(), &[u8::from(*not_found)], head])
            }
            Report::TimeIsUp => frame(TIME_IS_UP, &[]),
            Report::Core(Core { name, piece }) => frame(CORE, &[name, piece]),
            Report::Ended(Ended { how, written: [out, err] }) => {
                frame(ENDED, &[&how.bytes(), &out.to_le_bytes(), &err.to_le_bytes()])
            }
        }
    }

    #[cfg(any(feature = "linux", test))]
    fn parse(kind: u8, content: &[u8]) -> Option<Report> {
        let fields = fields(content)?;
        match (kind, fields.as_slice()) {
            (STARTED, []) => Some(Report::Started),
            (TIME_IS_UP, []) => Some(Report::TimeIsUp),
            (NOT_STARTED, [error, [not_found], head]) => Some(Report::NotStarted(NotStarted {
                error: u32::from_le_bytes((*error).try_into().ok()?),
                not_found: *not_found != 0,
                head: head.to_vec(),
            })),
            (CORE, [name, piece]) => Some(Report::Core(Core { name: name.to_vec(), piece: piece.to_vec() })),
            (ENDED, [[kind, how], out, err]) => {
                let how = if *kind == 0 { How::Status(*how) } else { How::Signal(*how) };
                let total = |field: &[u8]| field.try_into().map(u64::from_le_bytes).ok();
                Some(Report::Ended(Ended { how, written: [total(out)?, total(err)?] }))
            }
            _ => None,
        }
    }
}

/// Reports as they come, in pieces.
#[cfg(any(feature = "linux", test))]
#[derive(Default)]
pub struct Reports {
    begun: Vec<u8>,
    /// What came made no sense, and nothing more is read.
    lost: bool,
}

#[cfg(any(feature = "linux", test))]
impl Reports {
    /// Takes the next bytes; answers the reports that are whole with them, or none from where on they make no sense.
    pub fn feed(&mut self, bytes: &[u8]) -> Option<Vec<Report>> {
        if self.lost {
            return None;
        }
        self.begun.extend_from_slice(bytes);
        let reports = self.whole();
        if reports.is_none() {
            *self = Reports { begun: Vec::new(), lost: true };
        }
        reports
    }

    fn whole(&mut self) -> Option<Vec<Report>> {
        let mut reports = Vec::new();
        while let Some(&[kind, a, b, c, d]) = self.begun.first_chunk() {
            let len = u32::from_le_bytes([a, b, c, d]) as usize;
            if len > MOST_REPORT {
                return None;
            }
            let Some(content) = self.begun.get(5..5 + len) else { break };
            reports.push(Report::parse(kind, content)?);
            self.begun.drain(..5 + len);
        }
        Some(reports)
    }
}

fn frame(kind: u8, fields: &[&[u8]]) -> Vec<u8> {
    let len = |bytes: &[u8]| u32::try_from(bytes.len()).unwrap_or(u32::MAX).to_le_bytes();
    let content: Vec<u8> = fields.iter().flat_map(|field| [&len(field)[..], field].concat()).collect();
    [&[kind][..], &len(&content), &content].concat()
}

/// The byte strings of a frame.
fn fields(mut content: &[u8]) -> Option<Vec<&[u8]>> {
    let mut fields = Vec::new();
    while !content.is_empty() {
        let (len, rest) = content.split_first_chunk()?;
        let (field, rest) = rest.split_at_checked(u32::from_le_bytes(*len) as usize)?;
        fields.push(field);
        content = rest;
    }
    Some(fields)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn orders_arrive_as_they_were_sent() {
        let task = Task {
            words: vec![b"a b\n'\"".to_vec(), Vec::new(), vec![0xff, 0xfe]],
            environment: vec![b"A=\xff".to_vec()],
            directory: b"/tmp".to_vec(),
            program: Some(vec![0; 100_000]),
            powers_off: true,
            tells_cores: false,
        };
        let terms = [Some(Duration::from_millis(1)), None]
            .map(|limit| Order::Terms(Terms { limit, more: true, all_or_none: false }));
        let others = [Order::InputEnds(1 << 40), Order::Signal(2), Order::Unwanted(Output::Err)];
        let orders = terms.into_iter().chain([Order::Run(task)]).chain(others).collect::<Vec<_>>();
        let frames: Vec<u8> = orders.iter().flat_map(Order::frame).collect();
        let mut from = frames.as_slice();
        assert!(orders.into_iter().all(|order| Order::read(&mut from).unwrap() == order));
        assert!(Order::read(&mut from).is_err());
    }

    #[test]
    fn reports_arrive_in_whatever_pieces() {
        let not_started = NotStarted { error: 2, not_found: true, head: b"\x7fELF".to_vec() };
        let ended = Ended { how: How::Signal(9), written: [5, 1 << 33] };
        let core = Core { name: b"core.a".to_vec(), piece: vec![1; 3000] };
        let not_started = Report::NotStarted(not_started);
        let all = [Report::Started, not_started, Report::TimeIsUp, Report::Core(core), Report::Ended(ended)];
        let frames: Vec<u8> = all.iter().flat_map(Report::frame).collect();
        for size in [1, 3, 7, frames.len()] {
            let mut reports = Reports::default();
            let got: Vec<Report> = frames.chunks(size).flat_map(|piece| reports.feed(piece).unwrap()).collect();
            assert_eq!(got, all);
        }
    }

    /// The agent is the guest's: it may say anything.
    #[test]
    fn nothing_that_comes_hurts_or_is_kept_without_end() {
        let mut random = fastrand::Rng::with_seed(7);
        let ended = Report::Ended(Ended { how: How::Status(1), written: [1, 2] }).frame();
        for _ in 0..20_000 {
            let mut bytes = [Report::Started.frame(), ended.clone()].concat();
            for _ in 0..random.usize(0..4) {
                let at = random.usize(..bytes.len());
                bytes[at] = random.u8(..);
            }
            let mut reports = Reports::default();
            bytes.chunks(random.usize(1..9)).for_each(|piece| drop(reports.feed(piece)));
            assert!(reports.begun.len() <= MOST_REPORT + 5);
        }
    }

    #[test]
    fn nonsense_is_refused_before_it_is_kept() {
        assert_eq!(Reports::default().feed(&[STARTED, 0, 0, 0, 0x7f]), None);
        assert_eq!(Reports::default().feed(&[99, 0, 0, 0, 0]), None);
        assert_eq!(Reports::default().feed(&[ENDED, 4, 0, 0, 0, 9, 9, 9, 9]), None);
    }
}
