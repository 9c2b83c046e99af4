//! A virtual hart's interrupt file: one of a hart's that are for guests, or one in software.
//!
//! AIA 1.0, "Interrupts for Virtual Machines (VS Level)". A virtual hart that runs has a file of its hart's, and keeps
//! it while it is put aside: what arrives wakes it by `hgeie`. It gives it up when it runs on another hart, or when
//! somebody else needs the file; its own hart, which alone reaches the file, then brings it into software, in the order
//! of "Migrating a virtual hart to a different guest interrupt file": first nobody finds the file any more, then what
//! is in it is taken. While a file is in software, messages to it are stores that trap, and where harts have no files
//! for guests it stays there (`software`).

use core::ops::RangeInclusive;
use core::sync::atomic::Ordering;

use arch::addr::PAGE_BYTES;
use arch::csr::{self as registers, hstatus, ip, iselect};
use arch::{GuestPhys, Insn};
use cores::imsic::{FileRegister, InterruptFile, USUAL_IDENTITIES};

use super::controller::Aia;
use super::machine;
use super::software::{self, CsrAccess};
use crate::control::guests::Guest;
use crate::devices::IMSIC;
use crate::schedule;
use crate::start::csr;
use crate::start::hart::{self, Hart};
use crate::vcpu::{Context, Vcpu, wanted};

/// The interrupt file of a virtual hart.
pub struct VirtualFile {
    /// What is in it while no hart has it, and what arrives then.
    software: InterruptFile,
    place: Location,
    /// Another hart waits for it to be in software.
    wanted_back: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Location {
    Software,
    /// On its way there: what arrives is in software, what came before is not yet.
    Leaving,
    /// That file of that hart's.
    Hart {
        index: usize,
        number: u8,
    },
}

impl Default for VirtualFile {
    fn default() -> VirtualFile {
        VirtualFile { software: InterruptFile::new(identities()), place: Location::Software, wanted_back: false }
    }
}

impl VirtualFile {
    /// Whether it interrupts its virtual hart by `hvip`: a file of a hart's does so itself.
    pub fn signals(&self) -> bool {
        self.place == Location::Software && self.software.signals()
    }

