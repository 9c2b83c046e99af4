//! vhart's orders, as they come over the control port.

use std::fs::File;
use std::io;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};

use super::Group;
use super::pump::{self, Input, Unwanted};
use crate::wire::{Order, Output, Task, Terms, nonsense};

/// Where programs come from, and what is told of each that runs.
pub struct Orders {
    programs: Receiver<(Terms, Task)>,
    begun: SyncSender<()>,
    running: Arc<Mutex<Option<Running>>>,
}

/// A program that runs, as far as orders are about it.
pub struct Running {
    pub group: Group,
    pub input: Arc<Input>,
    pub drains: [Unwanted; 2],
}

impl Orders {
    /// Begins to read them, on a thread of its own.
    pub fn obey(mut control: File) -> Orders {
        let (programs, next) = sync_channel(0);
        let (begun, began) = sync_channel(0);
        let running = Arc::<Mutex<Option<Running>>>::default();
        let current = running.clone();
        std::thread::spawn(move || {
            let mut terms = Terms::default();
            while let Ok(order) = read(&mut control) {
                match order {
                    Order::Terms(next) => terms = next,
                    Order::Run(task) => {
                        // What follows is about this one, and waits until it is there.
                        if programs.send((std::mem::take(&mut terms), task)).is_err() || began.recv().is_err() {
                            return;
                        }
                    }
                    order => {
                        current.lock().unwrap_or_else(PoisonError::into_inner).iter().for_each(|it| it.obey(&order))
                    }
                }
            }
        });
        Orders { programs: next, begun, running }
    }

    /// The next program, waited for.
    ///
    /// # Errors
    /// What came made no sense.
    pub fn next(&self) -> io::Result<(Terms, Task)> {
        self.programs.recv().map_err(|_| nonsense())
    }

    /// What follows is about this program, or none if it could not be started.
    pub fn begin(&self, running: Option<Running>) {
        *self.running.lock().unwrap_or_else(PoisonError::into_inner) = running;
        // Whoever reads is there while somebody orders.
        let _ = self.begun.send(());
    }
}

/// The next order; a port that nobody has connected yet has an end at once.
fn read(control: &mut File) -> io::Result<Order> {
    struct Patient<'a>(&'a mut File);
    impl io::Read for Patient<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            pump::read_on(self.0, buffer)
        }
    }
    Order::read(&mut Patient(control))
}

impl Running {
    fn obey(&self, order: &Order) {
        match *order {
            Order::Terms(_) | Order::Run(_) => {}
            Order::InputEnds(total) => self.input.ends_at(total),
            Order::Signal(number) => self.group.signal(number),
            Order::Unwanted(Output::Out) => self.drains[0].tell(),
            Order::Unwanted(Output::Err) => self.drains[1].tell(),
        }
    }
}
