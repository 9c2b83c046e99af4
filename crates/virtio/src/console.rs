//! The console device.
//!
//! Models VIRTIO 1.2, "Console Device", with one port and without a size.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use virtio_bindings::virtio_ids::VIRTIO_ID_CONSOLE;

use crate::ring::{Broken, Ring};
use crate::transport::{MmioTransport, VirtioDevice};

pub use devices::ConsoleOut;

const RECEIVE: usize = 0;
const TRANSMIT: usize = 1;
/// Most bytes of input that wait for the guest.
const MOST_INPUT: usize = 64 << 10;
/// Output goes out in pieces of at most this size.
const PIECE_BYTES: usize = 4096;

/// A console.
pub struct Console {
    out: ConsoleOut,
    input: VecDeque<u8>,
}

impl Console {
    /// A console that sends to `out`.
    pub fn new(out: ConsoleOut) -> Self {
        Console { out, input: VecDeque::new() }
    }

    fn transmit(&mut self, ring: &mut Ring) -> Result<(), Broken> {
        let memory = ring.memory();
        while let Some(mut request) = ring.pop()? {
            let mut piece = [0; PIECE_BYTES];
            while !request.readable.is_empty() {
                let len = request.readable.read(&memory, &mut piece)?;
                (self.out)(&piece[..len]);
            }
            ring.finish(request, 0)?;
        }
        Ok(())
    }

    fn receive(&mut self, ring: &mut Ring) -> Result<(), Broken> {
        let memory = ring.memory();
        while !self.input.is_empty() {
            let Some(mut request) = ring.pop()? else { break };
            let len = request.writable.write(&memory, self.input.make_contiguous())?;
            self.input.drain(..len);
            ring.finish(request, len as u32)?;
        }
        Ok(())
    }
}

impl VirtioDevice for Console {
    const ID: u32 = VIRTIO_ID_CONSOLE;
    const QUEUE_SIZES: &'static [u16] = &[64, 64];

    fn features(&self) -> u64 {
        0
    }

    fn read_config(&self, _offset: u64, _data: &mut [u8]) {}

    fn notify(&mut self, queue: usize, rings: &mut [Option<Ring>]) -> Result<(), Broken> {
        match (queue, rings.get_mut(queue)) {
            (RECEIVE, Some(Some(ring))) => self.receive(ring),
            (TRANSMIT, Some(Some(ring))) => self.transmit(ring),
            _ => Ok(()),
        }
    }

    fn reset(&mut self) {
        self.input.clear();
    }
}

/// Where a console's input comes in, from any thread.
#[derive(Clone)]
pub struct ConsoleInput(Arc<Mutex<MmioTransport<Console>>>);

impl ConsoleInput {
    /// The input of `console`.
    pub fn new(console: Arc<Mutex<MmioTransport<Console>>>) -> Self {
        ConsoleInput(console)
    }

    /// Gives `bytes` to the guest. Answers how many were taken; offer the rest later.
    pub fn send(&self, bytes: &[u8]) -> usize {
        let mut transport = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let input = &mut transport.device().input;
        let taken = bytes.len().min(MOST_INPUT.saturating_sub(input.len()));
        input.extend(&bytes[..taken]);
        transport.work(|console, rings| console.notify(RECEIVE, rings));
        taken
    }
}
