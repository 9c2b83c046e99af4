//! Sessions at a TCP port, one after the other.
//!
//! One thread lets clients in and reads what they send, no further ahead than a little; another talks to them. Whatever
//! a client does, the machine is only stopped as long as it is there.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SendError, Sender, SyncSender, channel, sync_channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use board::control::{News, Why};

use crate::packets::MOST_BYTES;
use crate::{Debugged, Machine, Outcome, Session};

/// What is read of a client at once.
const CHUNK: usize = 4096;
/// How long a client may take to read what it asked for.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long the end of the machine waits for clients to hear of it.
const FAREWELL: Duration = Duration::from_secs(1);

/// What the thread hears that talks.
enum Heard {
    /// A client has come.
    Came(TcpStream),
    /// It sent this, and sends more once the other is dropped.
    Sent(Vec<u8>, SyncSender<()>),
    /// It is gone.
    Gone,
    /// The machine.
    News(News),
    /// The machine has ended with this status.
    Ended(u8),
}

/// Who is told what the user should know, a sentence each.
pub type Tell = Arc<dyn Fn(&str) + Send + Sync>;

/// A port that is taken, for a machine that is not there yet.
pub struct Listening {
    listener: TcpListener,
    address: SocketAddr,
}

impl Listening {
    /// Takes the port.
    ///
    /// # Errors
    /// The host gives it to somebody else, or has no such address.
    pub fn at(address: SocketAddr) -> std::io::Result<Listening> {
        let listener = TcpListener::bind(address)?;
        Ok(Listening { address: listener.local_addr()?, listener })
    }

    /// Where it is.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

/// A debugger's way to a machine.
pub struct Server {
    say: Sender<Heard>,
    talks: JoinHandle<()>,
}

impl Server {
    /// Lets debuggers come to a machine.
    ///
    /// # Errors
    /// The host has no thread left.
    pub fn open(listening: Listening, machine: Machine, tell: Tell) -> std::io::Result<Server> {
        let (say, hears) = channel();
        let (news, clients) = (say.clone(), say.clone());
        let control = machine.control.clone();
        let reads = move || read_clients(&listening.listener, &clients);
        thread::Builder::new().name("gdb reads".into()).spawn(reads)?;
        let talk = move || Talk { machine, tell, client: None }.run(&hears);
        let talks = thread::Builder::new().name("gdb".into()).spawn(talk)?;
        control.listen(Box::new(move |what| _ = news.send(Heard::News(what))));
        Ok(Server { say, talks })
    }

