//! `--net` and `--forward`: a network card, and ways in.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use virtio::{Forward, Protocol};

/// A network card.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Net {
    /// No card.
    None,
    /// A card behind a user-space network, and ports forwarded to the guest.
    User(Vec<Forward>),
}

/// Reads `user`, `none` or QEMU's `user,hostfwd=tcp::2222-:22`.
pub fn parse_net(text: &str) -> Result<Net, String> {
    let mut parts = text.split(',');
    match parts.next() {
        Some("none") => return Ok(Net::None),
        Some("user") => {}
        other => return Err(format!("there is no network '{}'; there are user and none", other.unwrap_or_default())),
    }
    let mut forwards = Vec::new();
    for part in parts {
        match part.split_once('=') {
            Some(("hostfwd", rule)) => forwards.push(parse_hostfwd(rule)?),
            Some(("id" | "model", _)) => {}
            _ => return Err(format!("there is no '{part}' here; there is hostfwd=tcp::PORT-:PORT")),
        }
    }
    Ok(Net::User(forwards))
}

/// Reads `2222:22`, `tcp:2222:22`, `udp:127.0.0.1:5353:53`, or what QEMU's `hostfwd=` takes.
pub fn parse_forward(text: &str) -> Result<Forward, String> {
    if text.contains('-') {
        return parse_hostfwd(text);
    }
    let (protocol, rest) = protocol(text);
    let (listen, guest) = rest.rsplit_once(':').ok_or_else(|| explain(text))?;
    forward(protocol, listen, guest).ok_or_else(|| explain(text))
}

/// QEMU's `tcp:[ADDRESS]:PORT-[ADDRESS]:PORT`. The guest's address is always its own.
fn parse_hostfwd(text: &str) -> Result<Forward, String> {
    let (protocol, rest) = protocol(text);
    let (listen, guest) = rest.split_once('-').ok_or_else(|| explain(text))?;
    let (_, guest) = guest.rsplit_once(':').ok_or_else(|| explain(text))?;
    forward(protocol, listen, guest).ok_or_else(|| explain(text))
}

fn protocol(text: &str) -> (Protocol, &str) {
    match text.split_once(':') {
        Some(("tcp", rest)) => (Protocol::Tcp, rest),
        Some(("udp", rest)) => (Protocol::Udp, rest),
        _ => (Protocol::Tcp, text),
    }
}

/// `listen` is `PORT`, `:PORT` or `ADDRESS:PORT`. Without an address only this computer reaches the port.
fn forward(protocol: Protocol, listen: &str, guest: &str) -> Option<Forward> {
    let (address, port) = listen.rsplit_once(':').unwrap_or(("", listen));
    let address = match address.trim_start_matches('[').trim_end_matches(']') {
        "" | "localhost" => IpAddr::V4(Ipv4Addr::LOCALHOST),
        address => address.parse().ok()?,
    };
    let guest_port = guest.parse().ok().filter(|&port| port != 0)?;
    Some(Forward { protocol, host: SocketAddr::new(address, port.parse().ok()?), guest_port })
}

fn explain(text: &str) -> String {
    format!("'{text}' is not [tcp:|udp:][ADDRESS:]PORT:GUESTPORT, for example 2222:22")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tcp(listen: &str, guest_port: u16) -> Forward {
        Forward { protocol: Protocol::Tcp, host: listen.parse().unwrap(), guest_port }
    }

    #[test]
    fn a_pair_of_ports_is_tcp_on_this_computer_only() {
        assert_eq!(parse_forward("2222:22"), Ok(tcp("127.0.0.1:2222", 22)));
    }

    #[test]
    fn protocol_and_address_can_be_named() {
        let udp = Forward { protocol: Protocol::Udp, ..tcp("0.0.0.0:5353", 53) };
        assert_eq!(parse_forward("udp:0.0.0.0:5353:53"), Ok(udp));
        assert_eq!(parse_forward("[::1]:2222:22"), Ok(tcp("[::1]:2222", 22)));
    }

    #[test]
    fn qemus_spelling_is_understood() {
        assert_eq!(parse_forward("tcp::2222-:22"), Ok(tcp("127.0.0.1:2222", 22)));
        let net = parse_net("user,id=net0,hostfwd=tcp:127.0.0.1:80-10.0.2.15:8080");
        assert_eq!(net, Ok(Net::User(vec![tcp("127.0.0.1:80", 8080)])));
        assert_eq!(parse_net("none"), Ok(Net::None));
    }

    #[test]
    fn what_is_no_port_is_refused() {
        for text in ["", "22", "a:b", "70000:22", "22:0", "host:22:22", "tcp:22", "-"] {
            assert!(parse_forward(text).is_err(), "{text}");
        }
        assert!(parse_net("tap").is_err());
        assert!(parse_net("user,restrict=on").is_err());
    }
}
