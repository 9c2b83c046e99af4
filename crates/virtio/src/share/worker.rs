//! The thread that serves a share's messages.
//!
//! One message at a time: it holds the transport only to give an answer and take the next message, and the files only
//! while it does not. What is served for a driver that has reset the device meanwhile is not given back, and what that
//! driver had open is forgotten.

use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, Weak};
use std::thread::JoinHandle;

use super::server::Server;
use super::wire::Reply;
use super::{Asked, Share};
use crate::transport::MmioTransport;

/// The thread, as its share knows it. Dropping it ends it, after the message that it is at.
pub(super) struct Thread {
    /// None only while it is dropped. One message that there is something to do is as good as many.
    bell: Option<SyncSender<()>>,
    handle: Option<JoinHandle<()>>,
}

impl Thread {
    /// Starts the thread for the share in `transport`.
    ///
    /// # Errors
    /// The host has no more threads: the server is given back.
    pub fn start(server: Box<Server>, transport: &Arc<Mutex<MmioTransport<Share>>>) -> Result<Self, Box<Server>> {
        let (bell, rung) = sync_channel(1);
        let transport = Arc::downgrade(transport);
        // The server is handed over when the thread is there.
        let (hand, handed) = sync_channel(1);
        let builder = std::thread::Builder::new().name("share".into());
        let spawned = builder.spawn(move || {
            if let Ok(server) = handed.recv() {
                Worker { server, transport, rung, reply: Reply::default(), generation: 0 }.run();
            }
        });
        match spawned {
            Ok(handle) => {
                // It waits for this.
                let _ = hand.send(server);
                Ok(Thread { bell: Some(bell), handle: Some(handle) })
            }
            Err(_) => Err(server),
        }
    }

    /// There is something to do.
    pub fn wake(&self) {
        // Where the bell rings already, the thread looks anyway.
        let _ = self.bell.as_ref().map(|bell| bell.try_send(()));
    }
}

impl Drop for Thread {
    fn drop(&mut self) {
        self.bell = None;
        // The thread itself may be the last who holds the share.
        let other = self.handle.take().filter(|handle| handle.thread().id() != std::thread::current().id());
        if let Some(handle) = other {
            // A panic of the thread is not one of whoever ends it.
            let _ = handle.join();
        }
    }
}

struct Worker {
    server: Box<Server>,
    transport: Weak<Mutex<MmioTransport<Share>>>,
    rung: Receiver<()>,
    reply: Reply,
    /// Whose session the server has.
    generation: u64,
}

impl Worker {
    /// Ends with the share's transport.
    fn run(mut self) {
        while self.rung.recv().is_ok() {
            let mut next = self.next(None);
            while let Some(asked) = next {
                self.server.serve(&asked.message, asked.room(), &mut self.reply);
                next = self.next(Some(asked));
            }
        }
    }

    /// Gives an answer, and takes the next message.
    fn next(&mut self, ended: Option<Asked>) -> Option<Asked> {
        let transport = self.transport.upgrade()?;
        let mut next = None;
        let generation = {
            let mut transport = transport.lock().ok()?;
            transport.work(|share, rings| {
                next = share.give_and_take(ended.map(|asked| (asked, self.reply.as_bytes())), rings)?;
                Ok(())
            });
            transport.device().generation
        };
        if generation != self.generation {
            self.generation = generation;
            self.server.reset();
        }
        next
    }
}
