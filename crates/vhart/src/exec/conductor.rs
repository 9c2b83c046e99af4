//! Who does what is to be done as a run goes on, and who hears of signals meanwhile.

use std::cell::OnceCell;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use board::MachineStopper;
use virtio::PortLine;

use super::heard::Heard;
use super::input;
use super::record::Record;
use super::session::{News, Orders, Session, Stage};
use crate::ending::{Ending as Wish, Stopper};
use crate::errors;
use crate::ports::Outlet;
use crate::terminal::{self, Quit};
use crate::wire::Order;

/// How much longer than it may run a program may take to be ended, on a busy computer.
const STUCK: Duration = Duration::from_secs(30);
/// How often it is looked whether the machine is still there for which output is waited.
const LOOK: Duration = Duration::from_millis(200);

/// Who conducts a machine.
pub struct Conductor {
    pub news: Receiver<Option<News>>,
    pub sender: Sender<Option<News>>,
    pub outlets: [Outlet; 2],
    pub orders: Orders,
    /// Where input goes that comes while the machine runs.
    pub carried: Option<PortLine>,
    /// In a run that is to be the same each time the machine does all by itself.
    pub alike: bool,
    pub several: Option<Several>,
}

/// Why output was lost, where it was.
pub type Lost = Arc<Mutex<Option<String>>>;

/// Several commands that run one after the other.
pub struct Several {
    pub record: Record,
    /// What the agent is to be told of those behind the first.
    pub rest: VecDeque<Vec<u8>>,
    pub limit: Option<Duration>,
    pub heard: Heard,
    pub lost: Lost,
}

/// A conductor at work.
pub struct Conducting {
    sender: Sender<Option<News>>,
    over: Arc<AtomicBool>,
    thread: JoinHandle<bool>,
}

impl Conducting {
    /// The machine has ended, and no more news comes. Answers whether a program could not be ended.
    pub fn finish(self) -> bool {
        self.over.store(true, Ordering::SeqCst);
        // It may have gone by itself.
        let _ = self.sender.send(None);
        self.thread.join().unwrap_or(false)
    }
}

impl Conductor {
    /// Begins to, on a thread of its own.
    ///
    /// # Errors
    /// There is no room for one.
    pub fn begin(self, machine: MachineStopper) -> Result<Conducting> {
        let (sender, over) = (self.sender.clone(), Arc::<AtomicBool>::default());
        if let Some(several) = self.several.as_ref().filter(|_| !self.alike) {
            several.record.tell_begin();
        }
        let mut work = Work { conductor: self, machine, over: over.clone(), totals: [0; 2], deadline: None };
        let thread = std::thread::Builder::new().name("conductor".into());
        let thread = thread.spawn(move || work.all()).context("no thread")?;
        Ok(Conducting { sender, over, thread })
    }
}

/// A conductor with a machine.
struct Work {
    conductor: Conductor,
    machine: MachineStopper,
    over: Arc<AtomicBool>,
    /// How much all programs wrote that have ended.
    totals: [u64; 2],
    /// Until when the program must have ended.
    deadline: Option<Instant>,
}

impl Work {
    /// Until the machine has ended. Answers whether a program could not be ended.
    fn all(&mut self) -> bool {
        loop {
            let left = self.deadline.map_or(Duration::MAX, |at| at.saturating_duration_since(Instant::now()));
            match self.conductor.news.recv_timeout(left) {
                Ok(Some(news)) => self.hear(&news),
                Ok(None) | Err(RecvTimeoutError::Disconnected) => return false,
                Err(RecvTimeoutError::Timeout) => {
                    self.machine.stop();
                    return true;
                }
            }
        }
    }

    fn hear(&mut self, news: &News) {
        match &news.stage {
            Stage::Nonsense => self.machine.stop(),
            _ if self.conductor.alike => {}
            Stage::Running => self.program_begins(news),
            Stage::Ended(ended) => {
                self.totals = std::array::from_fn(|output| self.totals[output].saturating_add(ended.written[output]));
                self.wait_for_outputs();
                self.program_has_ended(news);
            }
            Stage::NotStarted(_) => self.program_has_ended(news),
            Stage::Booting | Stage::Between => {}
        }
    }

    fn program_begins(&mut self, news: &News) {
        if let Some(Several { record, limit, heard, .. }) = &self.conductor.several {
            record.hear(news, None, heard);
            self.deadline = limit.and_then(|limit| news.at.checked_add(limit + STUCK));
        }
        let carry = |line| input::carry(line, self.conductor.orders.clone());
        if let Some(Err(error)) = self.conductor.carried.clone().map(carry) {
            errors::tell(error);
        }
    }

    /// However slow the reader is; but what is still in a machine that has gone does not come.
    fn wait_for_outputs(&self) {
        for (outlet, total) in self.conductor.outlets.iter().zip(self.totals) {
            while !outlet.wait_for(total, LOOK) && !self.over.load(Ordering::SeqCst) {}
        }
    }

    fn program_has_ended(&mut self, news: &News) {
        self.deadline = None;
        let Some(several) = &mut self.conductor.several else { return self.machine.stop() };
        let lost = several.lost.lock().unwrap_or_else(PoisonError::into_inner).take();
        let goes_on = several.record.hear(news, lost, &several.heard);
        match several.rest.pop_front().filter(|_| goes_on) {
            None => self.machine.stop(),
            Some(frames) => {
                several.record.tell_begin();
                self.conductor.orders.give_frames(frames);
            }
        }
    }
}

/// Who hears of signals, and hands them on to the machine that there is.
#[derive(Default)]
pub struct Interrupts {
    watched: OnceCell<()>,
    now: Arc<Mutex<Option<Interrupted>>>,
}

/// What a signal is for.
struct Interrupted {
    session: Session,
    orders: Orders,
    record: Option<Record>,
    /// The program cannot be told.
    deaf: bool,
}

impl Interrupts {
    /// From now on they are for this machine.
    ///
    /// # Errors
    /// Signals cannot be watched for.
    pub fn are_for(&self, conductor: &Conductor, session: &Session, stopper: &Stopper) -> Result<()> {
        let record = conductor.several.as_ref().map(|several| several.record.clone());
        // Orders for it would come behind those for all others.
        let deaf = record.is_some() && conductor.alike;
        let now = Interrupted { session: session.clone(), orders: conductor.orders.clone(), record, deaf };
        *self.now.lock().unwrap_or_else(PoisonError::into_inner) = Some(now);
        if self.watched.set(()).is_ok() { self.watch(stopper.clone()) } else { Ok(()) }
    }

    /// Has each signal go to the machine that there is then.
    fn watch(&self, stopper: Stopper) -> Result<()> {
        let now = self.now.clone();
        let pass_on = move |quit| {
            let now = now.lock().unwrap_or_else(PoisonError::into_inner);
            now.iter().for_each(|now: &Interrupted| now.by(quit, &stopper));
        };
        terminal::watch_signals(Arc::new(pass_on), None)
    }
}

impl Interrupted {
    /// A signal is the program's while it runs, and ends the machine before and after.
    fn by(&self, quit: Quit, stopper: &Stopper) {
        self.record.iter().for_each(|record| record.interrupt(quit));
        match (quit, self.session.stage()) {
            (Quit::Signal(number), Stage::Running) if !self.deaf => self.orders.give(&Order::Signal(number)),
            _ => stopper.end(Wish::Quit(quit)),
        }
    }
}
