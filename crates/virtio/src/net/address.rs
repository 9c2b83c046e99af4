//! The addresses of the guest's network, and what they stand for on the host.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

/// The guest.
pub const GUEST: Ipv4Addr = Ipv4Addr::new(10, 0, 2, 15);
/// The gateway, DHCP server, and the host as the guest sees it.
pub const GATEWAY: Ipv4Addr = Ipv4Addr::new(10, 0, 2, 2);
/// The name server.
pub const DNS: Ipv4Addr = Ipv4Addr::new(10, 0, 2, 3);
/// Of the guest's network.
pub const NETMASK: Ipv4Addr = Ipv4Addr::new(255, 255, 255, 0);
/// Everyone in the guest's network.
pub const BROADCAST: Ipv4Addr = Ipv4Addr::new(10, 0, 2, 255);
/// The gateway's Ethernet address, a locally administered one.
pub const GATEWAY_MAC: [u8; 6] = [0x52, 0x55, 10, 0, 2, 2];

const DNS_PORT: u16 = 53;

/// What the guest reaches. Ways in are not affected.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Reach {
    /// The host's own services at the gateway's address, and whatever the host reaches.
    #[default]
    Everything,
    /// Address, router and pings of them, and nobody else: QEMU's `restrict=on`.
    Nothing,
}

impl Reach {
    /// Where the host finds what the guest calls `address`:`port`; `None` for nobody.
    pub fn on_host(self, address: Ipv4Addr, port: u16) -> Option<SocketAddr> {
        match self {
            Reach::Everything => on_host(address, port),
            Reach::Nothing => None,
        }
    }
}

fn on_host(address: Ipv4Addr, port: u16) -> Option<SocketAddr> {
    let on_our_network = address.octets()[..3] == GATEWAY.octets()[..3];
    match address {
        _ if port == 0 || address.is_broadcast() || address.is_multicast() || address.octets()[0] == 0 => None,
        GATEWAY => Some((Ipv4Addr::LOCALHOST, port).into()),
        DNS if port == DNS_PORT => Some(SocketAddr::new(resolver(), DNS_PORT)),
        // The guest's own loopback is not the host's.
        _ if on_our_network || address.is_loopback() => None,
        _ => Some((address, port).into()),
    }
}

/// The host's name server. Read every time, since it changes with the network that the host is in.
fn resolver() -> IpAddr {
    let config = std::fs::read_to_string("/etc/resolv.conf").unwrap_or_default();
    name_server(&config).unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST))
}

/// The first `nameserver` of a resolv.conf(5) that is an address without a zone.
fn name_server(config: &str) -> Option<IpAddr> {
    config.lines().find_map(|line| {
        let mut words = line.split_whitespace();
        (words.next() == Some("nameserver")).then(|| words.next()?.parse().ok())?
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_gateway_stands_for_the_host() {
        assert_eq!(on_host(GATEWAY, 80), Some("127.0.0.1:80".parse().unwrap()));
        assert_eq!(on_host([192, 0, 2, 1].into(), 80), Some("192.0.2.1:80".parse().unwrap()));
        for nobody in [[10, 0, 2, 99], [127, 0, 0, 1], [255; 4], [224, 0, 0, 1]] {
            assert_eq!(on_host(nobody.into(), 80), None);
        }
    }

    #[test]
    fn the_first_name_server_counts() {
        let config = "# nameserver 192.0.2.9\nsearch example.org\nnameserver fe80::1%eth0\nnameserver 192.0.2.1\n";
        assert_eq!(name_server(config), Some([192, 0, 2, 1].into()));
        assert_eq!(name_server("options edns0"), None);
    }
}
