//! A Linux kernel that runs, found in the memory of its hart.
//!
//! It needs no file and no word of the user's: Linux for RISC-V is mapped from a multiple of 2 MiB in the last 2 GiB of
//! virtual addresses on, wherever KASLR put it, and begins with the header of its `Image`
//! (Documentation/arch/riscv/boot-image-header.rst). All else is found through its own table of names ([`kallsyms`]).

use std::ops::Range;

use arch::{Mode, Privilege, Virt};
use events::Look;

use crate::bytes::{text_at, u64_at};
use crate::modules::{Layout, Modules, modules};
use crate::notes::build_id;
use crate::table::{Symbol, Table};
use crate::task::{Offsets, Task};
use crate::{Btf, kallsyms};

/// Where kernels can be: `KERNEL_LINK_ADDR` and behind.
const LOWEST: u64 = 0xffff_ffff_8000_0000;
/// They begin at a multiple of this.
const STEP: u64 = 2 << 20;
/// A larger one is none.
const MOST_BYTES: u64 = 128 << 20;
const PAGE: usize = arch::addr::PAGE_BYTES as usize;
/// The header's fields.
const SIZE_AT: usize = 0x10;
const MAGIC_AT: usize = 0x30;
const MAGIC: &[u8] = b"RISCV\0\0\0RSC\x05";
const HEADER: usize = 64;
const LONGEST_BANNER: usize = 512;

/// A kernel.
#[derive(Clone, Debug, Default)]
pub struct Kernel {
    /// Its first address.
    pub start: u64,
    /// What it calls itself: `Linux version ...`.
    pub banner: Option<String>,
    /// What its build is called.
    pub build_id: Option<Vec<u8>>,
    /// Its symbols and its modules'.
    pub table: Table,
    /// Where `struct task_struct` has what a process is called.
    pub offsets: Option<Offsets>,
    /// Its bytes.
    pub(crate) bytes: u64,
    /// Where `struct module` has what is to be known of modules.
    pub(crate) layout: Option<Layout>,
}

impl Kernel {
    /// The kernel in HS-mode's memory or, with `virt`, in that of the guest whose address spaces are in the hart's
    /// registers. `None`: there is no Linux, or it has not mapped itself yet, or has no table of names.
    pub fn find(hart: &dyn Look, virt: bool) -> Option<Kernel> {
        let mode = Mode { privilege: Privilege::Supervisor, virt };
        let (start, bytes) = place(hart, mode)?;
        let image = image(hart, mode, start, bytes as usize);
        Kernel::of(&image, start, |layout, head| modules(hart, mode, layout, head))
    }

    /// A guest's kernel that is the same build as this one, though elsewhere. KVM gives a guest its pages as it touches
    /// them, and most of the table of names no kernel ever does; its banner it prints.
    pub fn same_in_guest(&self, hart: &dyn Look) -> Option<Kernel> {
        let (start, bytes) = place(hart, Mode::VS).filter(|(_, bytes)| *bytes == self.bytes)?;
        let moved = start.wrapping_sub(self.start);
        self.has_banner(hart, moved).filter(|is_same| *is_same)?;
        let own = self.table.symbols().iter().filter(|symbol| symbol.module.is_none());
        let symbols = own.map(|symbol| Symbol { address: symbol.address.wrapping_add(moved), ..symbol.clone() });
        let head = self.table.address("modules").map(|head| head.wrapping_add(moved));
        let found = self.layout.zip(head).map(|(layout, head)| modules(hart, Mode::VS, &layout, head));
        let table = with_modules(symbols.collect(), found.unwrap_or_default(), start..start.saturating_add(bytes));
        Some(Kernel { start, table, ..self.clone() })
    }

    /// Whether a guest has the banner of this kernel, so far from its own place.
    fn has_banner(&self, hart: &dyn Look, moved: u64) -> Option<bool> {
        let banner = self.banner.as_ref()?;
        let mut there = vec![0; banner.len()];
        hart.read(Mode::VS, Virt(self.table.address("linux_banner")?.wrapping_add(moved)), &mut there)?;
        Some(there == banner.as_bytes())
    }

