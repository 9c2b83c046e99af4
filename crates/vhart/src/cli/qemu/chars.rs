//! `-serial`, `-chardev`, `-monitor` and `-display`: where the console is.

use super::line::Line;
use crate::cli::properties::Properties;
use crate::cli::serial;

/// The console of a command line.
#[derive(Default)]
pub struct Chars {
    /// Named ends, as values of `--serial`.
    named: Vec<(String, String)>,
    /// The serial port's ends, in order: the board has one.
    serial: Vec<End>,
    /// The device that ports are in: there, and its slot, as a property of `--port`.
    bus: Option<String>,
    /// Ports: a value of `--port` up to its end, and the end's name.
    ports: Vec<(String, Option<String>)>,
}

/// Where a console leads to.
enum End {
    /// A value of `--serial`.
    Here(String),
    /// A `-chardev`, by its name.
    Named(String),
}

/// `-serial stdio` and its like
pub fn serial(line: &mut Line, text: &str) -> Result<(), String> {
    let end = match text.strip_prefix("chardev:") {
        Some(name) => End::Named(name.to_owned()),
        None => End::Here(legacy(text)?),
    };
    line.chars.serial.push(end);
    Ok(())
}

/// What QEMU's `-serial` takes, as a value of `--serial`.
fn legacy(text: &str) -> Result<String, String> {
    let text = text.strip_prefix("mon:").unwrap_or(text);
    match text {
        "none" => return Ok("null".to_owned()),
        "vc" => return Err("-serial vc: there is no window; write -serial stdio".to_owned()),
        _ => {}
    }
    // "server,nowait" is QEMU's older way to say server=on,wait=off.
    let text = text.replace(",nowait", ",wait=off");
    serial::parse(&text).map_err(|why| format!("-serial {text}: {why}"))?;
    Ok(text)
}

/// Where such a one leads to, as `--serial` has it.
fn end(kind: String, all: &mut Properties) -> Result<String, String> {
    match kind.as_str() {
        "stdio" | "null" | "pty" => Ok(kind),
        "file" => Ok(format!("file:{}", needed(all, "path")?)),
        "pipe" => Ok(format!("pipe:{}", needed(all, "path")?)),
        "socket" => socket(all),
        _ => Err(format!("-chardev {kind}: there is no such end here; there are {}", serial::KINDS)),
    }
}

/// `-chardev KIND,id=ID,...`
pub fn chardev(line: &mut Line, text: &str) -> Result<(), String> {
    let mut all = Properties::read("-chardev", text, Some("backend"));
    let kind = all.take("backend").unwrap_or_default();
    let id = all.take("id").ok_or("-chardev: which id? Write -chardev stdio,id=ID")?;
    all.take_any(&["mux", "signal"]);
    let ignored = all.take_any(&["nodelay", "telnet", "reconnect", "reconnect-ms", "ipv4", "ipv6"]);
    let end = end(kind, &mut all)?;
    serial::parse(&end).map_err(|why| format!("-chardev {end}: {why}"))?;
    all.finish()?;
    line.ignore_all("-chardev", ignored);
    line.chars.named.push((id, end));
    Ok(())
}

/// `-device virtio-serial-device`: what ports are in. `place` is its slot, as a property.
pub fn bus(line: &mut Line, mut all: Properties, place: String) -> Result<(), String> {
    all.take_number("max_ports")?;
    if line.chars.bus.replace(place).is_some() {
        return Err(format!("{}: there is one such device; all ports go into it", all.option()));
    }
    all.finish()
}

/// `-device virtserialport` and `virtconsole`
pub fn port(line: &mut Line, name: &str, mut all: Properties) -> Result<(), String> {
    if line.chars.bus.is_none() {
        return Err(format!("-device {name} is a port of a virtio-serial-device: write one before it"));
    }
    all.take_any(&["id", "bus"]);
    let mut value = match (name, all.take("name")) {
        ("virtconsole", _) => "console=on".to_owned(),
        (_, channel) => format!("name={}", channel.unwrap_or_default().replace(',', ",,")),
    };
    if let Some(number) = all.take_number("nr")? {
        value += &format!(",nr={number}");
    }
    line.chars.ports.push((value, all.take("chardev")));
    all.finish()
}

fn needed(all: &mut Properties, key: &str) -> Result<String, String> {
    all.take(key).ok_or_else(|| format!("-chardev: which {key}? Write {key}=..."))
}

fn socket(all: &mut Properties) -> Result<String, String> {
    let mut end = match all.take("path") {
        Some(path) => format!("unix:{path}"),
        None => format!("tcp:{}:{}", all.take("host").unwrap_or_default(), needed(all, "port")?),
    };
    if all.take_switch("server")? == Some(true) {
        end += ",server=on";
    }
    if all.take_switch("wait")? == Some(false) {
        end += ",wait=off";
    }
    Ok(end)
}

/// `-parallel none`
pub fn parallel(_line: &mut Line, text: &str) -> Result<(), String> {
    match text {
        "none" | "null" => Ok(()),
        _ => Err(format!("-parallel {text}: the board has no parallel port")),
    }
}

/// `-monitor none` and its like: there is no monitor.
pub fn monitor(line: &mut Line, text: &str) -> Result<(), String> {
    if !matches!(text, "none" | "null" | "/dev/null") {
        line.note(format!("-monitor {text}: there is no monitor; Ctrl-A H says what the console's keys do"));
    }
    Ok(())
}

/// `-mon chardev=ID,mode=readline`
pub fn mon(line: &mut Line, text: &str) -> Result<(), String> {
    if text.contains("mode=control") {
        return Err(format!("-mon {text}: vhart has no monitor that programs could talk to"));
    }
    monitor(line, text)
}

/// `-display none`: there is no display.
pub fn display(line: &mut Line, text: &str) -> Result<(), String> {
    no_display(line, "display", text)
}

/// `-vga none`: nor a card for one.
pub fn vga(line: &mut Line, text: &str) -> Result<(), String> {
    no_display(line, "vga", text)
}

fn no_display(line: &mut Line, option: &str, text: &str) -> Result<(), String> {
    if text != "none" {
        line.ignore(format!("-{option} {text}"));
    }
    Ok(())
}

impl Chars {
    /// Writes the ends.
    pub fn write(self, line: &mut Line) -> Result<(), String> {
        for (at, end) in self.serial.iter().enumerate() {
            let value = self.value(end)?;
            match at {
                0 => line.option("serial", value),
                _ => line.ignore(format!("-serial {value} (the board has one serial port)")),
            }
        }
        self.write_ports(line)
    }

    fn write_ports(&self, line: &mut Line) -> Result<(), String> {
        let place = self.bus.iter().cloned().chain(std::iter::repeat(String::new()));
        for ((port, end), place) in self.ports.iter().zip(place) {
            let end = end.as_ref().map_or(Ok("null".to_owned()), |end| self.value(&End::Named(end.clone())))?;
            line.option("port", format!("{port}{place},to={end}"));
        }
        if self.bus.is_some() && self.ports.is_empty() {
            line.ignore("-device virtio-serial-device without a port");
        }
        Ok(())
    }

    fn value(&self, end: &End) -> Result<String, String> {
        match end {
            End::Here(value) => Ok(value.clone()),
            End::Named(name) => {
                let named = self.named.iter().find(|(id, _)| id == name);
                named.map(|(_, value)| value.clone()).ok_or_else(|| format!("there is no chardev '{name}'"))
            }
        }
    }
}
