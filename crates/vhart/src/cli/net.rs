//! `--net` and `--forward`: a network card, and ways in.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use virtio::{Forward, Protocol, Reach};

use super::properties::Properties;

/// A network card.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Net {
    /// No card.
    None,
    /// A card behind a user-space network.
    User(User),
}

/// A user-space network.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct User {
    /// Ports forwarded to the guest.
    pub forwards: Vec<Forward>,
    /// What the guest reaches.
    pub reach: Reach,
    /// The card's address, if it is not the usual one.
    pub mac: Option<[u8; 6]>,
    /// The virtio-mmio slot, if it matters.
    pub slot: Option<usize>,
}

/// Reads `user`, `none` or QEMU's `user,restrict=on,hostfwd=tcp::2222-:22`.
pub fn parse_net(text: &str) -> Result<Net, String> {
    let mut all = Properties::read("a network", text, Some("type"));
    match all.take("type").as_deref() {
        Some("none") => return all.finish().map(|()| Net::None),
        Some("user") => {}
        other => return Err(format!("there is no network '{}'; there are user and none", other.unwrap_or_default())),
    }
    all.take_any(&["id", "model"]);
    let reach = match all.take_switch("restrict")? {
        Some(true) => Reach::Nothing,
        Some(false) | None => Reach::Everything,
    };
    let mac = all.take("mac").map(|text| parse_mac(&text)).transpose()?;
    let slot = all.take_slot()?;
    let forwards = all.take_all("hostfwd").iter().map(|rule| parse_hostfwd(rule)).collect::<Result<_, _>>()?;
    match all.rest().first() {
        None => Ok(Net::User(User { forwards, reach, mac, slot })),
        Some((key, value)) => {
            Err(format!("there is no '{key}={value}' here; there are hostfwd=tcp::PORT-:PORT, restrict, mac and bus"))
        }
    }
}

/// Reads `52:54:00:12:34:56`. A card's own address is not one of a group.
fn parse_mac(text: &str) -> Result<[u8; 6], String> {
    let bytes: Option<Vec<u8>> =
        text.split([':', '-']).map(|byte| u8::from_str_radix(byte, 16).ok().filter(|_| byte.len() == 2)).collect();
    let mac = bytes.and_then(|bytes| <[u8; 6]>::try_from(bytes).ok());
    mac.filter(|mac| mac[0] & 1 == 0 && *mac != [0; 6])
        .ok_or_else(|| format!("mac is an address such as 52:54:00:12:34:56, not '{text}'"))
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
        let forwards = vec![tcp("127.0.0.1:80", 8080)];
        assert_eq!(net, Ok(Net::User(User { forwards, ..User::default() })));
        assert_eq!(parse_net("none"), Ok(Net::None));
    }

    #[test]
    fn a_card_can_be_restricted_and_have_an_address() {
        let net = parse_net("user,restrict=on,mac=52:54:00:00:00:0a");
        let mac = Some([0x52, 0x54, 0, 0, 0, 10]);
        assert_eq!(net, Ok(Net::User(User { reach: Reach::Nothing, mac, ..User::default() })));
        assert_eq!(parse_net("user,restrict=off"), Ok(Net::User(User::default())));
        for text in
            ["52:54:00:12:34", "52:54:00:12:34:56:78", "01:00:5e:00:00:01", "0:0:0:0:0:0", "xx:54:00:12:34:56", ""]
        {
            assert!(parse_net(&format!("user,mac={text}")).is_err(), "{text}");
        }
    }

    #[test]
    fn what_is_no_port_is_refused() {
        for text in ["", "22", "a:b", "70000:22", "22:0", "host:22:22", "tcp:22", "-"] {
            assert!(parse_forward(text).is_err(), "{text}");
        }
        assert!(parse_net("tap").is_err());
        assert!(parse_net("user,restrict=maybe").is_err());
        assert!(parse_net("user,smb=/tmp").is_err());
        assert!(parse_net("none,restrict=on").is_err());
    }
}
