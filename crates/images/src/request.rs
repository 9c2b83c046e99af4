//! What the user asks for, and what they get.

use std::path::PathBuf;

use crate::cache::Cache;
use crate::phase::Nonce;

/// What to prepare. [`Request::new`] fills in what a user gets who gives no option.
#[derive(Clone, Debug)]
pub struct Request {
    /// Where everything fetched and built is kept.
    pub cache: Cache,
    /// Where Debian's packages come from.
    pub packages: Packages,
    /// Whether somebody sits at the console.
    pub mode: Mode,
    /// The host's M-mode firmware.
    pub firmware: Firmware,
    /// The user's own kernel, for host and guest, in place of Debian's.
    pub kernel: Option<PathBuf>,
    /// Directory with the modules (`*.ko`, `*.ko.xz` ...) of the user's own kernel.
    pub modules: Option<PathBuf>,
    /// The user's own initramfs for the host, in place of the one built here.
    pub initrd: Option<PathBuf>,
    /// The user's own disk, in place of the one made here.
    pub disk: Option<PathBuf>,
    /// What host and guest are once they are up.
    pub rootfs: Rootfs,
    /// The riscv64 build of vhart that runs the guest; without it the host has no guest to boot.
    pub vmm: Option<PathBuf>,
    /// The guest's machine.
    pub guest: Guest,
    /// Whether both kernels test their cryptography as they boot, which is more than half of a boot's instructions.
    pub self_tests: bool,
    /// Whether directories are shared with the host, or through it with the guest.
    pub shares: bool,
    /// More words for the host kernel's command line.
    pub append: String,
}

impl Request {
    /// Debian stable on the built-in firmware, for somebody at the console, kept in `cache`.
    pub fn new(cache: Cache) -> Request {
        Request {
            cache,
            packages: Packages::Apt(Apt::default()),
            mode: Mode::Interactive,
            firmware: Firmware::BuiltIn,
            kernel: None,
            modules: None,
            initrd: None,
            disk: None,
            rootfs: Rootfs::Busybox,
            vmm: None,
            guest: Guest::default(),
            self_tests: false,
            shares: false,
            append: String::new(),
        }
    }
}

/// What a host or guest is once it is up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Rootfs {
    /// Its initramfs: busybox.
    #[default]
    Busybox,
    /// What is on its first disk: a Debian with systemd.
    Debian,
}

/// Where Debian's packages come from.
#[derive(Clone, Debug)]
pub enum Packages {
    /// An archive.
    Apt(Apt),
    /// A directory with the `.deb` files, fetched by the user and trusted as they are.
    Directory(PathBuf),
}

/// What an archive is asked for.
#[derive(Clone, Debug)]
pub struct Apt {
    /// `stable`, `testing`, or a code name.
    pub suite: String,
    /// The archive; without it, the first Debian archive of the system's configuration, else Debian's own.
    pub mirror: Option<String>,
    /// A file with the keys that sign the archive; without it, Debian's.
    pub keyring: Option<PathBuf>,
    /// What to do about a Release file past its date.
    pub expired: Expired,
    /// Whether an index already here will do.
    pub freshness: Freshness,
}

impl Default for Apt {
    fn default() -> Apt {
        Apt {
            suite: "stable".to_owned(),
            mirror: None,
            keyring: None,
            expired: Expired::Accept,
            freshness: Freshness::Cached,
        }
    }
}

/// What packages are for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Architecture {
    /// The machine that is emulated.
    Riscv64,
    /// PCs.
    Amd64,
    /// Arm's 64-bit machines.
    Arm64,
}

impl Architecture {
    /// The machine that this program runs on; none where Debian's programs do not run.
    pub fn of_this_machine() -> Option<Architecture> {
        match (std::env::consts::OS, std::env::consts::ARCH) {
            ("linux", "x86_64") => Some(Architecture::Amd64),
            ("linux", "aarch64") => Some(Architecture::Arm64),
            ("linux", "riscv64") => Some(Architecture::Riscv64),
            _ => None,
        }
    }

    /// Debian's name for it.
    pub fn name(self) -> &'static str {
        match self {
            Architecture::Riscv64 => "riscv64",
            Architecture::Amd64 => "amd64",
            Architecture::Arm64 => "arm64",
        }
    }
}

/// What to do about a Release file whose dates do not go with this machine's clock. Signatures are checked either way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expired {
    /// Taken, with a note that names suite and date.
    Accept,
    /// An error that does.
    Refuse,
}

/// Whether what is in the cache will do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Freshness {
    /// A suite once fetched is used as it is, without network.
    Cached,
    /// The archive is asked for newer versions.
    Newest,
}

/// Whether somebody sits at the console.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Banners and shells.
    Interactive,
    /// The phases' markers with their answers to this nonce, the guest's checks, and no shell.
    Check(Nonce),
}

/// The host's M-mode firmware.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Firmware {
    /// The emulator answers SBI calls itself: there is no image.
    BuiltIn,
    /// Debian's OpenSBI, `fw_dynamic.bin`.
    OpenSbi,
    /// The user's own image.
    File(PathBuf),
}

/// The guest's machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Guest {
    /// Virtual CPUs.
    pub harts: u32,
    /// Memory in MiB.
    pub memory_mib: u64,
}

impl Default for Guest {
    fn default() -> Guest {
        Guest { harts: 1, memory_mib: 256 }
    }
}

/// Everything a machine needs to boot the host; all paths exist.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prepared {
    /// The host's kernel (also inside `initrd`, for the guest).
    pub kernel: PathBuf,
    /// The host's initramfs.
    pub initrd: PathBuf,
    /// The host's first virtio disk, which it hands on to the guest unless it is its own root.
    pub disk: Disk,
    /// The second, which is the guest's, where there is one.
    pub guest_disk: Option<Disk>,
    /// The M-mode image; none for the built-in firmware.
    pub firmware: Option<PathBuf>,
    /// The host kernel's command line.
    pub append: String,
    /// The kernel's release ("6.12.107+deb13-riscv64"), where it is Debian's.
    pub kernel_release: Option<String>,
}

/// A disk and whose it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Disk {
    /// Made here and shared by all runs: must be opened as a copy-on-write snapshot.
    Shared(PathBuf),
    /// The user's own: writes are meant to stay.
    Users(PathBuf),
}

impl Disk {
    /// The image file.
    pub fn path(&self) -> &std::path::Path {
        match self {
            Disk::Shared(path) | Disk::Users(path) => path,
        }
    }
}
