//! The DHCP server.
//!
//! Models RFC 2131: there is one address, and it is always the guest's.

use std::net::Ipv4Addr;

use smoltcp::wire::{DhcpMessageType, DhcpPacket, DhcpRepr};

use super::address::{DNS, GATEWAY, GUEST, NETMASK};
use super::frame::ToGuest;

/// The port of DHCP servers.
pub const SERVER_PORT: u16 = 67;
const CLIENT_PORT: u16 = 68;
const LEASE_SECONDS: u32 = 86400;

/// Answers the client's `message`.
pub fn answer(message: &[u8], to_guest: &mut ToGuest) {
    let Ok(packet) = DhcpPacket::new_checked(message) else { return };
    let Ok(request) = DhcpRepr::parse(&packet) else { return };
    let Some(message_type) = answer_type(&request) else { return };
    let reply = reply(&request, message_type);
    let mut bytes = vec![0; reply.buffer_len()];
    if reply.emit(&mut DhcpPacket::new_unchecked(&mut bytes[..])).is_ok() {
        // The client may have no address yet.
        to_guest.send_udp((GATEWAY, SERVER_PORT), (Ipv4Addr::BROADCAST, CLIENT_PORT), &bytes);
    }
}

fn answer_type(request: &DhcpRepr) -> Option<DhcpMessageType> {
    let for_other = request.server_identifier.is_some_and(|server| server != GATEWAY);
    let wanted = request.requested_ip.unwrap_or(request.client_ip);
    match request.message_type {
        DhcpMessageType::Discover => Some(DhcpMessageType::Offer),
        DhcpMessageType::Request if for_other => None,
        DhcpMessageType::Request if wanted == GUEST => Some(DhcpMessageType::Ack),
        DhcpMessageType::Request => Some(DhcpMessageType::Nak),
        DhcpMessageType::Inform => Some(DhcpMessageType::Ack),
        _ => None,
    }
}

fn reply<'a>(request: &DhcpRepr<'a>, message_type: DhcpMessageType) -> DhcpRepr<'a> {
    let granted = message_type != DhcpMessageType::Nak;
    let leased = granted && request.message_type != DhcpMessageType::Inform;
    DhcpRepr {
        message_type,
        transaction_id: request.transaction_id,
        secs: 0,
        client_hardware_address: request.client_hardware_address,
        client_ip: request.client_ip,
        your_ip: if leased { GUEST } else { Ipv4Addr::UNSPECIFIED },
        server_ip: GATEWAY,
        router: granted.then_some(GATEWAY),
        subnet_mask: granted.then_some(NETMASK),
        relay_agent_ip: Ipv4Addr::UNSPECIFIED,
        broadcast: request.broadcast,
        requested_ip: None,
        client_identifier: None,
        server_identifier: Some(GATEWAY),
        parameter_request_list: None,
        dns_servers: granted.then(|| [DNS].into_iter().collect()),
        max_size: None,
        lease_duration: leased.then_some(LEASE_SECONDS),
        renew_duration: None,
        rebind_duration: None,
        additional_options: &[],
    }
}
