//! The thread that serves a share's messages.
//!
//! One message at a time: it holds the transport only to give an answer and take the next message. What is served for a
//! driver that has reset the device meanwhile is not given back, and what that driver had open is forgotten.
//!
//! The session is held from the first message taken to the last answer given. A hart that notifies while nobody holds
//! it serves short messages itself (`short.rs`): to wake a thread and be woken takes longer, and on a busy computer
//! much longer. Locks, outermost first: the session, the transport; a hart, which has the transport, only tries for the
//! session.

use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, Weak};
use std::thread::JoinHandle;

use super::server::Server;
use super::short::Pace;
use super::wire::Reply;
use super::{Asked, Share};
use crate::transport::MmioTransport;

/// What the driver's client has open, and the answer that is being made.
pub(super) struct Session {
    server: Box<Server>,
    reply: Reply,
    /// Whose it is.
    generation: u64,
}

impl Session {
    /// Forgets what a driver had open that has reset the device since.
    pub fn renew(&mut self, generation: u64) {
        if generation != self.generation {
            self.generation = generation;
            self.server.reset();
        }
    }

    /// Serves a message; answers its answer.
    pub fn serve(&mut self, asked: &Asked) -> &[u8] {
        self.server.serve(&asked.message, asked.room(), &mut self.reply)
    }
}

/// The thread, as its share knows it. Dropping it ends it, after the message that it is at.
pub(super) struct Thread {
    /// None only while it is dropped. One message that there is something to do is as good as many.
    bell: Option<SyncSender<()>>,
    handle: Option<JoinHandle<()>>,
    /// Held while the thread is at work.
    pub session: Arc<Mutex<Session>>,
    /// How harts that serve in its place get on.
    pub pace: Pace,
}

impl Thread {
    /// Starts the thread for the share in `transport`.
    ///
    /// # Errors
    /// The host has no more threads: the server is given back.
    pub fn start(server: Box<Server>, transport: &Arc<Mutex<MmioTransport<Share>>>) -> Result<Self, Box<Server>> {
        let (bell, rung) = sync_channel(1);
        let session = Arc::new(Mutex::new(Session { server, reply: Reply::default(), generation: 0 }));
        let worker = Worker { session: Arc::downgrade(&session), transport: Arc::downgrade(transport), rung };
        match std::thread::Builder::new().name("share".into()).spawn(move || worker.run()) {
            Ok(handle) => Ok(Thread { bell: Some(bell), handle: Some(handle), session, pace: Pace::default() }),
            // It holds nothing itself.
            Err(_) => Err(Arc::into_inner(session)
                .and_then(|session| session.into_inner().ok())
                .expect("nobody else has the session")
                .server),
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
    session: Weak<Mutex<Session>>,
    transport: Weak<Mutex<MmioTransport<Share>>>,
    rung: Receiver<()>,
}

impl Worker {
    /// Ends with the share's transport.
    fn run(self) {
        while self.rung.recv().is_ok() {
            let Some(session) = self.session.upgrade() else { return };
            let Ok(mut session) = session.lock() else { return };
            let mut next = self.next(&mut session, None);
            while let Some(asked) = next {
                session.serve(&asked);
                next = self.next(&mut session, Some(asked));
            }
        }
    }

    /// Gives an answer, and takes the next message.
    fn next(&self, session: &mut Session, ended: Option<Asked>) -> Option<Asked> {
        let transport = self.transport.upgrade()?;
        let mut next = None;
        let generation = {
            let mut transport = transport.lock().ok()?;
            transport.work(|share, rings| {
                next = share.give_and_take(ended.map(|asked| (asked, session.reply.as_bytes())), rings)?;
                Ok(())
            });
            transport.device().generation
        };
        session.renew(generation);
        next
    }
}
