//! GDB at a guest's own harts: at the VMM's port, in the host, which a port of this computer leads to.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};

use anyhow::{Context, bail, ensure};

use super::ask;

/// What is asked for by name.
const NAMES: [&str; 3] = ["start_kernel", "kernel_init", "vfs_read"];
/// What functions begin with that the kernel may trace: room for a call, which it writes over as it boots.
const ROOM: u64 = 8;

/// What the guest's shell says when it reads. What is typed before nobody hears.
const PROMPT: &[u8] = b"guest:/# ";

/// What runs in the host: the kernel's addresses, which are the guest's as well, and the guest.
const HOST: &str = "grep -wE 'NAMES' /proc/kallsyms; exec vhart run --engine kvm --no-reboot --harts 2 \
    --memory 256M --kernel /boot/vmlinuz --initrd /boot/guest.cpio --append 'console=ttyS0 nokaslr' \
    --gdb=0.0.0.0:1234,anyone=on --paused";

/// What is asked of GDB: in front of paging the kernel is 2 MiB above the beginning of its virtual addresses.
fn script([start_kernel, kernel_init, vfs_read]: [u64; 3]) -> Vec<String> {
    let (init, read) = (kernel_init + ROOM, vfs_read + ROOM);
    vec![
        "set pagination off".into(),
        format!("monitor break gphys {:#x}", start_kernel - 0xffff_ffff_8000_0000 + 0x8020_0000),
        "continue".into(),
        format!("printf \"start_kernel %d\\n\", $pc == {start_kernel:#x}"),
        "monitor delete".into(),
        format!("hbreak *{init:#x}"),
        "continue".into(),
        "stepi".into(),
        format!("printf \"a step %d\\n\", $pc > {init:#x} && $pc < {init:#x} + 8"),
        "delete".into(),
        format!("break *{read:#x}"),
        "continue".into(),
        "continue".into(),
        format!("printf \"vfs_read %d, %#x\\n\", $pc == {read:#x}, $satp >> 60 != 0"),
        // the Debug Specification's number of VS: S-mode is 1, and V is bit 2
        "printf \"priv %d\\n\", $priv".into(),
        format!("monitor translate {read:#x}"),
        format!("x/i {read:#x}"),
        "info threads".into(),
        "delete".into(),
        "detach".into(),
    ]
}

/// What it then says. The instruction is the guest's, not the breakpoint.
const SAID: [&str; 6] =
    ["start_kernel 1\n", "a step 1\n", "vfs_read 1, 0x1\n", "priv 5\n", " -> guest-physical 0x8", "2    Thread 1.2"];

/// Boots a guest with GDB there, which then lets it go on to its end.
///
/// # Errors
/// GDB does not see what it should, or the guest does not end.
pub fn boot() -> anyhow::Result<()> {
    eprintln!("== GDB at a guest of KVM's");
    let port = TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr()).context("no port is free")?.port();
    let mut machine = start(port)?;
    let addresses = addresses(&mut machine)?;
    await_port(&mut machine)?;
    let said = ask(&format!(":{port}"), &script(addresses))?;
    let status = machine.wait().context("cannot wait for vhart")?;
    check(&said)?;
    ensure!(status.success(), "GDB at a guest: the guest did not end: {status}\n{said}");
    Ok(())
}

fn start(port: u16) -> anyhow::Result<Child> {
    let mut vhart = Command::new(crate::booted::VHART);
    let (port, host) = (format!("{port}:1234"), HOST.replace("NAMES", &NAMES.join("|")));
    vhart.args(["exec", "--harts", "2", "--timeout", "5m", "--forward", &port, "--", "sh", "-c", &host]);
    vhart.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    vhart.spawn().context("cannot run vhart")
}

/// Reads where the kernel has what is asked for. All else that the guest says is read by a thread, which has its shell
/// end it.
fn addresses(machine: &mut Child) -> anyhow::Result<[u64; 3]> {
    let mut out = BufReader::new(machine.stdout.take().context("there is a pipe")?);
    let mut found = [None; NAMES.len()];
    while found.contains(&None) {
        let mut line = String::new();
        ensure!(out.read_line(&mut line).context("vhart says nothing")? != 0, "the host tells no addresses");
        if let Some((place, address)) = symbol(&line) {
            found[place] = Some(address);
        }
    }
    let to = machine.stdin.take().context("there is a pipe")?;
    std::thread::spawn(move || end_at_prompt(out, to));
    Ok(found.map(Option::unwrap_or_default))
}

/// One of [`NAMES`], where a line of /proc/kallsyms has it, and its address.
fn symbol(line: &str) -> Option<(usize, u64)> {
    let mut words = line.split_whitespace();
    let (address, name) = (words.next()?, words.nth(1)?);
    Some((NAMES.iter().position(|known| *known == name)?, u64::from_str_radix(address, 16).ok()?))
}

fn end_at_prompt(mut out: impl BufRead, mut to: impl Write) {
    let mut said = Vec::new();
    while out.read_until(b' ', &mut said).is_ok_and(|count| count != 0) {
        if said.ends_with(PROMPT) {
            let _ = to.write_all(b"exit\n");
        }
    }
}

/// Whether it has said all that it is to say, and nothing that it is not.
fn check(said: &str) -> anyhow::Result<()> {
    if let Some(wanted) = SAID.iter().find(|wanted| !said.contains(**wanted)) {
        bail!("GDB at a guest: it did not say '{wanted}', but:\n{said}");
    }
    let sees_own = said.contains("c.ebreak") || said.contains("\tebreak");
    ensure!(!sees_own, "GDB at a guest: it saw its own breakpoint:\n{said}");
    Ok(())
}

/// Waits until the VMM says that a debugger may come.
fn await_port(machine: &mut Child) -> anyhow::Result<()> {
    let mut err = BufReader::new(machine.stderr.take().context("there is a pipe")?).lines();
    let told = err.by_ref().map_while(Result::ok).any(|line| line.contains("target remote "));
    std::thread::spawn(move || err.for_each(drop));
    if told { Ok(()) } else { bail!("GDB at a guest: the VMM opens no port") }
}
