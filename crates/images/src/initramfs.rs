//! The initramfs of guest and host.
//!
//! Both have busybox, their modules and the scripts in `init/`; the host also has the kernel and initramfs of its guest
//! and the VMM that runs it. Nothing is compressed: an emulated CPU copies bytes faster than it unpacks them.

mod root;

use std::io::{self, Write};

use crate::cpio::Archive;
use crate::debian;
use crate::disk;
use crate::modules::{self, Module};
use crate::phase::{FAILED, Phase};
use crate::request::Rootfs;

const COMMON: &str = include_str!("init/common.sh");
const OPTIONS: &str = include_str!("init/options.sh");
const PROFILE: &str = include_str!("init/profile.sh");
const LEASE: &str = include_str!("init/lease.sh");
const HOST: &str = include_str!("init/host.sh");
const GUEST: &str = include_str!("init/guest.sh");
const RUN_GUEST: &str = include_str!("init/run-guest.sh");
const EXEC: &str = include_str!("init/exec.sh");
const SAY: &str = include_str!("init/say.sh");
const DEBIAN: &str = include_str!("init/debian.sh");
const DEBIAN_CHECK: &str = include_str!("init/debian-check.sh");
const MAKE_DISK: &str = include_str!("init/make-disk.sh");
const CONFIGURE: &str = include_str!("init/configure.sh");
const WINDOW: &str = include_str!("init/window.sh");

/// What all have in common: a change of it makes another initramfs.
pub(crate) fn common() -> impl Iterator<Item = &'static str> {
    SCRIPTS.into_iter().chain(root::texts())
}

/// Every script.
const SCRIPTS: [&str; 14] = [
    COMMON,
    OPTIONS,
    PROFILE,
    LEASE,
    HOST,
    GUEST,
    RUN_GUEST,
    EXEC,
    SAY,
    DEBIAN,
    DEBIAN_CHECK,
    MAKE_DISK,
    CONFIGURE,
    WINDOW,
];
/// Those that both have in `etc/vhart`, with their modes.
const SHARED: [(&str, &str, u32); 11] = [
    ("common.sh", COMMON, READABLE),
    ("options.sh", OPTIONS, READABLE),
    ("say.sh", SAY, READABLE),
    ("profile.sh", PROFILE, READABLE),
    ("exec.sh", EXEC, EXECUTABLE),
    ("lease.sh", LEASE, EXECUTABLE),
    ("debian.sh", DEBIAN, READABLE),
    ("debian-check.sh", DEBIAN_CHECK, READABLE),
    ("make-disk.sh", MAKE_DISK, EXECUTABLE),
    ("configure.sh", CONFIGURE, READABLE),
    ("window.sh", WINDOW, EXECUTABLE),
];

/// The page that the host serves and the guest fetches.
const PAGE: &str = "a page from the host";

const EXECUTABLE: u32 = 0o755;
const READABLE: u32 = 0o644;

/// What goes in beside the scripts.
#[derive(Debug)]
pub(crate) struct Contents {
    /// The kernel that the guest boots.
    pub(crate) kernel: Vec<u8>,
    /// The modules of host and guest together, in the order in which they load.
    pub(crate) modules: Vec<Module>,
    /// User land.
    pub(crate) busybox: Vec<u8>,
    /// The VMM, if there is one.
    pub(crate) vmm: Option<Vec<u8>>,
    /// What host and guest are once they are up.
    pub(crate) rootfs: Rootfs,
}

impl Contents {
    /// The host's initramfs, with the guest's inside where there is a VMM to run it.
    pub(crate) fn write_host<W: Write>(&self, out: W) -> io::Result<W> {
        let mut archive = Archive::new(out);
        let root: &[&str] = if self.rootfs == Rootfs::Debian { &modules::ROOT } else { &[] };
        self.common(&mut archive, HOST, &[&modules::HOST, root].concat())?;
        archive.file("srv/page", READABLE, PAGE.as_bytes())?;
        if let Some(vmm) = &self.vmm {
            archive.file("bin/vhart", EXECUTABLE, vmm)?;
            archive.file("bin/guest", EXECUTABLE, RUN_GUEST.as_bytes())?;
            archive.file("boot/vmlinuz", READABLE, &self.kernel)?;
            archive.file("boot/guest.cpio", READABLE, &self.guest()?)?;
        }
        archive.finish()
    }