    /// The kernel whose bytes these are, with the modules that are found from the head of their list on.
    pub fn of(image: &[u8], start: u64, modules: impl FnOnce(&Layout, u64) -> Modules) -> Option<Kernel> {
        let symbols = kallsyms(image, start)?;
        let named = Named { image, start, symbols: &symbols };
        let btf = named.between("__start_BTF", "__stop_BTF").and_then(Btf::read);
        let layout = btf.as_ref().and_then(Layout::of);
        let found = layout.zip(named.address("modules")).map(|(layout, head)| modules(&layout, head));
        let banner = named.bytes("linux_banner").and_then(|at| text_at(image, at, LONGEST_BANNER));
        let bytes = image.len() as u64;
        Some(Kernel {
            start,
            bytes,
            banner: banner.map(|text| text.trim_end().into()),
            build_id: named.between("__start_notes", "__stop_notes").and_then(build_id),
            offsets: btf.as_ref().and_then(Offsets::of),
            layout,
            table: with_modules(symbols, found.unwrap_or_default(), start..start.saturating_add(bytes)),
        })
    }

    /// The process that runs in this kernel's world.
    pub fn current(&self, hart: &dyn Look, virt: bool) -> Option<Task> {
        self.offsets?.current(hart, virt)
    }

    /// Its release: the third word of its banner.
    pub fn release(&self) -> Option<&str> {
        self.banner.as_deref()?.split(' ').nth(2)
    }
}

/// A kernel's symbols and its modules' in one table.
fn with_modules(symbols: Vec<Symbol>, modules: Modules, own: Range<u64>) -> Table {
    let places = modules.places.into_iter().chain([own]).collect();
    Table::new(symbols.into_iter().chain(modules.symbols).collect(), modules.names, places)
}

/// Where a kernel begins, and its bytes.
fn place(hart: &dyn Look, mode: Mode) -> Option<(u64, u64)> {
    let mut starts = (0..=(u64::MAX - LOWEST) / STEP).map(|number| LOWEST + number * STEP);
    starts.find_map(|start| Some((start, size(hart, mode, start)?)))
}

/// How large a kernel is that begins there, if one does.
fn size(hart: &dyn Look, mode: Mode, start: u64) -> Option<u64> {
    let mut header = [0; HEADER];
    hart.read(mode, Virt(start), &mut header)?;
    let size = u64_at(&header, SIZE_AT)?;
    let is_one = header[MAGIC_AT..].starts_with(MAGIC) && (1..=MOST_BYTES).contains(&size);
    (is_one && start.checked_add(size - 1).is_some()).then_some(size)
}

/// Its bytes; zeros where it is not mapped any more.
fn image(hart: &dyn Look, mode: Mode, start: u64, bytes: usize) -> Vec<u8> {
    let mut image = vec![0; bytes];
    for (number, page) in image.chunks_mut(PAGE).enumerate() {
        // what cannot be read stays zero
        let _ = hart.read(mode, Virt(start + (number * PAGE) as u64), page);
    }
    image
}

/// What symbols name in the kernel's bytes.
struct Named<'a> {
    image: &'a [u8],
    start: u64,
    symbols: &'a [Symbol],
}

impl<'a> Named<'a> {
    fn address(&self, name: &str) -> Option<u64> {
        self.symbols.iter().find(|symbol| symbol.name == name).map(|symbol| symbol.address)
    }

    fn bytes(&self, name: &str) -> Option<usize> {
        usize::try_from(self.address(name)?.checked_sub(self.start)?).ok()
    }

    fn between(&self, first: &str, last: &str) -> Option<&'a [u8]> {
        let range: Range<usize> = self.bytes(first)?..self.bytes(last)?;
        self.image.get(range)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fuzzing::{Layout, MODULE, Memory, START, image, names};
    use crate::{Symbols, Whose};
    use events::Look;

