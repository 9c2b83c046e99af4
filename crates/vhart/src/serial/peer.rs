//! Somebody at the other end of a socket or of a terminal of our own.

use std::fs::File;
use std::io::Write;
use std::net::{TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, Result};
use devices::ConsoleOut;
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{OptionalActions, tcgetattr, tcsetattr};

use super::pipe::read_all;
use crate::cli::{Address, Role, Socket};
use crate::errors;
use crate::terminal::Taker;

/// The other end, as far as there is one.
pub struct Peer {
    /// Who is there now.
    now: Connection,
    /// Where the next one comes.
    listener: Option<Listener>,
    /// Held so that a terminal of our own has somebody who keeps it open.
    _terminal: Option<OwnedFd>,
}

type Connection = Arc<Mutex<Option<File>>>;

enum Listener {
    Tcp(TcpListener),
    Unix(UnixListener),
}

impl Listener {
    /// Waits for the next one.
    fn accept(&self) -> std::io::Result<File> {
        Ok(match self {
            Listener::Tcp(listener) => OwnedFd::from(listener.accept()?.0).into(),
            Listener::Unix(listener) => OwnedFd::from(listener.accept()?.0).into(),
        })
    }
}

impl Peer {
    /// The other end of a socket.
    ///
    /// # Errors
    /// Nobody listens there, or the address cannot be had.
    pub fn socket(socket: &Socket) -> Result<Peer> {
        let name = name(&socket.address);
        if socket.role == Role::Client {
            let file = connect(&socket.address).with_context(|| format!("cannot connect the console to {name}"))?;
            return Ok(Peer { now: Arc::new(Mutex::new(Some(file))), listener: None, _terminal: None });
        }
        let listener = listen(&socket.address).with_context(|| format!("cannot listen for the console at {name}"))?;
        let first = match socket.role {
            Role::WaitingServer => Some(first(&listener, &name)?),
            Role::Server | Role::Client => None,
        };
        Ok(Peer { now: Arc::new(Mutex::new(first)), listener: Some(listener), _terminal: None })
    }

    /// A terminal of our own, whose name is told.
    ///
    /// # Errors
    /// The host gives none.
    pub fn pty() -> std::io::Result<Peer> {
        let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY)?;
        grantpt(&master)?;
        unlockpt(&master)?;
        let name = ptsname(&master, Vec::new())?.into_string().map_err(std::io::Error::other)?;
        let terminal = OwnedFd::from(File::options().read(true).write(true).open(Path::new(&name))?);
        let mut settings = tcgetattr(&terminal)?;
        settings.make_raw();
        tcsetattr(&terminal, OptionalActions::Now, &settings)?;
        errors::tell(format!("the console is at {name}"));
        let now = Arc::new(Mutex::new(Some(File::from(master))));
        Ok(Peer { now, listener: None, _terminal: Some(terminal) })
    }

    /// Sends to whoever is there; what nobody hears is lost.
    pub fn output(&self) -> ConsoleOut {
        let now = self.now.clone();
        Box::new(move |bytes| {
            let file = lock(&now).as_ref().and_then(|file| file.try_clone().ok());
            // Whoever went away is noticed by the reader.
            let _ = file.map(|mut file| file.write_all(bytes));
        })
    }

    /// Hands on what arrives, from one after the other, on a thread of its own.
    ///
    /// # Errors
    /// The host has no room for a thread.
    pub fn type_into(self, mut taker: Taker) -> Result<()> {
        let typing = move || {
            loop {
                let file = lock(&self.now).as_ref().and_then(|file| file.try_clone().ok());
                (taker.there)(file.is_some());
                file.into_iter().for_each(|file| read_all(file, &mut taker));
                (taker.there)(false);
                *lock(&self.now) = None;
                let Some(Ok(next)) = self.listener.as_ref().map(Listener::accept) else { return };
                *lock(&self.now) = Some(next);
            }
        };
        std::thread::Builder::new().name("console input".into()).spawn(typing).context("no thread").map(drop)
    }
}

fn lock(now: &Connection) -> std::sync::MutexGuard<'_, Option<File>> {
    now.lock().unwrap_or_else(PoisonError::into_inner)
}

fn name(address: &Address) -> String {
    match address {
        Address::Tcp(address) => format!("tcp:{address}"),
        Address::Unix(path) => format!("unix:{}", path.display()),
    }
}

/// Waits for somebody to come.
fn first(listener: &Listener, name: &str) -> Result<File> {
    errors::tell(format!("waiting for somebody to come to the console at {name}"));
    listener.accept().with_context(|| format!("cannot accept at {name}"))
}

fn connect(address: &Address) -> std::io::Result<File> {
    Ok(match address {
        Address::Tcp(address) => OwnedFd::from(TcpStream::connect(address)?).into(),
        Address::Unix(path) => OwnedFd::from(UnixStream::connect(path)?).into(),
    })
}

/// Listens at `address`. A socket file that nobody listens at any more is replaced.
fn listen(address: &Address) -> std::io::Result<Listener> {
    match address {
        Address::Tcp(address) => TcpListener::bind(address).map(Listener::Tcp),
        Address::Unix(path) => {
            if UnixStream::connect(path).is_err_and(|error| error.kind() == std::io::ErrorKind::ConnectionRefused) {
                std::fs::remove_file(path)?;
            }
            UnixListener::bind(path).map(Listener::Unix)
        }
    }
}
