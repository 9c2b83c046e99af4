//! GDB and LLDB themselves, where the system has them: `cargo xtask test` counts what is left out where it has not.

use std::path::Path;
use std::process::{Command, Stdio};

use crate::client::Debugged;
use crate::common::Programs;
use crate::{LONG, ways};

/// What GDB says to these commands with a program's symbols.
fn gdb(file: &Path, script: &[&str]) -> Option<String> {
    say(Command::new("gdb-multiarch").args(["-nx", "-batch"]).args(script.iter().flat_map(|line| ["-ex", line])), file)
}

/// What LLDB says.
fn lldb(file: &Path, script: &[&str]) -> Option<String> {
    say(Command::new("lldb").args(["-x", "-b"]).args(script.iter().flat_map(|line| ["-o", line])), file)
}

/// What a debugger says. `None`: there is none.
fn say(command: &mut Command, file: &Path) -> Option<String> {
    let output = command.arg(file).stdin(Stdio::null()).output();
    if output.as_ref().is_err_and(|error| error.kind() == std::io::ErrorKind::NotFound) {
        eprintln!("left out: there is no {:?}", command.get_program());
        return None;
    }
    let output = output.unwrap();
    Some(String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr))
}

/// That all of it was said.
fn said_all(said: &str, wanted: &[&str], what: &dyn std::fmt::Debug) {
    for wanted in wanted {
        assert!(said.contains(wanted), "{what:?}: no '{wanted}' in\n{said}");
    }
}

#[test]
fn gdb_itself_reads_the_registers_and_steps() {
    let programs = Programs::new();
    let file = programs.bare("debug", &[("LIMIT", LONG)]);
    for way in ways() {
        let machine = Debugged::start(&way, &file, &["--paused"]);
        let target = format!("target remote 127.0.0.1:{}", machine.port);
        let script = [
            "set pagination off",
            &target,
            "break *work",
            "continue",
            "stepi",
            "printf \"s0 %d\\n\", $s0",
            "watch *(long *) &counter",
            "continue",
            "set $mscratch = 77",
            "printf \"mscratch %d priv %d\\n\", $mscratch, $priv",
            "print/x $misa",
            "print $fa0.double",
            "info threads",
            "info registers hgatp vsatp satp",
            "monitor csr mstatus",
            "kill",
        ];
        let Some(said) = gdb(&file, &script) else { return };
        for wanted in [
            "Breakpoint 1, 0x0000000080000100 in work",
            "s0 1",
            "Hardware watchpoint 2",
            "New value = 1",
            "mscratch 77 priv 3",
            "hart 0 (M, ASID 0)",
            "vsatp",
            "mstatus",
        ] {
            assert!(said.contains(wanted), "{way:?}: no '{wanted}' in\n{said}");
        }
        assert!(!said.contains("warning") && !said.contains("rror"), "{way:?}: {said}");
    }
}

/// A guest's kernel, and how to run it.
fn kernel(programs: &Programs) -> (std::path::PathBuf, [Vec<&'static str>; 4]) {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/programs/kernel.ld");
    let file = programs.link("kernel", &[], &["--build-id=none", "--omagic", "-T", script]);
    let way = |engine, more: &[&'static str]| [&["run", "--engine", engine][..], more].concat();
    let turns: &[&str] = &["--deterministic"];
    (file, [way("jit", &[]), way("interp", &[]), way("jit", turns), way("interp", turns)])
}

#[test]
fn gdb_finds_its_way_in_a_guest_with_its_symbols() {
    let programs = Programs::new();
    let (file, ways) = kernel(&programs);
    for way in ways {
        let machine = Debugged::start(&way, &file, &["--paused", "--kernel"]);
        let script = [
            "set pagination off",
            &format!("target remote 127.0.0.1:{}", machine.port),
            "break count_memory",
            "continue",
            "backtrace 3",
            "info threads",
            "print $priv",
            "watch *(long *) &memory_count",
            "continue",
            "delete",
            // the same bytes, by the address that the guest's own page tables give
            "eval \"monitor watch gphys %#lx\", (unsigned long) &memory_count - 0xffffffff00000000",
            "continue",
            "x/i $pc",
            "monitor delete",
            "monitor stat",
            "finish",
            "monitor events 3",
            "monitor world",
            "kill",
        ];
        let Some(said) = gdb(&file, &script) else { return };
        let wanted = [
            "#0  0xffffffff80209030 in count_memory ()",
            "#1  0xffffffff80209024 in setup_arch ()",
            "#2  0xffffffff80209010 in start_kernel ()",
            "hart 0 (VS, VMID 5, ASID 3)",
            "$1 = 5",
            "Hardware watchpoint 2: *(long *) &memory_count",
            "Old value = 0",
            "New value = 1",
            "hart 0: watch write gphys 0x80",
            "<count_memory+20>:\tret",
            "counting begins now",
            "hart:0, HS     return: VS, pc:0x00000000802000",
            "vsatp  0x80003000000802",
        ];
        said_all(&said, &wanted, &way);
    }
}

#[test]
fn lldb_attaches_stops_and_steps() {
    let programs = Programs::new();
    let (file, ways) = kernel(&programs);
    for way in ways {
        let machine = Debugged::start(&way, &file, &["--paused", "--kernel"]);
        let script = [
            &format!("gdb-remote 127.0.0.1:{}", machine.port),
            "breakpoint set --name count_memory",
            "continue",
            "bt",
            "register read pc",
            "stepi",
            "register read pc",
            "process plugin packet monitor world",
            "process kill",
        ];
        let Some(said) = lldb(&file, &script) else { return };
        let wanted = [
            "stop reason = breakpoint 1.1",
            "frame #0: 0xffffffff8020",
            "kernel`count_memory\n",
            "stop reason = instruction step into",
            "kernel`count_memory + 4",
            "hart 0 (VS, VMID 5, ASID 3)",
        ];
        said_all(&said, &wanted, &way);
    }
}