    /// Tells a client that the machine has ended with this status.
    pub fn end(self, status: u8) {
        let until = Instant::now() + FAREWELL;
        let _ = self.say.send(Heard::Ended(status));
        while !self.talks.is_finished() && Instant::now() < until {
            thread::sleep(Duration::from_millis(1));
        }
    }
}

/// Lets clients in, one at a time, and passes on what they send, until nobody hears it.
fn read_clients(listener: &TcpListener, say: &Sender<Heard>) {
    for client in listener.incoming() {
        let heard = match client {
            Ok(client) => read_client(client, say),
            Err(_) => {
                thread::sleep(Duration::from_millis(100));
                Ok(())
            }
        };
        if heard.is_err() {
            return;
        }
    }
}

/// Passes on what a client sends.
///
/// # Errors
/// Nobody hears it.
fn read_client(mut client: TcpStream, say: &Sender<Heard>) -> Result<(), SendError<Heard>> {
    let _ = client.set_nodelay(true);
    let _ = client.set_write_timeout(Some(PATIENCE));
    let Ok(writes) = client.try_clone() else { return Ok(()) };
    say.send(Heard::Came(writes))?;
    let mut chunk = [0; CHUNK];
    loop {
        match client.read(&mut chunk) {
            Ok(0) => break,
            Ok(count) => {
                let (done, is_done) = sync_channel(0);
                say.send(Heard::Sent(chunk[..count].to_vec(), done))?;
                // no further ahead than this: nothing is kept of who floods
                let _ = is_done.recv();
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(_) => break,
        }
    }
    say.send(Heard::Gone)
}

/// A client.
struct Client {
    socket: TcpStream,
    /// None while the machine comes to a stop.
    session: Option<Session<Machine>>,
    /// What it sent before.
    early: Vec<u8>,
}

/// The thread that talks.
struct Talk {
    machine: Machine,
    tell: Tell,
    client: Option<Client>,
}

impl Talk {
    fn run(mut self, hears: &Receiver<Heard>) {
        for heard in hears {
            match heard {
                Heard::Came(socket) => self.came(socket),
                Heard::Sent(bytes, _done) => self.sent(&bytes),
                Heard::Gone => self.gone(),
                Heard::News(News::Stopped { hart, why }) => self.stopped(hart, &why),
                Heard::News(News::Ended) => {}
                Heard::Ended(status) => return self.ended(status),
            }
        }
    }

    fn came(&mut self, socket: TcpStream) {
        self.client = Some(Client { socket, session: None, early: Vec::new() });
        match self.machine.control.is_stopped() {
            true => self.begin(),
            false => self.machine.control.stop(),
        }
    }

    /// The machine stands, and a client is there.
    fn begin(&mut self) {
        let Some(client) = self.client.as_mut().filter(|client| client.session.is_none()) else { return };
        self.machine.witness.attend(true);
        client.session = Some(Session::new(self.machine.clone()));
        let early = std::mem::take(&mut client.early);
        self.sent(&early);
    }

    fn sent(&mut self, bytes: &[u8]) {
        let Some(client) = &mut self.client else { return };
        match &mut client.session {
            Some(session) => {
                let outcome = session.receive(bytes);
                self.follow(outcome);
            }
            // the machine stops soon, and a client says little before it is answered
            None => {
                client.early.extend(bytes);
                client.early.truncate(MOST_BYTES);
            }
        }
    }

    fn stopped(&mut self, hart: usize, why: &Why) {
        // of a client that is gone there may be news
        if !self.machine.control.is_stopped() {
            return;
        }
        let Some(client) = &mut self.client else { return };
        match &mut client.session {
            None => self.begin(),
            Some(session) => {
                let outcome = session.stopped(hart, why);
                self.follow(outcome);
            }
        }
    }

    /// Sends what there is, and does what the session has come to.
    fn follow(&mut self, outcome: Outcome) {
        let Some(client) = &mut self.client else { return };
        let is_sent = client.send();
        match outcome {
            Outcome::GoesOn if is_sent => {}
            Outcome::GoesOn => self.fail("does not read what it asked for"),
            Outcome::Detached => self.leave(),
            Outcome::Killed => {
                self.machine.kill();
                self.leave();
            }
            Outcome::Failed(why) => self.fail(&why),
        }
    }

    fn fail(&mut self, why: &str) {
        (self.tell)(&format!("the debugger {why}: its connection is closed, and the machine goes on"));
        self.leave();
    }

    fn gone(&mut self) {
        if self.client.is_some() {
            (self.tell)("the debugger is gone without a word; the machine goes on");
            self.leave();
        }
    }

    /// Lets the machine go on without the client.
    fn leave(&mut self) {
        if let Some(client) = self.client.take() {
            let _ = client.socket.shutdown(Shutdown::Both);
            self.machine.with(0, |hart| hart.all_go(&Arc::default()));
            self.machine.witness.attend(false);
            self.machine.control.detach();
        }
    }

    fn ended(&mut self, status: u8) {
        let Some(client) = &mut self.client else { return };
        client.session.iter_mut().for_each(|session| session.ended(status));
        client.send();
    }
}

impl Client {
    /// Sends what the session has to say. Whether the client takes it.
    fn send(&mut self) -> bool {
        let output = self.session.as_mut().map(Session::take_output).unwrap_or_default();
        self.socket.write_all(&output).is_ok()
    }
}
