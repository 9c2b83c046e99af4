//! A door for the crate `fuzz`: a session without a device.

use super::ShareDir;
use super::server::Server;
use super::wire::Reply;

/// A client's session with a shared directory.
pub struct Session {
    server: Box<Server>,
    reply: Reply,
}

impl Session {
    /// A session that has not begun.
    pub fn new(directory: ShareDir) -> Self {
        Session { server: directory.server, reply: Reply::default() }
    }

    /// The answer to a message, of at most `room` bytes.
    pub fn message(&mut self, message: &[u8], room: usize) -> &[u8] {
        self.server.serve(message, room, &mut self.reply)
    }
}
