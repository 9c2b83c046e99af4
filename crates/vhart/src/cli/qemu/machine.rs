//! `-machine`, `-accel`, `-smp`, `-m`, and what else concerns the machine as a whole.

use super::line::Line;
use crate::cli::properties::Properties;
use crate::cli::value;

/// Properties of QEMU's board that change nothing that a guest sees here.
const BOARD_IGNORED: &[&str] = &[
    "usb",
    "graphics",
    "dump-guest-core",
    "mem-merge",
    "memory-backend",
    "suppress-vmdesc",
    "aux-ram-share",
    "smp-cache",
    "phandle-start",
];

/// Properties that are options of vhart's.
const SAME: [(&str, &str); 8] = [
    ("aia", "aia"),
    ("aia-guests", "aia-guests"),
    ("dtb", "dtb"),
    ("dumpdtb", "dump-dtb"),
    ("kernel", "kernel"),
    ("initrd", "initrd"),
    ("append", "append"),
    ("firmware", "firmware"),
];

/// `-machine virt,...`
pub fn machine(line: &mut Line, text: &str) -> Result<(), String> {
    let mut all = Properties::read("-machine", text, Some("type"));
    match all.take("type").as_deref() {
        None | Some("virt") => {}
        Some(other) => return Err(format!("-machine: there is no '{other}' here; there is only virt")),
    }
    all.take("accel").map_or(Ok(()), |list| list.split(':').try_for_each(|name| line.accelerators.add(name)))?;
    off(&mut all, "acpi", "off", "there are no ACPI tables; systems find the board in its device tree")?;
    off(&mut all, "iommu-sys", "off", "there is no IOMMU")?;
    // The board has all of an ACLINT, whose first part is a CLINT.
    all.take_switch("aclint")?;
    for (key, own) in SAME {
        all.take(key).into_iter().for_each(|value| line.option(own, value));
    }
    all.take("kernel-irqchip").into_iter().for_each(|value| line.host.push(format!("kernel-irqchip={value}")));
    let ignored = all.take_any(BOARD_IGNORED);
    line.ignore_all("-machine", ignored);
    all.finish()
}

/// Refuses a property that asks for something that is missing.
fn off(all: &mut Properties, key: &str, without: &str, why: &str) -> Result<(), String> {
    match all.take(key) {
        Some(value) if value != without && value != "auto" => Err(format!("-machine {key}={value}: {why}")),
        _ => Ok(()),
    }
}

/// Properties that are about the host of engine kvm.
const HOST: [&str; 2] = ["kernel-irqchip", "riscv-aia"];

/// `-accel tcg,...` or `kvm`; the first that this computer has is taken.
pub fn accel(line: &mut Line, text: &str) -> Result<(), String> {
    let mut all = Properties::read("-accel", text, Some("accel"));
    let name = all.take("accel").unwrap_or_default();
    for key in HOST {
        all.take(key).into_iter().for_each(|value| line.host.push(format!("{key}={value}")));
    }
    let ignored = all.take_any(&["thread", "tb-size", "split-wx", "one-insn-per-tb", "dirty-ring-size", "device"]);
    line.ignore_all("-accel", ignored);
    all.finish()?;
    line.accelerators.add(&name)
}

/// `-enable-kvm`
pub fn enable_kvm(line: &mut Line, _text: &str) -> Result<(), String> {
    line.accelerators.add("kvm")
}

/// The accelerators named, the one wanted most first.
#[derive(Default)]
pub struct Accelerators(Vec<Engine>);

#[derive(Clone, Copy, PartialEq, Eq)]
enum Engine {
    /// The best of vhart's own.
    Own,
    Named(&'static str),
}

impl Accelerators {
    fn add(&mut self, name: &str) -> Result<(), String> {
        self.0.push(match name {
            "tcg" => Engine::Own,
            "kvm" => Engine::Named("kvm"),
            "jit" => Engine::Named("jit"),
            "interp" => Engine::Named("interp"),
            _ => return Err(format!("-accel: there is no '{name}' here; there are tcg (jit, interp) and kvm")),
        });
        Ok(())
    }