    /// The guest's initramfs.
    pub(crate) fn guest(&self) -> io::Result<Vec<u8>> {
        let mut archive = Archive::new(Vec::new());
        self.common(&mut archive, GUEST, &modules::ROOT)?;
        archive.finish()
    }

    fn common<W: Write>(&self, archive: &mut Archive<W>, init: &str, also: &[&str]) -> io::Result<()> {
        archive.character_device("dev/console", 5, 1)?;
        archive.character_device("dev/null", 1, 3)?;
        archive.file("bin/busybox", EXECUTABLE, &self.busybox)?;
        archive.symlink("bin/sh", "busybox")?;
        archive.file("init", EXECUTABLE, init.as_bytes())?;
        root::write(archive)?;
        archive.file("etc/filesystems", READABLE, b"ext4\n")?;
        for (name, script, mode) in SHARED {
            archive.file(&format!("etc/vhart/{name}"), mode, script.as_bytes())?;
        }
        archive.file("etc/vhart/markers.sh", READABLE, markers().as_bytes())?;
        self.modules(archive, also)
    }

    fn modules<W: Write>(&self, archive: &mut Archive<W>, also: &[&str]) -> io::Result<()> {
        let packed = modules::needed(&[&modules::DRIVERS, also, &modules::SHARES].concat(), &self.modules);
        for module in &packed {
            archive.file(
                &format!("lib/modules/vhart/{}", modules::file_name(&module.name)),
                READABLE,
                &module.object,
            )?;
        }
        archive.file("lib/modules/vhart/modules.dep", READABLE, modules::modules_dep(&packed).as_bytes())?;
        archive.file("lib/modules/vhart/modules.alias", READABLE, modules::modules_alias(&packed).as_bytes())
    }
}

/// The shell variables that the scripts get from here.
fn markers() -> String {
    let phases = Phase::ALL.iter().filter_map(|phase| Some((phase.script_variable()?, phase.marker()?)));
    let others = [
        ("FAILED", FAILED),
        ("PAGE", PAGE),
        ("DISK_MAGIC", disk::MAGIC),
        ("MAKING", debian::MARK),
        ("DRIVERS", &modules::DRIVERS.join(" ")),
        ("SHARES", &modules::SHARES.join(" ")),
        ("ROOT", &modules::ROOT.join(" ")),
    ];
    phases.chain(others).map(|(name, text)| format!("{name}='{text}'\n")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host(vmm: Option<Vec<u8>>) -> String {
        let (kernel, busybox) = (b"IMAGE".to_vec(), b"BOX".to_vec());
        let contents = Contents { kernel, modules: Vec::new(), busybox, vmm, rootfs: Rootfs::Busybox };
        String::from_utf8_lossy(&contents.write_host(Vec::new()).unwrap()).into_owned()
    }

    #[test]
    fn host_with_a_vmm_has_kernel_and_guest() {
        let archive = host(Some(b"VMM".to_vec()));
        assert!(
            ["bin/vhart", "boot/vmlinuz", "boot/guest.cpio"].iter().all(|name| archive.contains(&format!("{name}\0")))
        );
    }

    #[test]
    fn host_and_guest_have_users_names_and_places() {
        let archive = host(Some(b"VMM".to_vec()));
        // The guest's archive is within.
        for name in ["etc/passwd", "etc/group", "etc/hosts", "etc/nsswitch.conf", "usr/bin", "sbin", "tmp", "var/tmp"] {
            assert_eq!(archive.matches(&format!("00000000{name}\0")).count(), 2, "{name}");
        }
    }

    #[test]
    fn host_without_a_vmm_has_no_guest() {
        let archive = host(None);
        assert!(
            ["bin/vhart", "boot/vmlinuz", "boot/guest.cpio"].iter().all(|name| !archive.contains(&format!("{name}\0")))
        );
    }

    #[test]
    fn every_script_variable_of_a_phase_is_used_by_a_script() {
        for variable in Phase::ALL.iter().filter_map(|phase| phase.script_variable()) {
            let used = SCRIPTS.iter().filter(|script| script.contains(&format!("say \"${variable}\""))).count();
            assert!(used >= 1, "{variable}");
        }
    }

    #[test]
    fn markers_are_shell_assignments() {
        let text = markers();
        assert!(text.contains("HOST_INIT='vhart host: init runs'\n"), "{text}");
        assert!(text.lines().all(|line| line.matches('\'').count() == 2), "{text}");
    }
}
