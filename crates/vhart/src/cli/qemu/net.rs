//! `-netdev`, `-nic`, `-net` and `-device virtio-net-device`: the network card.

use super::line::Line;
use crate::cli::net::parse_net;
use crate::cli::properties::Properties;

/// The user network's addresses: QEMU's defaults, which are not to be changed here.
const ADDRESSES: [(&str, &[&str]); 4] = [
    ("net", &["10.0.2.0/24", "10.0.2.0"]),
    ("host", &["10.0.2.2"]),
    ("dns", &["10.0.2.3"]),
    ("dhcpstart", &["10.0.2.15"]),
];

/// The cards of a command line.
#[derive(Default)]
pub struct Cards {
    /// Networks by their names, as values of `--net`.
    networks: Vec<(String, String)>,
    /// The networks that cards name, with their option and their own properties.
    devices: Vec<Device>,
    /// Values of `--net`, of options that are network and card in one.
    both: Vec<String>,
}

struct Device {
    network: String,
    option: String,
    mac: Option<String>,
    /// Its slot, as a part of a value of `--net`.
    place: String,
}

/// `-netdev user,id=ID,...`
pub fn netdev(line: &mut Line, text: &str) -> Result<(), String> {
    let mut all = Properties::read("-netdev", text, Some("type"));
    let id = all.take("id").ok_or("-netdev: which id? Write -netdev user,id=ID")?;
    let network = user(line, all)?;
    line.cards.networks.push((id, network));
    Ok(())
}

/// `-nic user,...` or `none`
pub fn nic(line: &mut Line, text: &str) -> Result<(), String> {
    both(line, Properties::read("-nic", text, Some("type")))
}

/// `-net nic -net user`, or `none`; vhart's own `--net user` is the same.
pub fn net(line: &mut Line, text: &str) -> Result<(), String> {
    let mut all = Properties::read("-net", text, Some("type"));
    if text.split(',').next() != Some("nic") {
        return both(line, all);
    }
    all.take("type");
    model(&mut all)?;
    all.take_any(&["name", "netdev", "addr", "vectors", "macaddr"]);
    all.finish()
}

fn both(line: &mut Line, mut all: Properties) -> Result<(), String> {
    all.take("id");
    model(&mut all)?;
    let mac = all.take("mac");
    let mut network = user(line, all)?;
    network.extend(mac.map(|mac| format!(",mac={mac}")));
    line.cards.both.push(network);
    Ok(())
}

fn model(all: &mut Properties) -> Result<(), String> {
    match all.take("model") {
        Some(model) if !model.starts_with("virtio") => {
            Err(format!("{} model={model}: there is only virtio-net-device", all.option()))
        }
        _ => Ok(()),
    }
}

/// A network, as a value of `--net`.
fn user(line: &mut Line, mut all: Properties) -> Result<String, String> {
    let kind = all.take("type").unwrap_or_default();
    match kind.as_str() {
        "user" => {}
        "none" => return all.finish().map(|()| kind),
        _ => return Err(format!("{} {kind}: there is no such network here; there are user and none", all.option())),
    }
    for (key, usual) in ADDRESSES {
        if let Some(value) = all.take(key).filter(|value| !usual.contains(&value.as_str())) {
            return Err(format!("{} {key}={value}: the network's addresses are fixed: {}", all.option(), usual[0]));
        }
    }
    if all.take_switch("ipv4")? == Some(false) {
        return Err(format!("{} ipv4=off: the network is IPv4", all.option()));
    }
    let ignored = all.take_any(&["ipv6", "hostname", "domainname", "dnssearch"]);
    line.ignore_all(all.option(), ignored);
    let mut network = kind;
    if all.take_switch("restrict")? == Some(true) {
        network += ",restrict=on";
    }
    all.take_all("hostfwd").iter().for_each(|rule| network += &format!(",hostfwd={rule}"));
    parse_net(&network).map_err(|why| format!("{}: {why}", all.option()))?;
    all.finish()?;
    Ok(network)
}

/// `-device virtio-net-device,netdev=ID`
pub fn device(line: &mut Line, mut all: Properties, place: String) -> Result<(), String> {
    let option = all.option().to_owned();
    let network = all.take("netdev").ok_or_else(|| format!("{option}: which network? Write netdev=ID"))?;
    let mac = all.take("mac");
    all.finish()?;
    line.cards.devices.push(Device { network, option, mac, place });
    Ok(())
}

impl Cards {
    /// Writes the card.
    pub fn write(self, line: &mut Line) -> Result<(), String> {
        let mut cards = self.both.clone();
        for device in &self.devices {
            cards.push(self.card(device)?);
        }
        if cards.len() > 1 {
            cards.retain(|card| card != "none");
        }
        match cards.as_slice() {
            [] => {}
            [card] => line.option("net", card.as_str()),
            [..] => return Err(format!("there are {} network cards; a machine has one", cards.len())),
        }
        Ok(())
    }

    fn card(&self, device: &Device) -> Result<String, String> {
        let network = self.networks.iter().find(|(id, _)| *id == device.network);
        let network = network.ok_or_else(|| format!("{}: there is no netdev '{}'", device.option, device.network))?;
        let mac = device.mac.as_ref().map(|mac| format!(",mac={mac}")).unwrap_or_default();
        Ok(network.1.clone() + &mac + &device.place)
    }
}
