//! Echo requests to the gateway, which whoever makes the network card answers: nothing else is on the way.
//!
//! Requests are RFC 792's, "Echo or Echo Reply Message".

use std::io::ErrorKind;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::OnceLock;
use std::time::Duration;

use crate::{Why, absent, expect, system};

/// Whether there is a gateway that answers.
pub static THERE: OnceLock<bool> = OnceLock::new();

const ECHO_REQUEST: u8 = 8;
const ECHO_REPLY: u8 = 0;
/// Bytes of a request's header: type, code, checksum, identifier, sequence number.
const HEADER: usize = 8;
/// Bytes behind it.
const SMALL: usize = 56;
const LARGE: usize = 1400;
/// Requests on their way at a time.
const WINDOW: u64 = 16;
/// After which an answer is lost, and asked for again: a network may lose some.
const PATIENCE: Duration = Duration::from_secs(1);
/// How many may be.
const LOST: usize = 8;
const IDENTIFIER: u16 = 0x7668;

/// Waits for each answer before it asks again.
pub fn latency(iterations: u64) -> Result<u64, Why> {
    let gateway = Gateway::find(SMALL)?;
    let mut lost = 0;
    for number in 0..iterations {
        gateway.ask(number)?;
        expect("the number of an answer", gateway.answer(number, &mut lost)?, number & 0xffff)?;
    }
    Ok(iterations)
}

/// Always has some requests on their way.
pub fn throughput(iterations: u64) -> Result<u64, Why> {
    let gateway = Gateway::find(LARGE)?;
    (0..iterations.min(WINDOW)).try_for_each(|number| gateway.ask(number))?;
    let mut lost = 0;
    for number in 0..iterations {
        gateway.answer(number, &mut lost)?;
        if number + WINDOW < iterations {
            gateway.ask(number + WINDOW)?;
        }
    }
    Ok(iterations)
}

struct Gateway {
    socket: UdpSocket,
    address: SocketAddr,
    /// Bytes behind a request's header.
    length: usize,
}

impl Gateway {
    fn find(length: usize) -> Result<Gateway, Why> {
        let routes = || std::fs::read_to_string("/proc/net/route").ok();
        let there = THERE.get() == Some(&true);
        let address = there.then(routes).flatten().as_deref().and_then(gateway);
        let address = address.ok_or_else(|| absent("it has no network card with a gateway that answers"))?;
        let said = |why| format!("a socket: {why}");
        let socket = system::ping_socket().map_err(said)?;
        socket.set_read_timeout(Some(PATIENCE)).map_err(said)?;
        Ok(Gateway { socket, address: SocketAddr::from((address, 0)), length })
    }

    fn ask(&self, number: u64) -> Result<(), String> {
        let request = request(number as u16, self.length);
        self.socket.send_to(&request, self.address).map(drop).map_err(|why| format!("a request: {why}"))
    }

    /// The number of the next answer. What is lost is asked for again, with this number.
    fn answer(&self, again: u64, lost: &mut usize) -> Result<u64, String> {
        let mut packet = [0; 2048];
        loop {
            match self.socket.recv(&mut packet) {
                Ok(length) => {
                    if let Some(number) = answer(&packet[..length], self.length) {
                        return Ok(number.into());
                    }
                }
                Err(why) if why.kind() == ErrorKind::WouldBlock && *lost < LOST => {
                    *lost += 1;
                    self.ask(again)?;
                }
                Err(why) => return Err(format!("an answer, with {lost} lost before: {why}")),
            }
        }
    }
}

/// The default route's gateway, in the table that Linux prints: numbers in hexadecimal, as they lie in memory.
fn gateway(routes: &str) -> Option<Ipv4Addr> {
    let fields = |line: &str| line.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    let default = routes.lines().skip(1).map(fields).find(|fields| fields.get(1).is_some_and(|to| to == "00000000"))?;
    let number = u32::from_str_radix(default.get(2)?, 16).ok().filter(|number| *number != 0)?;
    Some(Ipv4Addr::from(number.to_ne_bytes()))
}

fn request(number: u16, length: usize) -> Vec<u8> {
    let mut bytes = vec![0; HEADER + length];
    bytes[0] = ECHO_REQUEST;
    bytes[4..6].copy_from_slice(&IDENTIFIER.to_be_bytes());
    bytes[6..8].copy_from_slice(&number.to_be_bytes());
    let sum = checksum(&bytes);
    bytes[2..4].copy_from_slice(&sum.to_be_bytes());
    bytes
}

/// RFC 1071: the complement of the sum in ones' complement of all 16-bit numbers.
fn checksum(bytes: &[u8]) -> u16 {
    let sum: u32 = bytes.chunks(2).map(|pair| u32::from(pair[0]) << 8 | u32::from(*pair.get(1).unwrap_or(&0))).sum();
    let folded = (sum & 0xffff) + (sum >> 16);
    !((folded & 0xffff) + (folded >> 16)) as u16
}

/// The number of an answer of that length to a request of ours, behind its IP header.
fn answer(packet: &[u8], length: usize) -> Option<u16> {
    let header = usize::from(packet.first()? & 0xf) * 4;
    let answer = packet.get(header..)?;
    let ours = answer.len() == HEADER + length && answer[0] == ECHO_REPLY && answer[4..6] == IDENTIFIER.to_be_bytes();
    ours.then(|| u16::from_be_bytes([answer[6], answer[7]]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_gateway_is_found_in_the_table_of_routes() {
        let table = "Iface\tDestination\tGateway\tFlags\neth0\t0000000A\t00000000\t1\neth0\t00000000\t0202000A\t3\n";
        assert_eq!(gateway(table), Some(Ipv4Addr::new(10, 0, 2, 2)));
        assert_eq!(gateway("Iface\tDestination\tGateway\n"), None);
    }

    /// RFC 1071, "Numerical Examples": the sum of 0001 f203 f4f5 f6f7 is ddf2.
    #[test]
    fn the_checksum_is_that_of_the_example() {
        assert_eq!(checksum(&[0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7]), !0xddf2);
        assert_eq!(checksum(&request(7, SMALL)), 0);
    }

    #[test]
    fn only_answers_to_our_requests_count() {
        let mut packet = vec![0x45; 20];
        packet.extend(request(9, SMALL));
        assert_eq!(answer(&packet, SMALL), None);
        packet[20] = ECHO_REPLY;
        assert_eq!(answer(&packet, SMALL), Some(9));
        assert_eq!((answer(&packet, LARGE), answer(&packet[..25], SMALL), answer(&[], SMALL)), (None, None, None));
    }
}
