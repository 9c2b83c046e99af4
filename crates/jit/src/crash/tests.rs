//! A child process crashes in generated code; its parent reads what it says.

use std::os::unix::process::ExitStatusExt;
use std::process::{Command, Output};

use vcpu::Vcpu;

use crate::looping::looping;

const RAM_BASE: u64 = 0x8000_0000;
/// Which crash the child process is to have.
const WHICH: &str = "VHART_TEST_CRASH";

/// In the child process; in a usual run it does nothing.
#[test]
fn child() {
    let Ok(which) = std::env::var(WHICH) else { return };
    let none = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: the limit is a variable. A crash that is wanted leaves no core behind.
    unsafe { libc::setrlimit(libc::RLIMIT_CORE, &none) };
    super::before_abort(|| eprintln!("the terminal is restored"));
    let mut hart = looping(RAM_BASE);
    hart.run(100);
    match which.as_str() {
        "illegal" => hart.break_code(RAM_BASE + 4, &[0x0f, 0x0b]),
        // mov rax, [0x40]
        "memory" => hart.break_code(RAM_BASE + 4, &[0x48, 0x8b, 0x04, 0x25, 0x40, 0, 0, 0]),
        _ => {
            // SAFETY: no memory is touched but the unmapped byte, which is what is wanted.
            unsafe { std::ptr::without_provenance_mut::<u8>(0x40).write_volatile(0) };
        }
    }
    hart.run(100);
}

fn crash(which: &str) -> Output {
    let mut child = Command::new(std::env::current_exe().unwrap());
    child.args(["--exact", "crash::tests::child", "--nocapture"]).env(WHICH, which);
    child.output().unwrap()
}

#[test]
fn a_fault_of_generated_code_names_the_guests_instruction() {
    for (which, signal, name) in [("illegal", libc::SIGILL, "SIGILL"), ("memory", libc::SIGSEGV, "SIGSEGV")] {
        let output = crash(which);
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.signal(), Some(signal), "{said}");
        let place = "guest pc 0x80000004 in the block at 0x80000000, mode M: 00258593 addi a1,a1,2\n";
        assert!(said.contains("the terminal is restored\nvhart: code made by the translator crashed"), "{said}");
        assert!(said.contains(name) && said.contains(place), "{said}");
    }
}

#[test]
fn a_fault_elsewhere_ends_as_ever() {
    let output = crash("elsewhere");
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.signal(), Some(libc::SIGSEGV), "{said}");
    assert!(!said.contains("translator"), "{said}");
}
