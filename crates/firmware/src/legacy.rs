//! The calls of SBI 0.1 without a pointer to virtual memory: timer, console, shutdown.
//!
//! SBI 3.0, "Legacy Extensions (EIDs #0x00 - #0x0F)". They return in `a0` alone.

use sbi::function::Legacy;
use sbi::{Error, console};
use vcpu::{EmulatedHart, SystemEvent};

use crate::console::Deferred;
use crate::{Firmware, Outcome};

/// Whether the one with this extension id is answered.
pub fn exists(eid: u32) -> bool {
    use Legacy::*;
    matches!(Legacy::numbered(eid.into()), Some(SetTimer | ConsolePutchar | ConsoleGetchar | Shutdown))
}

impl Firmware {
    pub(crate) fn legacy(
        &mut self,
        function: Legacy,
        args: &[u64; 6],
        (caller, hart): (usize, &mut dyn EmulatedHart),
        shown: &mut Vec<u8>,
    ) -> Outcome {
        let mut console = Deferred { console: self.console.as_mut(), shown };
        Outcome::ReturnLegacy(match function {
            Legacy::SetTimer => {
                self.set_timer(caller, args[0], hart);
                0
            }
            Legacy::ConsolePutchar => console::putchar(args[0], &mut console),
            Legacy::ConsoleGetchar => console::getchar(&mut console),
            Legacy::Shutdown => {
                self.power.request(SystemEvent::Shutdown);
                0
            }
            _ => return Err(Error::NotSupported).into(),
        })
    }
}
