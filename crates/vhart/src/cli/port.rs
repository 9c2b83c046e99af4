//! `--port`: a port of the virtio console, and where it leads to.

use std::collections::BTreeSet;

use virtio::MOST_PORTS;

use super::Serial;
use super::properties::Properties;
use super::serial;

/// A port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Port {
    /// The name of a channel; a console has none.
    pub name: Option<String>,
    /// Its number, if it matters.
    pub number: Option<u32>,
    /// The virtio-mmio slot of the device that all ports are in, if it matters.
    pub slot: Option<usize>,
    /// Where it leads to.
    pub to: Serial,
}

/// Where a port leads to that tells the window's size.
pub const WINDOW: &str = "window";

const HOW: &str = "write name=NAME,to=WHERE, or console=on,to=WHERE; [,nr=N] before to= chooses the port's number";

/// Reads `name=NAME[,nr=N],to=WHERE` or `console=on[,nr=N],to=WHERE`; WHERE is as for `--serial`.
pub fn parse(text: &str) -> Result<Port, String> {
    let (before, to) = match text.strip_prefix("to=") {
        Some(to) => ("", to),
        None => text.split_once(",to=").ok_or(HOW)?,
    };
    let mut all = Properties::read("a port", before, None);
    let name = all.take("name");
    let console = all.take_switch("console")?.unwrap_or(false);
    let number = all.take_number("nr")?;
    let slot = all.take_slot()?;
    all.finish()?;
    if console == name.is_some() {
        return Err(HOW.to_owned());
    }
    let number = number.map(|number| port_number(number, console)).transpose()?;
    let to = match to {
        WINDOW if !console => Serial::Window,
        _ => serial::parse(to)?,
    };
    Ok(Port { name, number, slot, to })
}

fn port_number(number: u64, console: bool) -> Result<u32, String> {
    match u32::try_from(number) {
        Ok(0) if !console => Err("port 0 can only be a console".to_owned()),
        Ok(number) if number < MOST_PORTS => Ok(number),
        _ => Err(format!("ports have numbers up to {}, not {number}", MOST_PORTS - 1)),
    }
}

/// The number of each port: the one it asks for, else the lowest that is free, which for channels is 1 or higher.
///
/// # Errors
/// Two ask for the same, or there are too many.
pub fn numbers(ports: &[Port]) -> Result<Vec<u32>, String> {
    let mut taken = BTreeSet::new();
    if let Some(twice) = ports.iter().filter_map(|port| port.number).find(|&number| !taken.insert(number)) {
        return Err(format!("two ports have the number {twice}; give each its own nr="));
    }
    let number = |port: &Port| {
        let first = u32::from(port.name.is_some());
        let number = port.number.or_else(|| (first..MOST_PORTS).find(|number| !taken.contains(number)));
        let number = number.ok_or_else(|| format!("there is room for {MOST_PORTS} ports"))?;
        taken.insert(number);
        Ok(number)
    };
    ports.iter().map(number).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_has_a_name_or_is_a_console() {
        let port = |name: Option<&str>, number, to| Ok(Port { name: name.map(str::to_owned), number, slot: None, to });
        assert_eq!(parse("name=a.b,to=null"), port(Some("a.b"), None, Serial::Null));
        assert_eq!(parse("console=on,nr=0,to=file:a,b"), port(None, Some(0), Serial::File("a,b".into())));
        assert_eq!(parse("name=w,to=window"), port(Some("w"), None, Serial::Window));
        for text in [
            "",
            "console=on,to=window",
            "to=null",
            "name=a",
            "name=a,console=on,to=null",
            "name=a,nr=0,to=null",
            "name=a,nr=31,to=null",
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn numbers_are_the_lowest_free_and_0_is_a_consoles() {
        let numbers = |texts: &[&str]| {
            let ports: Vec<Port> = texts.iter().map(|text| parse(&format!("{text},to=null")).unwrap()).collect();
            numbers(&ports)
        };
        assert_eq!(numbers(&["name=a", "console=on", "name=b,nr=2", "name=c"]), Ok(vec![1, 0, 2, 3]));
        assert!(numbers(&["name=a,nr=3", "name=b,nr=3"]).unwrap_err().contains("number 3"));
    }
}
