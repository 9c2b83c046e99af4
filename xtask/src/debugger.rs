//! GDB at the machine of `linux --check`: it stops in the guest's kernel, inside KVM, and lets everything go on.

mod guest;

use std::io::{BufRead, BufReader, Lines};
use std::process::{Child, ChildStderr, Command, Stdio};

use anyhow::{Context, bail};

use crate::search::on_path;

/// Debian's GDB for all architectures. Where the system lacks it, what needs it is left out and counted.
pub const GDB: &str = "gdb-multiarch";

/// What is asked of it: the guest's first instruction (Linux begins at 2 MiB of memory,
/// Documentation/arch/riscv/boot.rst, the guest's at 2 GiB), its `start_kernel`, there the slot of the stack that the
/// return address goes to, by its virtual address, and the page of that by the guest-physical one. In front of paging
/// the kernel is 2 MiB above the beginning of its virtual addresses.
const SCRIPT: [&str; 20] = [
    "set pagination off",
    "monitor break gphys 0x80200000 mode VS",
    "continue",
    "printf \"priv %d\\n\", $priv",
    "monitor translate 0x80200000",
    "monitor delete",
    "monitor break START mode VS",
    "continue",
    "set $slot = (unsigned long) $sp - 8",
    "awatch -location *(unsigned long *) $slot",
    "continue",
    "printf \"in start_kernel %d\\n\", $pc - START < 64",
    "delete",
    "eval \"monitor watch gphys %#lx len 4096 mode VS\", ($slot & ~0xfff) - 0xffffffff80000000 + 0x80200000",
    "continue",
    "monitor events 3",
    "monitor delete",
    "monitor stop-on csr vsatp",
    "stepi",
    "detach",
];

/// What it then says: V and S, an address that goes through the G-stage, and what was watched.
const SAID: [&str; 5] = [
    "priv 5",
    "VS 0x80200000 -> guest-physical 0x80200000 (page",
    "Hardware access (read/write) watchpoint 1: -location *(unsigned long *) $slot\n\nValue = ",
    "in start_kernel 1",
    "hart 0: watch write gphys",
];

/// Boots with GDB at the machine and at a guest, where there is one.
///
/// # Errors
/// GDB does not see what it should, or a boot fails.
pub fn boots(check: &[&str], start_kernel: u64) -> anyhow::Result<()> {
    if has_gdb() {
        boot(check, start_kernel)?;
        guest::boot()?;
    }
    Ok(())
}

/// Boots host and guest with GDB there.
///
/// # Errors
/// GDB does not see the guest, or the boot fails.
fn boot(check: &[&str], start_kernel: u64) -> anyhow::Result<()> {
    let what = "linux --check, with GDB in the guest";
    eprintln!("== {what}");
    let (mut machine, mut lines) = start(check)?;
    let address = address(&mut lines).with_context(|| format!("{what}: there is no port"))?;
    let said = ask(&address, &SCRIPT.map(|line| line.replace("START", &format!("{start_kernel:#x}"))))?;
    lines.map_while(Result::ok).for_each(|line| eprintln!("{line}"));
    let passed = machine.wait().context("cannot wait for cargo")?.success();
    match SAID.iter().find(|wanted| !said.contains(**wanted)) {
        Some(wanted) => bail!("{what}: GDB did not say '{wanted}', but:\n{said}"),
        None if !passed => bail!("{what} failed"),
        None => Ok(()),
    }
}

/// What a machine says that waits for a debugger.
type Said = Lines<BufReader<ChildStderr>>;

fn start(check: &[&str]) -> anyhow::Result<(Child, Said)> {
    let mut command = Command::new("cargo");
    command.args(check).args(["--gdb=0", "--paused"]).stderr(Stdio::piped());
    let mut machine = command.spawn().context("cannot run cargo")?;
    let said = BufReader::new(machine.stderr.take().context("no standard error")?).lines();
    Ok((machine, said))
}

/// Where it waits.
fn address(said: &mut Said) -> Option<String> {
    said.map_while(Result::ok).find_map(|line| Some(line.split_once("target remote ")?.1.to_owned()))
}

/// What GDB says when it is asked that at an address; what the machine says itself is on its standard error.
fn ask(address: &str, questions: &[String]) -> anyhow::Result<String> {
    let mut gdb = Command::new(GDB);
    gdb.args(["-nx", "-batch", "-ex", "set architecture riscv:rv64", "-ex", &format!("target remote {address}")]);
    gdb.args(questions.iter().flat_map(|question| ["-ex", question]));
    let output = gdb.output().context("cannot run GDB")?;
    Ok((String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr)).into_owned())
}

/// What is left out where there is no GDB, or no LLDB.
pub fn left_out() -> Vec<String> {
    let without = |program, what: &str| on_path(program).is_none().then(|| format!("{what} (no {program})"));
    without(GDB, "four tests with GDB").into_iter().chain(without("lldb", "a test with LLDB")).collect()
}

/// Whether the system has it.
pub fn has_gdb() -> bool {
    on_path(GDB).is_some()
}
