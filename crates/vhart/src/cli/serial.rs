//! `--serial`: where the serial port leads to.

use std::path::PathBuf;

use super::properties::Properties;

/// Where a console leads to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Serial {
    /// Standard input and output.
    #[default]
    Stdio,
    /// Nowhere.
    Null,
    /// Output goes to a file; there is no input.
    File(PathBuf),
    /// A pipe, or a device.
    Pipe(PathBuf),
    /// A terminal of its own, whose name is told.
    Pty,
    /// A socket.
    Socket(Socket),
    /// Input alone: the size of the window at standard output. A port may lead there, no serial port.
    Window,
}

/// A socket that a console leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Socket {
    /// Its address.
    pub address: Address,
    /// What vhart is there.
    pub role: Role,
}

/// Where a socket is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    /// `HOST:PORT`
    Tcp(String),
    /// A socket file.
    Unix(PathBuf),
}

/// What vhart is at a socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// It connects to somebody who listens.
    Client,
    /// It listens, and the machine runs once somebody has come.
    WaitingServer,
    /// It listens, and the machine runs; what it says before somebody has come is lost.
    Server,
}

/// What there is, for sentences about what there is not.
pub const KINDS: &str = "stdio, null, file:FILE, pipe:FILE, pty, tcp:HOST:PORT and unix:FILE";

/// Reads `stdio`, `null`, `file:FILE`, `pipe:FILE`, `pty`, or QEMU's `tcp:HOST:PORT,server=on,wait=off` and
/// `unix:FILE,...`.
pub fn parse(text: &str) -> Result<Serial, String> {
    match text.split_once(':') {
        None if text == "stdio" => Ok(Serial::Stdio),
        None if matches!(text, "null" | "none") => Ok(Serial::Null),
        None if text == "pty" => Ok(Serial::Pty),
        Some(("file", file)) if !file.is_empty() => Ok(Serial::File(file.into())),
        Some(("pipe", file)) if !file.is_empty() => Ok(Serial::Pipe(file.into())),
        Some((kind @ ("tcp" | "unix"), rest)) => socket(kind, rest).map(Serial::Socket),
        _ => Err(format!("there is no '{text}' here; there are {KINDS}")),
    }
}

fn address_of(kind: &str, text: &str) -> Result<Address, String> {
    match (kind, text.rsplit_once(':')) {
        ("unix", _) if !text.is_empty() => Ok(Address::Unix(text.into())),
        ("tcp", Some((host, port))) if port.parse::<u16>().is_ok() => {
            Ok(Address::Tcp(format!("{}:{port}", if host.is_empty() { "localhost" } else { host })))
        }
        _ => Err("write tcp:HOST:PORT or unix:FILE, and [,server=on][,wait=off] behind it".into()),
    }
}

fn socket(kind: &str, text: &str) -> Result<Socket, String> {
    let mut all = Properties::read("a socket", text, Some("address"));
    let address = all.take("address").unwrap_or_default();
    let address = address_of(kind, &address)?;
    let role = match (all.take_switch("server")?, all.take_switch("wait")?) {
        (Some(true), Some(false)) => Role::Server,
        (Some(true), _) => Role::WaitingServer,
        _ => Role::Client,
    };
    all.take_any(&["nodelay", "reconnect", "reconnect-ms", "telnet"]);
    all.finish()?;
    Ok(Socket { address, role })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_console_is_at_the_terminal_in_a_file_or_nowhere() {
        assert_eq!(parse("stdio"), Ok(Serial::Stdio));
        assert_eq!(parse("null"), Ok(Serial::Null));
        assert_eq!(parse("pty"), Ok(Serial::Pty));
        assert_eq!(parse("file:a:b"), Ok(Serial::File("a:b".into())));
        for text in
            ["", "file:", "stdio:", "vc", "tcp", "tcp:", "tcp:host", "tcp:host:port", "unix:", "unix:a,color=red"]
        {
            assert!(parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_socket_is_listened_at_or_connected_to() {
        let socket = |address, role| Ok(Serial::Socket(Socket { address, role }));
        assert_eq!(parse("tcp::4000"), socket(Address::Tcp("localhost:4000".into()), Role::Client));
        assert_eq!(parse("tcp:[::1]:4000,server"), socket(Address::Tcp("[::1]:4000".into()), Role::WaitingServer));
        assert_eq!(parse("unix:a.sock,server=on,wait=off"), socket(Address::Unix("a.sock".into()), Role::Server));
        assert_eq!(parse("unix:a.sock,server,nowait"), socket(Address::Unix("a.sock".into()), Role::Server));
    }
}
