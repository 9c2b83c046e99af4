//! `vhart run`: options.

use std::path::PathBuf;

use board::loader::Load;
use clap::Args;
use virtio::Forward;

use super::net::User;
use super::{
    Disk, MachineOptions, Net, Port, Serial, Share, SnapshotOptions, disk, load, net, port, random, serial, share,
};

const SOFTWARE: &str = "Software";
const DEVICES: &str = "Devices";

const AFTER: &str = "\
QEMU's command line is understood as it is, from -machine and -cpu to -device, -drive, -netdev and -serial; options begin \
with one dash or two. What means nothing here is ignored with a note, what is missing is refused; docs/qemu.md lists both.

Exit status: 0 when the machine powers off, asks for a reset with --no-reboot, or the user quits; the guest's code when it \
reports a failure; 125 when it ends because its system has failed (SBI's reset reason, or Linux's 'Kernel panic' on the \
console before a reset with --no-reboot); 124 after a timeout, 1 when the machine could not be run, 2 for wrong usage, 128 and the signal's number after a signal.

On the console, Ctrl-A X quits and Ctrl-A H lists what else there is.";

/// Options of `vhart run`.
#[derive(Args, Debug)]
#[command(after_help = AFTER)]
pub struct RunOptions {
    /// Kernel: a Linux Image (plain, gzip, zstd or EFI zboot), an ELF file or raw code
    #[arg(value_name = "KERNEL", conflicts_with = "kernel")]
    pub image: Option<PathBuf>,

    /// The same as KERNEL, spelled as an option
    #[arg(long, short, value_name = "FILE", help_heading = SOFTWARE)]
    pub kernel: Option<PathBuf>,

    /// Initial RAM disk
    #[arg(long, value_name = "FILE", help_heading = SOFTWARE)]
    pub initrd: Option<PathBuf>,

    /// What is behind it.
    #[arg(skip)]
    pub initrd_more: Vec<PathBuf>,

    /// Device tree in place of the one that the machine writes; it is told the command line and the initrd's place
    #[arg(long, value_name = "FILE", help_heading = SOFTWARE)]
    pub dtb: Option<PathBuf>,

    /// The kernel's command line [default: none; Linux finds its console in the device tree]
    #[arg(long, short, value_name = "TEXT", allow_hyphen_values = true, help_heading = SOFTWARE)]
    pub append: Option<String>,

    /// Firmware: 'builtin' answers SBI calls in vhart itself, 'none' starts the kernel in M-mode, a path is an M-mode
    /// image such as OpenSBI's fw_dynamic.bin
    #[arg(long, visible_alias = "bios", value_name = "builtin|none|FILE", default_value = "builtin")]
    #[arg(value_parser = firmware, help_heading = SOFTWARE)]
    pub firmware: Firmware,

    /// A file into memory beside the others: an ELF file, or `file=PATH,addr=ADDRESS`; may be repeated
    ///
    /// As QEMU's -device loader: [,force-raw=on] puts an ELF file there as it is, [,cpu-num=N] lets hart N begin there
    /// in M-mode, and addr=ADDRESS,data=NUMBER,data-len=BYTES puts a number. The first file is started where no kernel
    /// is named.
    #[arg(long = "load", value_name = "FILE", value_parser = load::parse, help_heading = SOFTWARE)]
    pub loads: Vec<Load>,

    #[command(flatten)]
    pub machine: MachineOptions,

    /// Where the serial port leads to: stdio, null, file:FILE for output alone, pipe:FILE, pty, tcp:HOST:PORT or
    /// unix:FILE
    ///
    /// A pipe is FILE.in and FILE.out where they are there, else FILE, which may be a device. Sockets are connected to;
    /// with ,server=on they are listened at, and the machine waits for somebody to come unless ,wait=off is said.
    #[arg(long, value_name = "WHERE", default_value = "stdio", value_parser = serial::parse, help_heading = DEVICES)]
    pub serial: Serial,

    /// A port of a virtio console: `name=NAME,to=WHERE` or `console=on,to=WHERE`; may be repeated
    ///
    /// In Linux a port with a name is a device /dev/vport0pN that programs open, a console is hvc0. WHERE is as for
    /// --serial, or window: who reads the port gets a line with the rows and columns of the window at standard output,
    /// and another each time that they change. With nr=N before to= it has that number.
    #[arg(long = "port", value_name = "PORT", value_parser = port::parse, help_heading = DEVICES)]
    pub ports: Vec<Port>,

