//! The process that runs: `current` of a Linux kernel.

use std::fmt;

use arch::{Mode, Privilege, Virt};
use events::Look;

use crate::Btf;
use crate::bytes::{text_at, u32_at};

/// `TASK_COMM_LEN`.
const COMM_BYTES: usize = 16;
/// `tp`, which is `current` while the kernel runs.
const TP: u8 = 4;

/// Where things are in `struct task_struct`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Offsets {
    comm: u64,
    pid: u64,
    tgid: u64,
}

impl Offsets {
    /// As the kernel's type information says.
    pub fn of(btf: &Btf) -> Option<Offsets> {
        let member = |name| btf.offset("task_struct", name);
        Some(Offsets { comm: member("comm")?, pid: member("pid")?, tgid: member("tgid")? })
    }

    /// What runs, in the host's world or, with `virt`, in the guest's. `None`: it cannot be read, or the hart is in
    /// another world.
    pub fn current(&self, hart: &dyn Look, virt: bool) -> Option<Task> {
        let mode = hart.mode();
        let task = match mode.privilege {
            Privilege::Supervisor if mode.virt == virt => hart.register(TP),
            Privilege::User if mode.virt == virt => hart.scratch(virt),
            _ => return None,
        };
        let supervisor = Mode { privilege: Privilege::Supervisor, virt };
        let mut comm = [0; COMM_BYTES];
        hart.read(supervisor, Virt(task.wrapping_add(self.comm)), &mut comm)?;
        let number = |offset: u64| {
            let mut bytes = [0; 4];
            hart.read(supervisor, Virt(task.wrapping_add(offset)), &mut bytes)?;
            u32_at(&bytes, 0)
        };
        let name = text_at(&comm, 0, COMM_BYTES).filter(|name| !name.contains(char::is_control))?;
        Some(Task { thread: number(self.pid)?, process: number(self.tgid)?, name })
    }
}

impl fmt::Display for Task {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Task { thread, process, name } = self;
        match thread == process {
            true => write!(f, "{name}[{process}]"),
            false => write!(f, "{name}[{process}/{thread}]"),
        }
    }
}

/// A thread of a process.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Task {
    /// Its number, which Linux calls pid within and `gettid` answers.
    pub thread: u32,
    /// Its process' number.
    pub process: u32,
    /// Its name, `comm`.
    pub name: String,
}
