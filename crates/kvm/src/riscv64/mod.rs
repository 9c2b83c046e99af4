//! The engine on riscv64 Linux.

mod kick;
mod open;
mod regs;
mod sys;
mod vcpu;
mod vm;

pub use self::vcpu::KvmVcpu;
pub use self::vm::Vm;