    /// A disk: a raw file, as `PATH` or `file=PATH[,readonly=on][,snapshot=on][,cache=MODE][,discard=unmap]`; may be
    /// repeated
    ///
    /// With snapshot=on the guest's writes are forgotten at the end and the file is only read. MODE says when writes
    /// are on this computer's disk: writeback, when the guest flushes; writethrough, when they are complete; unsafe,
    /// whenever. With discard=unmap, blocks that the guest gives back are holes in the file. A file that begins as an
    /// image in another format does, qcow2 or the like, is refused; format=raw takes it all the same. A comma in the
    /// path is written twice after file=.
    #[arg(long = "disk", visible_alias = "drive", value_name = "DISK", value_parser = disk::parse)]
    #[arg(help_heading = DEVICES)]
    pub disks: Vec<Disk>,

    /// Network: 'user' (DHCP, DNS, TCP and UDP out, no privileges needed) or 'none'
    ///
    /// A guest reaches all that this computer reaches, its own services at 10.0.2.2 included; user,restrict=on lets it
    /// reach nothing, while forwarded ports still lead in. user,mac=52:54:00:12:34:57 gives the card another address.
    #[arg(long, visible_alias = "nic", value_name = "user|none", value_parser = net::parse_net)]
    #[arg(help_heading = DEVICES)]
    pub net: Option<Net>,

    /// A port of this computer that leads into the guest: `[tcp:|udp:][ADDRESS:]PORT:GUESTPORT`; may be repeated
    ///
    /// For example 2222:22. Without an address only this computer reaches the port. Implies --net user.
    #[arg(long = "forward", value_name = "PORTS", value_parser = net::parse_forward, help_heading = DEVICES)]
    pub forwards: Vec<Forward>,

    /// A directory for the guest: `DIR[,readonly][,tag=NAME]`; may be repeated
    ///
    /// Linux mounts it by its tag: `mount -t 9p -o trans=virtio,version=9p2000.L NAME /mnt`. Without tag= the first is
    /// called share, the second share1 and so on. The guest gets no further than DIR. A comma in DIR is written twice.
    /// docs/share.md says whose the files are.
    #[arg(long = "share", value_name = "DIR", value_parser = share::parse, help_heading = DEVICES)]
    pub shares: Vec<Share>,

    /// Put the source of random numbers, which every machine has, into a slot: `bus=virtio-mmio-bus.N`
    ///
    /// Disks and network take the same word: `--disk file=PATH,bus=virtio-mmio-bus.0`. Without it devices fill the
    /// board's eight slots from the last, as in QEMU.
    #[arg(long, value_name = "PLACE", value_parser = random::parse, help_heading = DEVICES)]
    pub rng: Option<usize>,

    /// Give virtio devices the registers of version 1, for drivers that know no other: QEMU's
    /// virtio-mmio.force-legacy=true
    #[arg(long, help_heading = DEVICES)]
    pub legacy_virtio: bool,

    #[command(flatten)]
    pub snapshots: SnapshotOptions,

    /// End when the guest asks for a reset
    #[arg(long, help_heading = "Limits and reports")]
    pub no_reboot: bool,

    /// Write the number of this process to a file, which goes with it
    #[arg(long, value_name = "FILE", help_heading = "Limits and reports")]
    pub pidfile: Option<PathBuf>,
}

/// What starts first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Firmware {
    /// SBI calls are answered by the emulator.
    Builtin,
    /// The kernel starts in M-mode.
    None,
    /// An M-mode image.
    File(PathBuf),
}

/// `default` is QEMU's word for the one that comes with it.
fn firmware(text: &str) -> Result<Firmware, String> {
    match text {
        "" => Err("write builtin, none or a path".into()),
        "builtin" | "default" => Ok(Firmware::Builtin),
        "none" => Ok(Firmware::None),
        path => Ok(Firmware::File(path.into())),
    }
}

impl RunOptions {
    /// A machine without software.
    #[cfg(feature = "linux")]
    pub fn of(machine: MachineOptions) -> RunOptions {
        RunOptions {
            image: None,
            kernel: None,
            initrd: None,
            initrd_more: Vec::new(),
            dtb: None,
            append: None,
            firmware: Firmware::Builtin,
            loads: Vec::new(),
            machine,
            serial: Serial::Stdio,
            ports: Vec::new(),
            disks: Vec::new(),
            net: None,
            forwards: Vec::new(),
            shares: Vec::new(),
            rng: None,
            legacy_virtio: false,
            snapshots: SnapshotOptions::default(),
            no_reboot: false,
            pidfile: None,
        }
    }

