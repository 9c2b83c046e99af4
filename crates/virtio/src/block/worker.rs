//! The thread that serves a disk's requests.
//!
//! One request at a time: the thread takes the next when it gives one back. It holds the disk only for a piece of a
//! request, and the transport only to give back and take, never both. A reset (`cancel`) waits for the piece and makes
//! what is left of the request void, so that nothing is written to memory afterwards.

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::thread::JoinHandle;

use memory::GuestMemoryMmap;

use super::Block;
use super::base::Patience;
use super::request::{Disk, Job, Status, Step};
use crate::ring::Broken;
use crate::transport::MmioTransport;

/// A disk that a thread and a hart use.
pub(super) struct Shared {
    disk: Mutex<Disk>,
    /// Counts what makes requests void.
    generation: AtomicU64,
}

/// A request for the thread, or a look at the ring.
pub(super) struct Order {
    pub generation: u64,
    pub job: Option<Job>,
}

impl Shared {
    pub fn new(disk: Disk) -> Arc<Self> {
        Arc::new(Shared { disk: Mutex::new(disk), generation: AtomicU64::new(0) })
    }

    pub fn disk(&self) -> MutexGuard<'_, Disk> {
        self.disk.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The disk, if nobody uses it.
    pub fn free_disk(&self) -> Option<MutexGuard<'_, Disk>> {
        self.disk.try_lock().ok()
    }

    pub fn generation(&self) -> u64 {
        self.generation.load(Ordering::SeqCst)
    }

    /// No request of before touches memory from here on.
    pub fn cancel(&self) {
        self.generation.fetch_add(1, Ordering::SeqCst);
        drop(self.disk());
    }

    /// Serves a request to its end; `None` when it became void.
    fn serve(&self, memory: &GuestMemoryMmap, generation: u64, job: &mut Job) -> Option<Result<Status, Broken>> {
        loop {
            let step = {
                let mut disk = self.disk();
                if self.generation() != generation {
                    return None;
                }
                job.advance(&mut disk, memory, Patience::Wait)
            };
            match step {
                Ok(Step::More | Step::Wait) => {}
                Ok(Step::Sync(stable)) => {
                    let result = stable.wait();
                    job.synced(&mut self.disk(), result);
                }
                Ok(Step::Done(status)) => return Some(Ok(status)),
                Err(Broken) => return Some(Err(Broken)),
            }
        }
    }
}

/// The thread, as its disk knows it. Dropping it ends it, after the piece that it is at.
pub(super) struct Thread {
    /// None only while it is dropped.
    orders: Option<Sender<Order>>,
    shared: Arc<Shared>,
    handle: Option<JoinHandle<()>>,
}

impl Thread {
    /// Starts the thread for the disk in `transport`.
    ///
    /// # Errors
    /// The host has no more threads.
    pub fn start(
        shared: Arc<Shared>,
        memory: Arc<GuestMemoryMmap>,
        transport: Weak<Mutex<MmioTransport<Block>>>,
    ) -> io::Result<Self> {
        let (orders, receiver) = channel();
        let worker = Worker { shared: shared.clone(), memory, transport, receiver };
        let handle = std::thread::Builder::new().name("disk".into()).spawn(move || worker.run())?;
        Ok(Thread { orders: Some(orders), shared, handle: Some(handle) })
    }

    /// Gives it something to do. Answers whether it is there to do it.
    pub fn send(&self, order: Order) -> bool {
        self.orders.as_ref().is_some_and(|orders| orders.send(order).is_ok())
    }
}

impl Drop for Thread {
    fn drop(&mut self) {
        self.orders = None;
        self.shared.generation.fetch_add(1, Ordering::SeqCst);
        // The thread itself may be the last who holds the disk.
        let other = self.handle.take().filter(|handle| handle.thread().id() != std::thread::current().id());
        if let Some(handle) = other {
            // A panic of the thread is not one of whoever ends it.
            let _ = handle.join();
        }
    }
}

struct Worker {
    shared: Arc<Shared>,
    memory: Arc<GuestMemoryMmap>,
    transport: Weak<Mutex<MmioTransport<Block>>>,
    receiver: Receiver<Order>,
}

impl Worker {
    /// Ends with the disk's transport.
    fn run(self) {
        while let Ok(order) = self.receiver.recv() {
            let mut next = Some(order);
            while let Some(order) = next {
                next = self.carry_out(order);
            }
        }
    }

    /// Answers what to do next.
    fn carry_out(&self, order: Order) -> Option<Order> {
        let Order { generation, job } = order;
        let ended = match job {
            Some(mut job) => {
                let result = self.shared.serve(&self.memory, generation, &mut job)?;
                Some((job, result))
            }
            None => None,
        };
        let transport = self.transport.upgrade()?;
        let mut transport = transport.lock().ok()?;
        let mut next = None;
        transport.work(|block, rings| {
            if block.is_current(generation) {
                next = block.give_and_take(&self.memory, ended, rings)?;
            }
            Ok(())
        });
        next
    }
}