    /// Forgets all: its guest begins anew.
    pub fn reset(&mut self) {
        self.software = InterruptFile::new(identities());
    }
}

/// The highest identity of a virtual hart's file.
pub fn identities() -> u16 {
    machine::for_guests().map_or(USUAL_IDENTITIES, |(_, identities)| identities)
}

/// How many files for guests this machine's harts have.
fn count() -> u8 {
    machine::for_guests().map_or(0, |(count, _)| count)
}

/// Where the guest finds the file's page.
fn address(vcpu: &Vcpu) -> GuestPhys {
    GuestPhys(IMSIC.base.0 + vcpu.index as u64 * PAGE_BYTES)
}

// ANCHOR: send
/// Sends a virtual hart a message.
pub fn send(vcpu: &'static Vcpu, identity: u32) {
    let mut file = vcpu.file.lock();
    if let Location::Hart { index, number } = file.place {
        return machine::send(machine::page(index, number), identity);
    }
    file.software.arrive(identity);
    let signals = file.signals();
    drop(file);
    if signals {
        schedule::want(vcpu, wanted::EXTERNAL);
    }
}
// ANCHOR_END: send

/// Makes the files of this hart's that are for guests ready.
pub fn set_up() {
    if count() != 0 {
        (1..=count()).for_each(|number| drop(take_out(number)));
        csr::set::<{ registers::HIE }>(ip::SGEIP);
    }
}

// ANCHOR: enter
/// Gives a virtual hart that is to run here a file of this hart's, with all that is in its own.
pub fn enter(hart: &Hart, vcpu: &'static Vcpu, context: &mut Context) {
    context.registers.hstatus &= !hstatus::VGEIN;
    if vcpu.guest().aia() != Aia::AplicImsic || count() == 0 {
        return;
    }
    let number = loop {
        let mut file = vcpu.file.lock();
        let place = file.place;
        match place {
            Location::Software => {
                drop(file);
                break bring_in(hart, vcpu);
            }
            Location::Hart { index, number } if index == hart.index => break number,
            Location::Hart { index, .. } if !core::mem::replace(&mut file.wanted_back, true) => {
                let there = &hart::harts()[index];
                there.asked.store(true, Ordering::SeqCst);
                machine::kick(there);
            }
            Location::Hart { .. } | Location::Leaving => {}
        }
        drop(file);
        // That hart may be waiting for this one.
        serve(hart);
        core::hint::spin_loop();
    };
    csr::clear::<{ registers::HGEIE }>(1 << number);
    context.registers.hstatus |= u64::from(number) << hstatus::VGEIN_SHIFT;
}
// ANCHOR_END: enter

/// A virtual hart is put aside to wait: what its file gets wakes it, if it has enabled that.
pub fn wait(context: &Context) {
    let number = (context.registers.hstatus & hstatus::VGEIN) >> hstatus::VGEIN_SHIFT;
    if number != 0 && context.vs.vsie & ip::SEIP != 0 {
        csr::set::<{ registers::HGEIE }>(1 << number);
    }
}

/// A virtual hart has stopped here: others may have its file.
pub fn leave(hart: &Hart, vcpu: &'static Vcpu) {
    let place = vcpu.file.lock().place;
    if let Location::Hart { number, .. } = place {
        bring_out(hart, number);
    }
}

/// Files have something for virtual harts that wait.
pub fn signalled(hart: &Hart) {
    let signalled = csr::read::<{ registers::HGEIP }>() & csr::read::<{ registers::HGEIE }>();
    csr::clear::<{ registers::HGEIE }>(signalled);
    for number in (1..=count()).filter(|number| signalled >> number & 1 != 0) {
        let owner = hart.files.lock()[usize::from(number)];
        owner.iter().for_each(|vcpu| schedule::want(vcpu, wanted::EXTERNAL));
    }
}

/// Gives back what other harts wait for.
pub fn serve(hart: &Hart) {
    if !hart.asked.swap(false, Ordering::SeqCst) {
        return;
    }
    for number in 1..=count() {
        let owner = hart.files.lock()[usize::from(number)];
        if owner.is_some_and(|vcpu| vcpu.file.lock().wanted_back) {
            bring_out(hart, number);
        }
    }
}

/// Brings what is in software into a file of this hart's.
fn bring_in(hart: &Hart, vcpu: &'static Vcpu) -> u8 {
    let number = free(hart);
    hart.files.lock()[usize::from(number)] = Some(vcpu);
    let held = {
        let mut file = vcpu.file.lock();
        file.place = Location::Hart { index: hart.index, number };
        core::mem::replace(&mut file.software, InterruptFile::new(identities()))
    };
    put_in(number, &held);
    // Where there is no memory for a table, messages go on to trap.
    let _ = vcpu.guest().memory.lock().map_register_page(address(vcpu), machine::page(hart.index, number));
    number
}

/// A file of this hart's that nobody has, if need be that of one that is put aside.
fn free(hart: &Hart) -> u8 {
    let nobodys = (1..=count()).find(|&number| hart.files.lock()[usize::from(number)].is_none());
    nobodys.unwrap_or_else(|| {
        let number = (hart.next_file.fetch_add(1, Ordering::Relaxed) % usize::from(count())) as u8 + 1;
        bring_out(hart, number);
        number
    })
}

// ANCHOR: bring_out
/// Brings a file of this hart's into software.
fn bring_out(hart: &Hart, number: u8) {
    let Some(vcpu) = hart.files.lock()[usize::from(number)].take() else { return };
    csr::clear::<{ registers::HGEIE }>(1 << number);
    // From now on the hypervisor's own messages are kept in software, and so are the guest's, once no hart knows the
    // page's place.
    vcpu.file.lock().place = Location::Leaving;
    let guest = vcpu.guest();
    guest.memory.lock().unmap_register_page(address(vcpu));
    guest.forget(wanted::FENCE_FILES);
    forget(guest);
    csr::order();
    let taken = take_out(number);
    let mut file = vcpu.file.lock();
    let late = core::mem::replace(&mut file.software, taken);
    merge(&mut file.software, &late);
    (file.place, file.wanted_back) = (Location::Software, false);
    let signals = file.signals();
    drop(file);
    if signals {
        schedule::want(vcpu, wanted::EXTERNAL);
    }
}
// ANCHOR_END: bring_out

/// Forgets where the files of a guest's virtual harts were, of which one may be elsewhere now: their pages, and nothing
/// else.
pub fn forget(guest: &Guest) {
    let memory = guest.memory.lock();
    guest.vcpus.iter().for_each(|vcpu| memory.forget(address(vcpu)));
}

/// The registers of the arrays: 64 identities each.
fn words() -> RangeInclusive<u8> {
    0..=(identities() / 64) as u8
}

/// What has arrived in `late`, in `file` too.
fn merge(file: &mut InterruptFile, late: &InterruptFile) {
    words().map(FileRegister::Pending).for_each(|word| file.change(word, 0, late.read(word)));
}

/// Does something with a file of this hart's, whichever virtual hart's registers are in the hart.
fn with<T>(number: u8, what: impl FnOnce() -> T) -> T {
    let (hstatus, selected) = (csr::read::<{ registers::HSTATUS }>(), csr::read::<{ registers::VSISELECT }>());
    csr::write::<{ registers::HSTATUS }>(hstatus & !hstatus::VGEIN | u64::from(number) << hstatus::VGEIN_SHIFT);
    let result = what();
    csr::write::<{ registers::VSISELECT }>(selected);
    csr::write::<{ registers::HSTATUS }>(hstatus);
    result
}

/// The registers of a file, with what selects each: its delivery first, then the arrays as far as there are identities.
fn all_registers() -> impl DoubleEndedIterator<Item = (u64, FileRegister)> {
    let exists = |register: &FileRegister| match register {
        FileRegister::Delivery | FileRegister::Threshold => true,
        FileRegister::Pending(word) | FileRegister::Enabled(word) => words().contains(word),
        FileRegister::Reserved => false,
    };
    iselect::FILE.filter_map(move |by| Some((by, FileRegister::selected(by).filter(exists)?)))
}

/// Takes all that is in a file of this hart's out of it.
fn take_out(number: u8) -> InterruptFile {
    let mut file = InterruptFile::new(identities());
    with(number, || {
        for (by, register) in all_registers() {
            csr::write::<{ registers::VSISELECT }>(by);
            file.change(register, 0, csr::swap::<{ registers::VSIREG }>(0));
        }
    });
    file
}

/// Puts `file` into one of this hart's, beside what has arrived there: "using instruction CSRS to write to the `eip`
/// array".
fn put_in(number: u8, file: &InterruptFile) {
    with(number, || {
        for (by, register) in all_registers().rev() {
            csr::write::<{ registers::VSISELECT }>(by);
            match register {
                FileRegister::Pending(_) => csr::set::<{ registers::VSIREG }>(file.read(register)),
                _ => csr::write::<{ registers::VSIREG }>(file.read(register)),
            }
        }
    });
}

/// Does what an instruction at a file's CSRs does; none where it is none, or there is no such register.
pub fn emulate(insn: &Insn, vcpu: &Vcpu, context: &mut Context) -> Option<()> {
    if vcpu.guest().aia() != Aia::AplicImsic {
        return None;
    }
    let access = CsrAccess::of(insn, |x| context.registers.get(x))?;
    let mut file = vcpu.file.lock();
    let in_software = file.place == Location::Software;
    let selected = csr::read::<{ registers::VSISELECT }>();
    let value = software::access(access, selected, in_software.then_some(&mut file.software))?;
    context.registers.set(access.rd, value);
    // It is looked at before the virtual hart executes on.
    vcpu.wanted.fetch_or(wanted::EXTERNAL, Ordering::SeqCst);
    Some(())
}
