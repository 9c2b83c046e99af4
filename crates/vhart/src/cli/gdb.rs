//! `--gdb`: where debuggers come to.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

/// QEMU's port.
const PORT: u16 = 1234;
/// The word without which only this computer reaches the port.
const ANYONE: &str = "anyone=on";

/// A port for debuggers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gdb {
    /// Where it is.
    pub address: SocketAddr,
}

/// What stands before `,anyone=on`, and whether that is there.
fn anyone(text: &str) -> Result<(&str, bool), String> {
    match text.split_once(',') {
        Some((place, ANYONE)) => Ok((place, true)),
        Some((_, other)) => Err(format!("there is no '{other}': ,{ANYONE} lets others than this computer in")),
        None => Ok((text, false)),
    }
}

/// Reads `[tcp:][ADDRESS:]PORT[,anyone=on]`, of which an empty address is this computer alone.
pub fn parse(text: &str) -> Result<Gdb, String> {
    let (place, anyone) = anyone(text)?;
    let place = place.strip_prefix("tcp:").unwrap_or(place);
    let (host, port) = place.rsplit_once(':').unwrap_or(("", place));
    let port = if port.is_empty() { Ok(PORT) } else { port.parse() };
    let port = port.map_err(|_| format!("'{text}' is no port: 1234, tcp::1234 or 127.0.0.1:1234"))?;
    let address = SocketAddr::new(host_address(host)?, port);
    if !address.ip().is_loopback() && !anyone {
        return Err(format!(
            "whoever reaches {address} could read and change the machine: add ,{ANYONE} to allow that"
        ));
    }
    Ok(Gdb { address })
}

fn host_address(host: &str) -> Result<IpAddr, String> {
    match host.trim_start_matches('[').trim_end_matches(']') {
        "" | "localhost" => Ok(Ipv4Addr::LOCALHOST.into()),
        host => {
            host.parse().map_err(|_| format!("'{host}' is no address of this computer's: a number such as 127.0.0.1"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_is_this_computers_alone() {
        for text in ["", "1234", "tcp::1234", "localhost:1234", "127.0.0.1:1234", "tcp:127.0.0.1:"] {
            assert_eq!(parse(text).unwrap().address.to_string(), "127.0.0.1:1234", "{text}");
        }
        assert_eq!(parse("[::1]:9").unwrap().address.to_string(), "[::1]:9");
    }

    #[test]
    fn others_come_only_where_that_is_said() {
        assert!(parse("0.0.0.0:1234").unwrap_err().contains(ANYONE));
        assert_eq!(parse("0.0.0.0:1,anyone=on").unwrap().address.to_string(), "0.0.0.0:1");
        for wrong in ["x", "70000", "host:1", "1234,server=on"] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }
}
