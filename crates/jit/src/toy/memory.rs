//! Steps that access memory: where the data table has the page and the address is aligned, or in a span. All else is
//! the interpreter's.

use arch::addr::PAGE_BYTES;
use hart::engine::Core;
use semantics::Width;

use super::machine::{Machine, Next};
use super::step::{AMOS, Kind, Step, WIDTHS};

impl Machine {
    /// An access; what it reads is kept.
    pub fn access(&mut self, step: Step, core: &mut Core) -> Next {
        let width = WIDTHS[usize::from(step.a)];
        let read = match step.kind {
            Kind::Store if step.b == 1 => {
                self.store_within(width, core);
                return Next::Step;
            }
            Kind::Store => return Next::or_slow_path(self.store(width, core).is_some()),
            Kind::Zero => return Next::or_slow_path(self.zero(step.wide, core).is_some()),
            Kind::Load if step.b == 1 => Some(self.load_within(width, core)),
            Kind::Load => self.load(width, core),
            Kind::Amo => self.amo(step, width, core),
            Kind::Cas => self.cas(width, core),
            Kind::Reserve => self.reserve(width, core),
            _ => self.conditional(width, core),
        };
        if let Some(value) = read {
            self.kept[usize::from(step.c)] = value;
        }
        Next::or_slow_path(read.is_some())
    }

    /// Whether a span is in one page that may be accessed as the step says.
    pub fn has_span(&mut self, step: Step, core: &Core) -> bool {
        let (bytes, first) = (self.pop(), self.pop());
        let last = first.wrapping_add(bytes - 1);
        let allowed =
            |at| (step.a == 0 || core.readable(at, 1).is_some()) && (step.b == 0 || core.writable(at, 1).is_some());
        first / PAGE_BYTES == last / PAGE_BYTES && allowed(first)
    }

    /// A load within a span, which has been checked: aligned or not.
    fn load_within(&mut self, width: Width, core: &Core) -> u64 {
        let first = self.pop();
        let byte =
            |at| core.ram.load_u8(core.readable(first.wrapping_add(at), 1)?).map(|byte| u64::from(byte) << (8 * at));
        (0..width.bytes()).fold(0, |value, at| value | byte(at).expect("the span was checked"))
    }

    /// A store within a span.
    fn store_within(&mut self, width: Width, core: &Core) {
        let (value, first) = (self.pop(), self.pop());
        for at in 0..width.bytes() {
            let offset = core.writable(first.wrapping_add(at), 1).expect("the span was checked");
            core.ram.store_u8(offset, (value >> (8 * at)) as u8);
        }
    }

    fn load(&mut self, width: Width, core: &Core) -> Option<u64> {
        let offset = core.readable(self.pop(), width.bytes())?;
        match width {
            Width::B1 => core.ram.load_u8(offset).map(u64::from),
            Width::B2 => core.ram.load_u16(offset).map(u64::from),
            Width::B4 => core.ram.load_u32(offset).map(u64::from),
            _ => core.ram.load_u64(offset),
        }
    }

    fn store(&mut self, width: Width, core: &Core) -> Option<()> {
        let (value, address) = (self.pop(), self.pop());
        let offset = core.writable(address, width.bytes())?;
        match width {
            Width::B1 => core.ram.store_u8(offset, value as u8),
            Width::B2 => core.ram.store_u16(offset, value as u16),
            Width::B4 => core.ram.store_u32(offset, value as u32),
            _ => core.ram.store_u64(offset, value),
        }
    }

    fn zero(&mut self, block: u64, core: &mut Core) -> Option<u64> {
        let address = self.pop() & !(block - 1);
        core.writable(address, 1).filter(|_| core.generated.cbo_zero_ready)?;
        core.zero_block(address).ok()
    }

    fn amo(&mut self, step: Step, width: Width, core: &mut Core) -> Option<u64> {
        let (operand, address) = (self.pop(), self.pop());
        core.writable(address, width.bytes())?;
        core.amo_at(width, AMOS[usize::from(step.b)], address, operand).ok()
    }

    fn cas(&mut self, width: Width, core: &mut Core) -> Option<u64> {
        let [desired, expected, address] = [self.pop(), self.pop(), self.pop()];
        core.writable(address, width.bytes())?;
        core.cas_at(width, address, [expected, 0], [desired, 0]).ok().map(|[old, _]| old)
    }

    fn reserve(&mut self, width: Width, core: &mut Core) -> Option<u64> {
        let address = self.pop();
        core.readable(address, width.bytes())?;
        core.reserve_at(width, address).ok()
    }

    fn conditional(&mut self, width: Width, core: &mut Core) -> Option<u64> {
        let (value, address) = (self.pop(), self.pop());
        core.writable(address, width.bytes())?;
        core.conditional_at(width, address, value).ok().map(|written| u64::from(!written))
    }
}
