//! What vhart and the agent tell each other during a run.

use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use virtio::{PortLine, PortOut};

use super::heard::Heard;
use crate::wire::{Ended, NotStarted, Order, Report, Reports};

/// How far a run has come.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Stage {
    /// The agent has not spoken.
    #[default]
    Booting,
    /// The program runs.
    Running,
    /// It could not be started.
    NotStarted(NotStarted),
    /// It has ended.
    Ended(Ended),
    /// The one before has ended, and this one has not begun.
    Between,
    /// The agent says what makes no sense.
    Nonsense,
}

/// A stage as it begins, and what was known then.
#[derive(Clone, Debug, PartialEq)]
pub struct News {
    /// The stage.
    pub stage: Stage,
    /// The program's own time was up.
    pub late: bool,
    /// The first report of a fault in the kernel.
    pub oops: Option<String>,
    /// When it was heard.
    pub at: Instant,
}

/// Whoever hears of stages, on the time of a hart.
pub type Listener = Box<dyn FnMut(News) + Send>;

/// The stage of a run. Cloning shares it.
#[derive(Clone, Default)]
pub struct Session(Arc<Mutex<Now>>);

#[derive(Default)]
struct Now {
    stage: Stage,
    /// How many commands follow the one of the stage.
    more: usize,
    late: bool,
}

impl Session {
    /// One of so many commands.
    pub fn of(commands: usize) -> Session {
        let session = Session::default();
        session.lock().more = commands.saturating_sub(1);
        session
    }

    /// How far the run has come.
    pub fn stage(&self) -> Stage {
        self.lock().stage.clone()
    }

    /// What takes the agent's reports; each stage is told to `listener` as it begins.
    pub fn listen(&self, mut listener: Listener, heard: Heard) -> PortOut {
        let (session, mut reports) = (self.clone(), Reports::default());
        Box::new(move |bytes| {
            match reports.feed(bytes) {
                Some(reports) => reports.into_iter().for_each(|report| session.hear(report, &heard, &mut listener)),
                None => session.enter(Stage::Nonsense, &heard, &mut listener),
            }
            bytes.len()
        })
    }

    fn hear(&self, report: Report, heard: &Heard, listener: &mut Listener) {
        match report {
            Report::Started => self.enter(Stage::Running, heard, listener),
            Report::NotStarted(why) => self.enter(Stage::NotStarted(why), heard, listener),
            Report::Ended(ended) => self.enter(Stage::Ended(ended), heard, listener),
            Report::TimeIsUp => self.lock().late = true,
            Report::Core(core) => heard.core(&core),
        }
    }

    /// A run only goes on: what was once ended does not begin again.
    fn enter(&self, stage: Stage, heard: &Heard, listener: &mut Listener) {
        let mut now = self.lock();
        if !matches!(now.stage, Stage::Booting | Stage::Running | Stage::Between) {
            return;
        }
        let late = std::mem::take(&mut now.late);
        now.stage = stage.clone();
        if matches!(stage, Stage::Ended(_) | Stage::NotStarted(_))
            && let Some(more) = now.more.checked_sub(1)
        {
            (now.stage, now.more) = (Stage::Between, more);
        }
        drop(now);
        match &stage {
            Stage::Ended(ended) => heard.ends(ended.written),
            Stage::NotStarted(_) => heard.ends([0, 0]),
            _ => {}
        }
        listener(News { stage, late, oops: heard.log.oops(), at: Instant::now() });
    }

    fn lock(&self) -> MutexGuard<'_, Now> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Where orders go to the agent, from any thread, without waiting.
#[derive(Clone)]
pub struct Orders(Sender<Vec<u8>>);

/// How long a port that took nothing is left alone.
const NEXT_OFFER: Duration = Duration::from_millis(1);

impl Orders {
    /// Orders over the control port at `line`.
    ///
    /// # Errors
    /// The host has no room for a thread.
    pub fn over(line: PortLine) -> Result<Orders> {
        let (orders, frames) = channel::<Vec<u8>>();
        let send = move || frames.iter().for_each(|frame| send_all(&line, &frame));
        std::thread::Builder::new().name("orders".into()).spawn(send).context("no thread for orders")?;
        Ok(Orders(orders))
    }

    /// Gives an order.
    pub fn give(&self, order: &Order) {
        self.give_frames(order.frame());
    }

    /// Gives orders.
    pub fn give_frames(&self, frames: Vec<u8>) {
        // The thread lives as long as this does.
        let _ = self.0.send(frames);
    }
}

/// Sends all of `bytes`, waiting where the machine takes nothing.
pub fn send_all(line: &PortLine, mut bytes: &[u8]) {
    while !bytes.is_empty() {
        bytes = &bytes[line.send(bytes).min(bytes.len())..];
        if !bytes.is_empty() {
            std::thread::sleep(NEXT_OFFER);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::How;

    /// What a session of so many commands tells of these reports, and its stage at the end.
    fn hear(commands: usize, reports: &[Report]) -> (Vec<(Stage, bool)>, Stage) {
        let (session, (sender, news)) = (Session::of(commands), channel());
        let mut out = session.listen(Box::new(move |news| drop(sender.send(news))), Heard::default());
        for report in reports {
            let frame = report.frame();
            assert_eq!(out(&frame), frame.len());
        }
        (news.try_iter().map(|news: News| (news.stage, news.late)).collect(), session.stage())
    }

    const ENDED: Ended = Ended { how: How::Status(3), written: [1, 2] };

    #[test]
    fn a_run_goes_from_stage_to_stage_and_ends_once() {
        let (news, stage) = hear(1, &[Report::Started, Report::Ended(ENDED), Report::Started]);
        assert_eq!(stage, Stage::Ended(ENDED));
        assert_eq!(news, [(Stage::Running, false), (Stage::Ended(ENDED), false)]);
    }

    #[test]
    fn of_several_the_next_begins_where_one_has_ended() {
        let late = [Report::Started, Report::TimeIsUp, Report::Ended(ENDED)];
        assert_eq!(hear(2, &late).1, Stage::Between);
        let (news, stage) = hear(2, &[&late[..], &[Report::Started, Report::Ended(ENDED)]].concat());
        assert_eq!(stage, Stage::Ended(ENDED));
        let ended = |late| (Stage::Ended(ENDED), late);
        assert_eq!(news, [(Stage::Running, false), ended(true), (Stage::Running, false), ended(false)]);
    }

    #[test]
    fn nonsense_is_a_stage_of_its_own() {
        let session = Session::default();
        session.listen(Box::new(|_| ()), Heard::default())(&[0xff; 64]);
        assert_eq!(session.stage(), Stage::Nonsense);
    }
}