    fn found(bytes: &[u8]) -> Option<Kernel> {
        Kernel::find(&Memory { bytes, repeats: false }, false)
    }

    #[test]
    fn a_kernel_is_found_with_its_modules_and_its_process() {
        let bytes = image(&names(700), Layout::Behind);
        let kernel = found(&bytes).unwrap();
        assert_eq!((kernel.start, kernel.release()), (START, Some("6.12.1-planted")));
        assert_eq!(kernel.build_id.as_deref(), Some(&[0xde, 0xad, 0xbe, 0xef][..]));
        let of_module = kernel.table.code_at(MODULE + 0x24).unwrap();
        assert_eq!((of_module.name, of_module.offset, of_module.module), ("kvm_entry", 4, Some("kvm")));
        assert_eq!(kernel.table.code_at(START + 0x1814).unwrap().name, "function_1");
        assert_eq!(kernel.table.code_at(MODULE + 0x1000), None, "behind the module");
        let memory = Memory { bytes: &bytes, repeats: false };
        assert_eq!(kernel.current(&memory, false).unwrap().to_string(), "busybox[43/42]");
        let mut symbols = Symbols::default();
        assert_eq!(symbols.learn_one(&memory, Whose::Host), None);
        assert_eq!(symbols.name(Mode::HS, 0, MODULE + 0x10).unwrap().to_string(), "kvm_exit [kvm]");
    }

    /// A host at [`START`], and a guest with the same kernel elsewhere, of which only the pages below an address are
    /// there.
    struct Both<'a>(Memory<'a>, u64);

    const GUEST: u64 = START + 0x60_0000;

    impl Look for Both<'_> {
        fn mode(&self) -> Mode {
            Mode::VS
        }
        fn vmid(&self) -> u16 {
            4
        }
        fn register(&self, number: u8) -> u64 {
            self.0.register(number)
        }
        fn scratch(&self, virt: bool) -> u64 {
            self.0.scratch(virt)
        }
        fn space(&self, _: bool) -> u64 {
            1
        }
        fn read(&self, mode: Mode, at: Virt, into: &mut [u8]) -> Option<()> {
            let from = if mode.virt { GUEST } else { START };
            let there = !mode.virt || (from..from + self.1).contains(&at.0);
            self.0.read(mode, Virt(START + at.0.checked_sub(from)?), into).filter(|()| there)
        }
    }

    #[test]
    fn a_guest_that_has_not_touched_its_table_is_known_by_the_hosts() {
        let bytes = image(&names(700), Layout::Behind);
        for (touched, known) in [(0x2000, true), (0x1000, false)] {
            let hart = Both(Memory { bytes: &bytes, repeats: false }, touched);
            let mut symbols = Symbols::default();
            assert!(symbols.learn(&hart).is_empty());
            let name = symbols.name(Mode::VS, 4, GUEST + 0x1814).map(|name| name.to_string());
            assert_eq!(name.as_deref(), known.then_some("function_1+0x4"), "{touched:#x}");
            assert!(symbols.name(Mode::HS, 0, START + 0x1814).is_some());
        }
    }

    #[test]
    fn without_a_table_there_is_none() {
        let mut bytes = image(&names(700), Layout::Behind);
        bytes[0x30] = 0;
        assert!(found(&bytes).is_none());
        assert!(found(&[]).is_none());
        assert!(Kernel::find(&(), false).is_none() && Kernel::find(&(), true).is_none());
    }

    #[test]
    fn a_list_of_modules_that_leads_nowhere_costs_their_names_alone() {
        for next in [0, 8, u64::MAX, START + 0x1100 + 8 + 16] {
            let mut bytes = image(&names(700), Layout::Behind);
            bytes[0x1000..0x1008].copy_from_slice(&next.to_le_bytes());
            assert_eq!(found(&bytes).unwrap().table.code_at(START + 0x1804).unwrap().name, "function_0");
        }
    }
}