    /// Writes the one to be taken: KVM only where it is, unless nothing else was named.
    pub fn write(self, line: &mut Line) -> Result<(), String> {
        let has_kvm = cfg!(target_arch = "riscv64") && std::path::Path::new("/dev/kvm").exists();
        let usable = |engine: &&Engine| **engine != Engine::Named("kvm") || has_kvm;
        let chosen = self.0.iter().find(usable).or(self.0.first());
        if let Some(Engine::Named(name)) = chosen {
            line.option("engine", *name);
        }
        let host = std::mem::take(&mut line.host);
        match chosen {
            Some(Engine::Named("kvm")) if !host.is_empty() => line.option("kvm", host.join(",")),
            _ => host.into_iter().for_each(|property| line.ignore(format!("-accel {property}"))),
        }
        Ok(())
    }
}

/// Kinds of groups of harts, outermost first. How harts are grouped makes no difference here.
const GROUPS: [&str; 8] = ["drawers", "books", "sockets", "dies", "clusters", "modules", "cores", "threads"];

/// `-smp 4`, `cpus=4`, or `sockets=1,cores=2,threads=2`.
pub fn smp(line: &mut Line, text: &str) -> Result<(), String> {
    let mut all = Properties::read("-smp", text, Some("cpus"));
    let (cpus, most) = (all.take_number("cpus")?, all.take_number("maxcpus")?);
    let product = product(&mut all)?;
    all.finish()?;
    let harts = cpus.unwrap_or_else(|| if product == 1 { most.unwrap_or(1) } else { product });
    value::harts(&harts.to_string()).map_err(|why| format!("-smp: {why}"))?;
    if most.is_some_and(|most| most > harts) {
        line.ignore(format!("-smp maxcpus={}", most.unwrap_or_default()));
    }
    line.option("harts", harts.to_string());
    Ok(())
}

/// How many processors the groups come to.
fn product(all: &mut Properties) -> Result<u64, String> {
    GROUPS.iter().try_fold(1u64, |product, group| Ok(product.saturating_mul(all.take_number(group)?.unwrap_or(1))))
}

/// `-m 2G` or `size=2G,...`
pub fn memory(line: &mut Line, text: &str) -> Result<(), String> {
    let mut all = Properties::read("-m", text, Some("size"));
    let size = all.take("size").ok_or("-m: which size? Write for example -m 2G")?;
    let ignored = all.take_any(&["slots", "maxmem"]);
    line.ignore_all("-m", ignored);
    all.finish()?;
    value::size(&size).map_err(|why| format!("-m {size}: {why}"))?;
    line.option("memory", size);
    Ok(())
}

/// `-rtc base=utc`: the calendar is the host's.
pub fn rtc(line: &mut Line, text: &str) -> Result<(), String> {
    let mut all = Properties::read("-rtc", text, None);
    match all.take("base").as_deref() {
        None | Some("utc") => {}
        Some("localtime") => line.ignore("-rtc base=localtime"),
        Some(date) => {
            return Err(format!("-rtc base={date}: the calendar is the host's; it begins with no other date"));
        }
    }
    match all.take("clock").as_deref() {
        None | Some("host") => {}
        Some(clock) => line.ignore(format!("-rtc clock={clock}")),
    }
    let ignored = all.take_any(&["driftfix"]);
    line.ignore_all("-rtc", ignored);
    all.finish()
}

/// `-action reboot=shutdown` and its like.
pub fn action(line: &mut Line, text: &str) -> Result<(), String> {
    let mut all = Properties::read("-action", text, None);
    match all.take("reboot").as_deref() {
        None | Some("reset") => {}
        Some("shutdown") => line.same("no-reboot", None),
        Some(other) => return Err(all.wrong("reboot", "reset or shutdown", other)),
    }
    if all.take("shutdown").as_deref() == Some("pause") {
        line.note("-action shutdown=pause: vhart ends when the machine powers off".to_owned());
    }
    let ignored = all.take_any(&["panic", "watchdog"]);
    line.ignore_all("-action", ignored);
    all.finish()
}

/// `-gdb tcp::1234`: of QEMU's ways to debuggers, TCP.
pub fn gdb(line: &mut Line, value: &str) -> Result<(), String> {
    match value.strip_prefix("tcp:") {
        Some(place) => {
            // QEMU's socket is a server in any case
            let needless = |word: &&str| !matches!(*word, "server" | "server=on" | "nowait" | "wait=off");
            let words: Vec<&str> = place.split(',').filter(needless).collect();
            line.push(format!("--gdb={}", words.join(",")).into());
            Ok(())
        }
        None if value == "none" => Ok(()),
        None => Err(format!("-gdb {value}: debuggers come by TCP: -gdb tcp::1234")),
    }
}
