//! What of this workspace is built for riscv64: the VMM, the hypervisor, the work that is measured, and a program of
//! the book's.

/// A program for riscv64.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Product {
    /// vhart itself, which runs a guest inside the host Linux.
    Vmm,
    /// The hypervisor, which runs guests on the bare machine.
    Hypervisor,
    /// The program of the book's chapter "A VMM from nothing". None of it comes with this one.
    FirstVmm,
    /// What `vhart bench` measures, a program of Linux.
    Workloads,
}

/// A program that comes with this one, packed, and its record.
pub(super) struct Ready {
    pub(super) packed: &'static [u8],
    pub(super) record: &'static str,
}

impl Product {
    /// Those that come with this one.
    pub const ALL: [Product; 3] = [Product::Vmm, Product::Hypervisor, Product::Workloads];

    /// What messages call it.
    pub fn name(self) -> &'static str {
        match self {
            Product::Vmm => "the guest's VMM",
            Product::Hypervisor => "the hypervisor",
            Product::FirstVmm => "the book's VMM",
            Product::Workloads => "the workloads",
        }
    }

    /// The option that names another.
    pub fn option(self) -> &'static str {
        self.directory()
    }

    /// Where it lies in the workspace, packed; and its record. The names are empty where there is none.
    pub fn files(self) -> [&'static str; 2] {
        match self {
            Product::Vmm => ["guest/vmm/vhart-riscv64.xz", "guest/vmm/vhart-riscv64.toml"],
            Product::Hypervisor => ["guest/hypervisor/ready/hypervisor.xz", "guest/hypervisor/ready/hypervisor.toml"],
            Product::FirstVmm => [""; 2],
            Product::Workloads => ["guest/workloads/ready/workloads.xz", "guest/workloads/ready/workloads.toml"],
        }
    }

    pub(super) fn ready(self) -> Option<Ready> {
        Some(match self {
            Product::FirstVmm => return None,
            Product::Vmm => Ready {
                packed: include_bytes!("../../../../guest/vmm/vhart-riscv64.xz"),
                record: include_str!("../../../../guest/vmm/vhart-riscv64.toml"),
            },
            Product::Hypervisor => Ready {
                packed: include_bytes!("../../../../guest/hypervisor/ready/hypervisor.xz"),
                record: include_str!("../../../../guest/hypervisor/ready/hypervisor.toml"),
            },
            Product::Workloads => Ready {
                packed: include_bytes!("../../../../guest/workloads/ready/workloads.xz"),
                record: include_str!("../../../../guest/workloads/ready/workloads.toml"),
            },
        })
    }

    /// The directory of such programs in the cache.
    pub(super) fn directory(self) -> &'static str {
        match self {
            Product::Vmm => "vmm",
            Product::Hypervisor => "hypervisor",
            Product::FirstVmm => "first-vmm",
            Product::Workloads => "workloads",
        }
    }

    /// The name of the program, as cargo makes it.
    pub(super) fn program(self) -> &'static str {
        match self {
            Product::Vmm => "vhart",
            Product::Hypervisor => "hypervisor",
            Product::FirstVmm => "first-vmm",
            Product::Workloads => "workloads",
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
            // It is to be fast, not small: what is measured is not the compiler.
            Product::Workloads => &["--locked", "--config", "profile.vmm.opt-level=3", "--package", "vhart-workloads"],
        }
    }
}
