//! The QEMU command line that boots the same files to the same end.

use std::path::{Path, PathBuf};

use crate::prepare::PreparedGuests;
use crate::request::{Disk, Prepared};

/// The machine that QEMU shall be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Machine {
    /// The board: `virt` and its properties.
    pub board: String,
    /// Harts.
    pub harts: u32,
    /// Memory in MiB.
    pub memory_mib: u64,
    /// Shared directories.
    pub shares: Vec<Share>,
    /// More devices: words that QEMU and vhart have in common.
    pub devices: Vec<String>,
}

/// A directory that is shared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Share {
    /// The directory.
    pub directory: PathBuf,
    /// Whether it is only read.
    pub readonly: bool,
    /// The name by which it is mounted.
    pub tag: String,
}

impl Share {
    /// The words for share number `n`.
    fn words(&self, n: usize) -> [String; 4] {
        let Share { directory, readonly, tag } = self;
        let readonly = if *readonly { ",readonly=on" } else { "" };
        let path = text(directory).replace(',', ",,");
        let directory = format!("local,id=share{n},path={path},security_model=none{readonly}");
        let device = format!("virtio-9p-device,fsdev=share{n},mount_tag={tag}");
        ["-fsdev".to_owned(), directory, "-device".to_owned(), device]
    }
}

/// The words of the command line. QEMU has no SBI of its own: for the built-in firmware it takes the OpenSBI that comes
/// with it.
pub fn command(prepared: &Prepared, machine: &Machine) -> Vec<String> {
    let firmware = prepared.firmware.as_deref().map_or("default".to_owned(), text);
    let (harts, memory) = (machine.harts.to_string(), format!("{}M", machine.memory_mib));
    let (kernel, initrd) = (text(&prepared.kernel), text(&prepared.initrd));
    let disks = [("disk", Some(&prepared.disk)), ("guest", prepared.guest_disk.as_ref())];
    let disks = disks.into_iter().filter_map(|(name, disk)| Some(drive(name, disk?)));
    let words = [
        &["qemu-system-riscv64", "-machine", &machine.board, "-cpu", "rv64,h=true", "-smp", &harts, "-m", &memory][..],
        &[
            "-nographic",
            "-no-reboot",
            "-bios",
            &firmware,
            "-kernel",
            &kernel,
            "-initrd",
            &initrd,
            "-append",
            &prepared.append,
        ],
        &["-global", "virtio-mmio.force-legacy=false"],
    ];
    let others = ["-netdev", "user,id=net", "-device", "virtio-net-device,netdev=net", "-device", "virtio-rng-device"];
    let shares = machine.shares.iter().enumerate().flat_map(|(n, share)| share.words(n));
    let words = words.concat().into_iter().map(str::to_owned);
    words
        .chain(disks.flatten())
        .chain(others.map(str::to_owned))
        .chain(shares)
        .chain(machine.devices.iter().cloned())
        .collect()
}

/// The words for a disk.
fn drive(name: &str, disk: &Disk) -> [String; 4] {
    let snapshot = if matches!(disk, Disk::Shared(_)) { "on" } else { "off" };
    let path = text(disk.path()).replace(',', ",,");
    let drive = format!("file={path},format=raw,if=none,id={name},snapshot={snapshot}");
    ["-drive".to_owned(), drive, "-device".to_owned(), format!("virtio-blk-device,drive={name}")]
}

/// The same for the hypervisor and its guests.
pub fn hypervisor_command(hypervisor: &Path, guests: &PreparedGuests, machine: &Machine) -> Vec<String> {
    let firmware = guests.firmware.as_deref().map_or("default".to_owned(), text);
    let (harts, memory) = (machine.harts.to_string(), format!("{}M", machine.memory_mib));
    let (kernel, initrd) = (text(hypervisor), text(&guests.manifest));
    let words = [
        &[
            "qemu-system-riscv64",
            "-machine",
            &machine.board,
            "-cpu",
            "rv64,h=true",
            "-smp",
            &harts,
            "-m",
            &memory,
            "-nographic",
        ][..],
        &["-no-reboot", "-bios", &firmware, "-kernel", &kernel, "-initrd", &initrd],
    ];
    words.concat().into_iter().map(str::to_owned).chain(machine.devices.iter().cloned()).collect()
}

fn text(path: &Path) -> String {
    path.display().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shell;

    fn prepared(disk: Disk) -> Prepared {
        Prepared {
            kernel: "/c/vmlinuz".into(),
            initrd: "/c/initrd.cpio".into(),
            disk,
            guest_disk: None,
            firmware: None,
            append: "console=ttyS0 vhart.check".to_owned(),
            kernel_release: None,
        }
    }

    #[test]
    fn shared_disk_is_a_snapshot_and_the_users_is_not() {
        let board = "virt,aia=aplic".to_owned();
        let machine = Machine { board, harts: 2, memory_mib: 1024, shares: Vec::new(), devices: Vec::new() };
        let line = |disk| shell::line(command(&prepared(disk), &machine));
        assert!(line(Disk::Shared("/c/d.img".into())).starts_with("qemu-system-riscv64 -machine virt,aia=aplic -cpu "));
        assert!(line(Disk::Shared("/c/d.img".into())).contains("file=/c/d.img,format=raw,if=none,id=disk,snapshot=on"));
        assert!(
            line(Disk::Users("/my/a,b.img".into()))
                .contains("file=/my/a,,b.img,format=raw,if=none,id=disk,snapshot=off")
        );
    }

    #[test]
    fn line_can_be_pasted_into_a_shell() {
        let shares = vec![Share { directory: "/a,b".into(), readonly: true, tag: "src".to_owned() }];
        let machine = Machine { board: "virt".to_owned(), harts: 1, memory_mib: 512, shares, devices: Vec::new() };
        let line = shell::line(command(&prepared(Disk::Shared("/it's".into())), &machine));
        assert!(line.ends_with(
            "-fsdev local,id=share0,path=/a,,b,security_model=none,readonly=on \
             -device virtio-9p-device,fsdev=share0,mount_tag=src"
        ));
        assert!(line.contains("-append 'console=ttyS0 vhart.check'"), "{line}");
        assert!(line.contains(r"'file=/it'\''s,format"), "{line}");
    }
}
