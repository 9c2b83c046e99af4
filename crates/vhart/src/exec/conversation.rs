//! The far ends of the machine's ports: what goes in and comes out as programs run.

use std::collections::VecDeque;
use std::os::fd::BorrowedFd;
use std::sync::PoisonError;
use std::sync::mpsc::channel;

use anyhow::Result;
use board::Plug;
use rustix::io::Errno;
use virtio::{PortConfig, PortLine, PortOut};

use super::conductor::{Conductor, Lost, Several};
use super::heard::Heard;
use super::input;
use super::options::Options;
use super::record::Record;
use super::session::{Listener, News, Orders, Session};
use crate::ports::{self, Outlet};
use crate::wire::{Order, Output, PORTS, Task, Terms};
use crate::{errors, screen};

/// The ports' far ends.
pub struct Conversation {
    pub plug: Plug,
    pub session: Session,
    pub conductor: Conductor,
    pub heard: Heard,
    pub lost: Lost,
}

impl Conversation {
    /// About one task, or about those of which `record` keeps.
    ///
    /// # Errors
    /// Standard input cannot be read, or this computer has no room for a thread.
    pub fn open(options: &Options, tasks: Vec<Task>, record: Option<&Record>) -> Result<Conversation> {
        let lines: [PortLine; PORTS.len()] = std::array::from_fn(|_| PortLine::new());
        let alike = options.machine.deterministic.is_some();
        let numbers = record.map(|record| record.left().into_iter().map(|(number, _)| number).collect());
        let (session, lost) = (Session::of(tasks.len()), Lost::default());
        let (heard, orders) = (Heard::wanted(options, numbers.unwrap_or_default()), Orders::over(lines[3].clone())?);
        let (out, first) = outlet(Output::Out, &lines[1], alike, writer(Output::Out, &orders, &heard, &lost))?;
        let (err, second) = outlet(Output::Err, &lines[2], alike, writer(Output::Err, &orders, &heard, &lost))?;
        let (sender, news) = channel();
        let telling = sender.clone();
        let tell = move |news: News| drop(telling.send(Some(news)));
        let listener: Listener = match record.cloned().filter(|_| alike) {
            None => Box::new(tell),
            Some(record) => listens_at_once(record, heard.clone(), lost.clone(), tell),
        };
        let Said { input, control, rest } = Said::of(options, tasks, record.is_some(), alike)?;
        let carried = (!alike && record.is_none()).then(|| lines[0].clone());
        let outs = [Box::new(<[u8]>::len), out, err, session.listen(listener, heard.clone())];
        let plug = plug(lines, outs, [input, Vec::new(), Vec::new(), control]);
        let (limit, outlets) = (options.each_timeout, [first, second]);
        let several = record.cloned();
        let several = several.map(|record| Several { record, rest, limit, heard: heard.clone(), lost: lost.clone() });
        let conductor = Conductor { news, sender, outlets, orders, carried, alike, several };
        Ok(Conversation { plug, session, conductor, heard, lost })
    }
}

/// The device with all ports, at which so much is there from the beginning.
fn plug(lines: [PortLine; PORTS.len()], outs: [PortOut; PORTS.len()], inputs: [Vec<u8>; PORTS.len()]) -> Plug {
    let configs = (1..).zip(PORTS).zip(lines).zip(outs).zip(inputs);
    let config =
        |((((number, name), line), out), input)| PortConfig { input, ..PortConfig::channel(number, name, line, out) };
    ports::plug(configs.map(config).collect(), None)
}

/// What is said to the machine.
struct Said {
    /// Input that is there from the beginning.
    input: Vec<u8>,
    /// Orders that are.
    control: Vec<u8>,
    /// Those of which each is given in its time.
    rest: VecDeque<Vec<u8>>,
}

impl Said {
    fn of(options: &Options, tasks: Vec<Task>, are_several: bool, alike: bool) -> Result<Said> {
        let input = if alike && !are_several { input::all()? } else { Vec::new() };
        let mut rest = match are_several {
            true => several(options, tasks),
            false => tasks.into_iter().map(|task| one(task, alike.then_some(input.len()))).collect(),
        };
        let control = match alike {
            true => rest.drain(..).flatten().collect(),
            false => rest.pop_front().unwrap_or_default(),
        };
        Ok(Said { input, control, rest })
    }
}

/// What the agent is told of the only program.
fn one(task: Task, input: Option<usize>) -> Vec<u8> {
    let ends = input.map(|len| Order::InputEnds(len as u64).frame());
    [Order::Run(task).frame(), ends.unwrap_or_default()].concat()
}

/// What it is told of each of several, which have no input.
fn several(options: &Options, tasks: Vec<Task>) -> VecDeque<Vec<u8>> {
    let all = tasks.len();
    let frame = |(number, task): (usize, Task)| {
        let more = number + 1 < all;
        let terms = Terms { limit: options.each_timeout, more, all_or_none: options.fail_fast };
        [Order::Terms(terms), Order::Run(task), Order::InputEnds(0)].iter().flat_map(Order::frame).collect()
    };
    tasks.into_iter().enumerate().map(frame).collect()
}

/// In a run that is to be the same each time, what becomes of a command is told in its place between what programs say.
fn listens_at_once(record: Record, heard: Heard, lost: Lost, tell: impl Fn(News) + Send + 'static) -> Listener {
    Box::new(move |news| {
        let lost = lost.lock().unwrap_or_else(PoisonError::into_inner).take();
        record.hear(&news, lost, &heard);
        tell(news);
    })
}

fn outlet(output: Output, line: &PortLine, alike: bool, write: ports::Write) -> Result<(PortOut, Outlet)> {
    let name = match output {
        Output::Out => "output",
        Output::Err => "errors",
    };
    match alike {
        true => Ok(Outlet::at_once(write)),
        false => Outlet::start(name, write, line.clone()),
    }
}

/// The one of this process's that it goes to, and what it is called.
fn own(output: Output) -> (BorrowedFd<'static>, &'static str) {
    match output {
        Output::Out => (rustix::stdio::stdout(), "standard output"),
        Output::Err => (rustix::stdio::stderr(), "standard error"),
    }
}

/// What writes one of the program's outputs to this process's.
fn writer(output: Output, orders: &Orders, heard: &Heard, lost: &Lost) -> ports::Write {
    let (orders, heard, lost) = (orders.clone(), heard.clone(), lost.clone());
    Box::new(move |bytes| {
        heard.hear(output, bytes);
        let (file, name) = own(output);
        let Err(error) = screen::write_all(file, bytes) else { return true };
        if error != Errno::PIPE {
            let why = errors::without_number(&std::io::Error::from(error).to_string());
            let mut lost = lost.lock().unwrap_or_else(PoisonError::into_inner);
            lost.get_or_insert(format!("cannot write to {name}: {why}"));
        }
        orders.give(&Order::Unwanted(output));
        false
    })
}
