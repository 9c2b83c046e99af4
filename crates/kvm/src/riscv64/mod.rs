//! The engine on riscv64 Linux.

mod describe;
mod doorbells;
mod kick;
mod offers;
mod open;
mod regs;
mod state;
mod sys;
mod vcpu;
mod vm;

pub use self::offers::info;
pub use self::vcpu::KvmVcpu;
pub use self::vm::Vm;
