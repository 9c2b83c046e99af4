//! The engine on riscv64 Linux.

mod aia;
mod debug;
mod describe;
mod doorbells;
mod kick;
mod messages;
mod offers;
mod open;
mod regs;
mod resume;
mod state;
mod sys;
mod turns;
mod vcpu;
mod vm;
mod watch;

pub use self::aia::{Aia, aia_info};
pub use self::offers::info;
pub use self::vcpu::KvmVcpu;
pub use self::vm::Vm;