    /// Refuses what does not make sense together.
    pub fn check(&self) -> Result<(), String> {
        let runs = self.machine.dump_dtb.is_none();
        let firmware = matches!(self.firmware, Firmware::File(_));
        if self.snapshots.loads() && self.machine.is_host_s() {
            return Err("engine kvm goes on from no snapshot: --load-snapshot needs jit or interp".into());
        }
        if runs && !self.snapshots.loads() && self.kernel().is_none() && self.loads.is_empty() && !firmware {
            return Err("there is nothing to run: name a kernel, a firmware image, or a file with --load".into());
        }
        if self.net == Some(Net::None) && !self.forwards.is_empty() {
            return Err(
                "--forward leads into the guest's network, and --net none is without one: leave one of them out".into(),
            );
        }
        port::numbers(&self.ports)?;
        let terminals = self.ports.iter().map(|port| &port.to).chain([&self.serial]);
        if terminals.filter(|to| **to == Serial::Stdio).count() > 1 {
            return Err("only one of --serial and --port can be at stdio; --serial null is nowhere".into());
        }
        self.machine.check()?;
        share::check(&self.shares)?;
        let deterministic = self.machine.deterministic.is_some();
        if deterministic && self.net().is_some() {
            return Err(
                "the network depends on the host's clock and on others: --deterministic goes without --net".into()
            );
        }
        Ok(())
    }

    /// The kernel, however it was named.
    pub fn kernel(&self) -> Option<&std::path::Path> {
        self.kernel.as_deref().or(self.image.as_deref())
    }

    /// The network card asked for, if any.
    pub fn net(&self) -> Option<User> {
        let mut user = match &self.net {
            Some(Net::User(user)) => user.clone(),
            None if !self.forwards.is_empty() => User::default(),
            Some(Net::None) | None => return None,
        };
        user.forwards.extend(&self.forwards);
        Some(user)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::{Cli, Command, Engine};

    fn parse(line: &str) -> Result<RunOptions, clap::Error> {
        let words = ["vhart", "run"].into_iter().chain(line.split_whitespace()).map(Into::into);
        match Cli::read(words)?.0.command {
            Command::Run(options) => Ok(options),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_machine_has_sensible_defaults() {
        let options = parse("Image").unwrap();
        assert_eq!(options.kernel().unwrap().to_str(), Some("Image"));
        assert_eq!((options.machine.harts, options.machine.memory), (1, 512 << 20));
        assert_eq!((options.machine.engine, options.firmware), (None, Firmware::Builtin));
        assert!(options.net.is_none() && options.disks.is_empty());
    }

    #[test]
    fn a_line_for_qemu_is_understood() {
        let options = parse(
            "-machine virt -nographic -kernel Image -initrd i.gz -append console=ttyS0 -bios fw.bin -smp 2 -m 2G \
             -drive file=a.img,snapshot=on -nic user,hostfwd=tcp::2222-:22 -accel kvm -no-reboot",
        )
        .unwrap();
        assert_eq!(options.append.as_deref(), Some("console=ttyS0"));
        assert_eq!(options.firmware, Firmware::File("fw.bin".into()));
        assert_eq!((options.machine.harts, options.machine.memory), (2, 2 << 30));
        assert!(options.disks[0].snapshot && options.no_reboot);
        assert_eq!(options.net().unwrap().forwards[0].guest_port, 22);
        assert_eq!(options.machine.engine, Some(Engine::Kvm));
    }

    #[test]
    fn a_forward_implies_the_network() {
        assert_eq!(parse("Image --forward 2222:22").unwrap().net().unwrap().forwards.len(), 1);
        assert!(parse("Image --net none").unwrap().net().is_none());
        let error = parse("Image --net none --forward 2222:22").unwrap_err();
        assert!(error.to_string().contains("--net none is without one"));
    }

    #[test]
    fn impossible_machines_are_wrong_usage() {
        for line in ["--harts 0", "--harts 65", "-m 0", "--isa rv32i", "--isa rv64gc_zbz", "--engine magic", "a b"] {
            assert_eq!(parse(line).unwrap_err().exit_code(), 2, "{line}");
        }
    }

    #[test]
    fn a_misspelt_extension_is_answered_with_those_that_exist() {
        let text = parse("--isa rv64gc_zicbon Image").unwrap_err().to_string();
        assert!(text.contains("zicbom") && text.contains("svinval"), "{text}");
    }
}
