//! What vhart and the agent tell each other during a run.

use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result};
use virtio::{PortLine, PortOut};

use super::reports::Heard;
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
    /// The agent says what makes no sense.
    Nonsense,
}

/// The stage of a run. Cloning shares it.
#[derive(Clone, Default)]
pub struct Session(Arc<Mutex<Stage>>);

impl Session {
    /// How far the run has come.
    pub fn stage(&self) -> Stage {
        self.lock().clone()
    }

    /// What takes the agent's reports; each stage is handed to `news` as it begins.
    pub fn listen(&self, news: Sender<Stage>, heard: Heard) -> PortOut {
        let (session, mut reports) = (self.clone(), Reports::default());
        Box::new(move |bytes| {
            let stages = match reports.feed(bytes) {
                Some(reports) => reports.into_iter().filter_map(|report| Stage::of(report, &heard)).collect(),
                None => vec![Stage::Nonsense],
            };
            stages.into_iter().for_each(|stage| session.enter(stage, &news));
            bytes.len()
        })
    }

    /// A run only goes on: what was once ended does not begin again.
    fn enter(&self, stage: Stage, news: &Sender<Stage>) {
        let mut now = self.lock();
        if matches!(*now, Stage::Booting | Stage::Running) {
            *now = stage.clone();
            // Whoever wanted to hear may have gone.
            let _ = news.send(stage);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Stage> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Stage {
    /// The stage that begins with a report, if one does.
    fn of(report: Report, heard: &Heard) -> Option<Stage> {
        match report {
            Report::Started => Some(Stage::Running),
            Report::NotStarted(why) => Some(Stage::NotStarted(why)),
            Report::Ended(ended) => Some(Stage::Ended(ended)),
            Report::Core(core) => {
                heard.core(&core);
                None
            }
        }
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
        // The thread lives as long as this does.
        let _ = self.0.send(order.frame());
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

    #[test]
    fn a_run_goes_from_stage_to_stage_and_ends_once() {
        let (session, (sender, news)) = (Session::default(), channel());
        let mut out = session.listen(sender, Heard::default());
        let ended = Ended { how: How::Status(3), written: [1, 2] };
        for report in [Report::Started, Report::Ended(ended), Report::Started] {
            let frame = report.frame();
            assert_eq!(out(&frame), frame.len());
        }
        assert_eq!(session.stage(), Stage::Ended(ended));
        assert_eq!(news.try_iter().collect::<Vec<_>>(), [Stage::Running, Stage::Ended(ended)]);
    }

    #[test]
    fn nonsense_is_a_stage_of_its_own() {
        let (session, (sender, _news)) = (Session::default(), channel());
        session.listen(sender, Heard::default())(&[0xff; 64]);
        assert_eq!(session.stage(), Stage::Nonsense);
    }
}
