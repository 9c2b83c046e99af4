//! Every option of QEMU's, and what becomes of it.

use super::line::Line;
use super::{chars, devices, disks, machine, net, shares};

/// A row of the table.
pub struct Row {
    /// Its name, without dashes.
    pub name: &'static str,
    /// Whether it takes a value.
    pub takes_value: bool,
    /// What becomes of it.
    pub does: Does,
    /// The least that it is an option of.
    scope: Scope,
}

/// Which commands take an option.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scope {
    /// All that make a machine.
    Machine,
    /// `vhart run`.
    Run,
}

/// What becomes of an option.
#[derive(Clone, Copy)]
pub enum Does {
    /// It is vhart's option of this name, with the same value.
    Same(&'static str),
    /// Its value is read.
    Read(fn(&mut Line, &str) -> Result<(), String>),
    /// The machine is so anyway.
    Nothing,
    /// It cannot change what the machine does.
    Ignored,
    /// The same, and this is to be said about it.
    Note(&'static str),
    /// It is refused, with the reason.
    Missing(&'static str),
}

use Does::{Ignored, Missing, Note, Nothing, Read, Same};

const fn row(name: &'static str, takes_value: bool, scope: Scope, does: Does) -> Row {
    Row { name, takes_value, does, scope }
}

/// An option of every machine, with a value.
const fn machine(name: &'static str, does: Does) -> Row {
    row(name, true, Scope::Machine, does)
}

/// An option with a value.
const fn valued(name: &'static str, does: Does) -> Row {
    row(name, true, Scope::Run, does)
}

/// An option without one.
const fn flag(name: &'static str, does: Does) -> Row {
    row(name, false, Scope::Run, does)
}

const NO_MONITOR: Does = Missing("vhart has no monitor that programs could talk to");
const NO_SUCH_BUS: Does = Missing("the board has virtio-mmio slots, no PCI, USB or other buses");
const NO_DISPLAY: Does = Missing("the machine has a serial port, no display and no sound");
const NO_FLASH: Does = Missing("the board has no flash; firmware is named with -bios");
const NO_SNAPSHOTS: Does =
    Missing("a machine is saved to a file with --save-snapshot FILE, and goes on with --load-snapshot FILE");
const NO_SUCH_DRIVE: Does = Missing("disks are virtio block devices: -drive file=FILE,format=raw,if=virtio");
const NOT_IN_THE_BACKGROUND: Does = Missing("vhart stays in the foreground; the shell's '&' puts it behind");

/// The table, in the order of QEMU's own.
const ROWS: &[Row] = &[
    machine("machine", Read(machine::machine)),
    machine("M", Read(machine::machine)),
    machine("cpu", Same("isa")),
    machine("accel", Read(machine::accel)),
    machine("smp", Read(machine::smp)),
    machine("m", Read(machine::memory)),
    row("nographic", false, Scope::Machine, Nothing),
    row("enable-kvm", false, Scope::Machine, Read(machine::enable_kvm)),
    valued("numa", Missing("all memory is equally near")),
    valued("add-fd", Missing("files are named by their paths")),
    valued("set", Missing("say it at the device itself")),
    valued("global", Read(devices::global)),
    valued("boot", Ignored),
    valued("mem-path", Ignored),
    flag("mem-prealloc", Ignored),
    valued("audio", NO_DISPLAY),
    valued("audiodev", NO_DISPLAY),
    valued("device", Read(devices::device)),
    valued("name", Ignored),
    valued("uuid", Ignored),
    valued("fda", NO_SUCH_DRIVE),
    valued("fdb", NO_SUCH_DRIVE),
    valued("hda", Read(disks::hard_disk)),
    valued("hdb", Read(disks::hard_disk)),
    valued("hdc", Read(disks::hard_disk)),
    valued("hdd", Read(disks::hard_disk)),
    valued("cdrom", NO_SUCH_DRIVE),
    valued("blockdev", Read(disks::blockdev)),
    valued("drive", Read(disks::drive)),
    valued("mtdblock", NO_SUCH_DRIVE),
    valued("sd", NO_SUCH_DRIVE),
    flag("snapshot", Read(disks::snapshot)),
    valued("fsdev", Read(shares::fsdev)),
    valued("virtfs", Read(shares::virtfs)),
    valued("iscsi", NO_SUCH_DRIVE),
    flag("usb", NO_SUCH_BUS),
    valued("usbdevice", NO_SUCH_BUS),
    valued("display", Read(chars::display)),
    valued("spice", NO_DISPLAY),
    valued("vga", Read(chars::vga)),
    flag("full-screen", Ignored),
    valued("vnc", NO_DISPLAY),
    valued("g", Ignored),
    valued("smbios", Ignored),
    valued("acpitable", Ignored),
    valued("netdev", Read(net::netdev)),
    valued("nic", Read(net::nic)),
    valued("net", Read(net::net)),
    valued("chardev", Read(chars::chardev)),
    valued("tpmdev", Missing("the machine has no TPM")),
    valued("bios", Same("firmware")),
    valued("pflash", NO_FLASH),
    valued("kernel", Same("kernel")),
    valued("shim", Missing("the kernel is started without EFI")),
    valued("append", Same("append")),
    valued("initrd", Same("initrd")),
    valued("dtb", Same("dtb")),
    valued("compat", Ignored),
    valued("fw_cfg", Missing("the board has no fw_cfg device")),
    valued("serial", Read(chars::serial)),
    valued("parallel", Read(chars::parallel)),
    valued("monitor", Read(chars::monitor)),
    valued("qmp", NO_MONITOR),
    valued("qmp-pretty", NO_MONITOR),
    valued("mon", Read(chars::mon)),
    valued("debugcon", Missing("the machine has one serial port")),
    valued("pidfile", Same("pidfile")),
    flag("preconfig", NO_MONITOR),
    row("S", false, Scope::Machine, Same("paused")),
    row("s", false, Scope::Machine, Same("gdb")),
    machine("gdb", Read(machine::gdb)),
    valued("overcommit", Ignored),
    valued(
        "d",
        Note("vhart writes no such log; --trace FILE does, for 'vhart trace' to print, and --engine-stats counts"),
    ),
    valued("D", Ignored),
    valued("dfilter", Ignored),
    valued("seed", Note("chance is the host's; --deterministic=SEED makes runs the same")),
    valued("L", Ignored),
    flag("no-reboot", Same("no-reboot")),
    flag("no-shutdown", Note("vhart ends when the machine powers off")),
    valued("action", Read(machine::action)),
    valued("watchdog-action", Ignored),
    valued("loadvm", Same("load-snapshot")),
    valued("incoming", NO_SNAPSHOTS),
    valued("dump-vmstate", NO_SNAPSHOTS),
    flag("only-migratable", Ignored),
    flag("daemonize", NOT_IN_THE_BACKGROUND),
    valued("option-rom", Missing("there are no option ROMs; -device loader,file=FILE,addr=ADDRESS places files")),
    valued("rtc", Read(machine::rtc)),
    valued("icount", Note("time is the host's; --deterministic lets it follow the instructions")),
    valued("echr", Missing("the escape character is Ctrl-A")),
    flag("nodefaults", Nothing),
    flag("no-user-config", Nothing),
    flag("semihosting", Missing("there is no semihosting; the test finisher and HTIF's tohost end a program")),
    valued("semihosting-config", Missing("there is no semihosting; the test finisher and HTIF's tohost end a program")),
    valued("sandbox", Ignored),
    valued("readconfig", Missing("options are read from the command line only")),
    valued("trace", Same("trace")),
    valued("plugin", Missing("there are no plugins; --commit-log of 'vhart elf' writes every instruction")),
    valued("run-with", Missing("there is nothing like it")),
    valued("msg", Ignored),
    flag("enable-sync-profile", Ignored),
    flag("perfmap", Ignored),
    flag("jitdump", Ignored),
    valued("object", Read(devices::object)),
];

/// The row of the option of this name, where `scope` takes it.
pub fn find(name: &str, scope: Scope) -> Option<&'static Row> {
    ROWS.iter().find(|row| row.name == name && row.scope <= scope)
}

/// The names of QEMU's options.
pub fn names<'a>() -> impl Iterator<Item = &'a str> {
    ROWS.iter().map(|row| row.name)
}
