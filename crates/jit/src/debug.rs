//! What a debugger does to a translated hart: the hart's own, but for the code that was made before.

use std::sync::Arc;

use arch::Mode;
use arch::addr::PAGE_BYTES;
use vcpu::Exit;
use vcpu::debug::{Break, Debuggee, Event, Found, Halt, Lost, Points, Space, World};

use crate::host::Backend;
use crate::jit_hart::JitHart;

impl<B: Backend> Debuggee for JitHart<B> {
    fn set_points(&mut self, points: &Arc<Points>) {
        let old = self.hart.points();
        self.hart.set_points(points);
        if csr_writes(&old).ne(csr_writes(points)) {
            self.translator.clear(&mut self.hart.core);
        }
        let changed: Vec<Break> = difference(&old.breaks, &points.breaks).collect();
        if changed.is_empty() {
            return;
        }
        let anywhere = changed.iter().any(|point| point.space != Space::Virtual);
        let in_page = |page| anywhere || changed.iter().any(|point| point.address / PAGE_BYTES == page);
        self.translator.forget(in_page, &mut self.hart.core);
    }
    fn step(&mut self, interrupts: bool) -> Option<Exit> {
        // the rest of a block has no code of its own
        self.within = true;
        self.hart.step_one(interrupts)
    }
    fn is_at_break(&mut self) -> bool {
        Debuggee::is_at_break(&mut self.hart)
    }
    fn take_halt(&mut self) -> Option<Halt> {
        self.hart.take_halt()
    }
    fn world(&self) -> World {
        self.hart.world()
    }
    fn set_mode(&mut self, mode: Mode) {
        self.hart.set_mode(mode);
    }
    fn f(&self, number: u8) -> u64 {
        self.hart.f(number)
    }
    fn set_f(&mut self, number: u8, value: u64) {
        self.hart.set_f(number, value);
    }
    fn peek_csr(&self, address: u16) -> Option<u64> {
        self.hart.peek_csr(address)
    }
    fn poke_csr(&mut self, address: u16, value: u64) -> bool {
        self.hart.poke_csr(address, value)
    }
    fn locate(&self, mode: Mode, address: u64) -> Result<Found, Lost> {
        self.hart.locate(mode, address)
    }
}

/// What only one of them has.
fn difference<'a>(one: &'a [Break], other: &'a [Break]) -> impl Iterator<Item = Break> + 'a {
    let only = |these: &'a [Break], those: &'a [Break]| these.iter().filter(|point| !those.contains(point)).copied();
    only(one, other).chain(only(other, one))
}

/// The events that code must leave to the interpreter.
fn csr_writes(points: &Points) -> impl Iterator<Item = &Event> {
    points.events.iter().filter(|event| matches!(event, Event::CsrWrite(_)))
}
