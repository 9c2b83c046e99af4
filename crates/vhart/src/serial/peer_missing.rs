//! In place of [sockets and terminals](../peer) in a build that runs guests only: its console is where it was started.

use std::io::ErrorKind;

use anyhow::{Result, bail};
use devices::ConsoleOut;

use crate::cli::Socket;
use crate::terminal::Taker;

/// Nobody.
pub enum Peer {}

impl Peer {
    /// # Errors
    /// Always.
    pub fn socket(_socket: &Socket) -> Result<Peer> {
        bail!("this build of vhart has its console at standard input and output")
    }

    /// # Errors
    /// Always.
    pub fn pty() -> std::io::Result<Peer> {
        Err(ErrorKind::Unsupported.into())
    }

    /// Nowhere.
    pub fn output(&self) -> ConsoleOut {
        match *self {}
    }

    /// # Errors
    /// None.
    pub fn type_into(self, _taker: Taker) -> Result<()> {
        match self {}
    }
}
