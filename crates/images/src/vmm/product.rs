//! What of this workspace is built for riscv64: the VMM, the hypervisor, and a program of the book's.

/// A program for riscv64.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Product {
    /// vhart itself, which runs a guest inside the host Linux.
    Vmm,
    /// The hypervisor, which runs guests on the bare machine.
    Hypervisor,
    /// The program of the book's chapter "A VMM from nothing". None of it comes with this one.
    FirstVmm,
}

/// A program that comes with this one, packed, and its record.
pub(super) struct Ready {
    pub(super) packed: &'static [u8],
    pub(super) record: &'static str,
}

impl Product {
    /// Those that come with this one.
    pub const ALL: [Product; 2] = [Product::Vmm, Product::Hypervisor];

    /// What messages call it.
    pub fn name(self) -> &'static str {
        match self {
            Product::Vmm => "the guest's VMM",
            Product::Hypervisor => "the hypervisor",
            Product::FirstVmm => "the book's VMM",
        }
    }

    /// The option that names another.
    pub fn option(self) -> &'static str {
        self.directory()
    }

    /// Where it lies in the workspace, packed; and its record. The names are empty where there is none.
    pub fn files(self) -> [&'static str; 2] {
        match self {
            Product::Vmm => ["guest/vmm/vhart-riscv64.zst", "guest/vmm/vhart-riscv64.toml"],
            Product::Hypervisor => ["guest/hypervisor/ready/hypervisor.zst", "guest/hypervisor/ready/hypervisor.toml"],
            Product::FirstVmm => [""; 2],
        }
    }

    pub(super) fn ready(self) -> Option<Ready> {
        Some(match self {
            Product::FirstVmm => return None,
            Product::Vmm => Ready {
                packed: include_bytes!("../../../../guest/vmm/vhart-riscv64.zst"),
                record: include_str!("../../../../guest/vmm/vhart-riscv64.toml"),
            },
            Product::Hypervisor => Ready {
                packed: include_bytes!("../../../../guest/hypervisor/ready/hypervisor.zst"),
                record: include_str!("../../../../guest/hypervisor/ready/hypervisor.toml"),
            },
        })
    }

    /// The directory of such programs in the cache.
    pub(super) fn directory(self) -> &'static str {
        match self {
            Product::Vmm => "vmm",
            Product::Hypervisor => "hypervisor",
            Product::FirstVmm => "first-vmm",
        }
    }

    /// The name of the program, as cargo makes it.
    pub(super) fn program(self) -> &'static str {
        match self {
            Product::Vmm => "vhart",
            Product::Hypervisor => "hypervisor",
            Product::FirstVmm => "first-vmm",
        }
    }

    /// Whether a Linux is below it, with a C library in it.
    pub(super) fn is_of_linux(self) -> bool {
        self != Product::Hypervisor
    }

    /// What cargo is told of the package: of the VMM, without what only a PC needs.
    pub(super) fn selection(self) -> &'static [&'static str] {
        match self {
            Product::Vmm => &["--locked", "--no-default-features", "--features", "watch", "--package", "vhart"],
            Product::Hypervisor => &["--locked", "--features", "image", "--package", "vhart-hypervisor"],
            Product::FirstVmm => &["--locked", "--package", "vhart-first-vmm"],
        }
    }
}
