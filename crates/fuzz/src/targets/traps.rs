//! Traps' registers as logs have them, and questions about faults.

use explain::{Pasted, Question, Style, told, told_text};

use super::Target;

pub const TARGET: Target = Target {
    name: "traps",
    what: "logs with a trap's registers, and questions for --explain: what is said of them is text",
    run: |input| run(&String::from_utf8_lossy(input)),
    seeds,
};

fn seeds() -> Vec<Vec<u8>> {
    [
        "status: 0000000200000120 badaddr: 0000000000000010 cause: 000000000000000d",
        "SEPC=0x80200070 SSTATUS=0x200000120 HSTATUS=0x2000001c0\nSCAUSE=0x15 STVAL=0x10 HTVAL=0x4 HTINST=0x3000",
        "mcause=0x8000000000000007 mstatus=0x8000004000 mtinst=0x1053",
        "riscv_cpu_do_interrupt: hart:0, async:0, cause:0000000000000017, epc:0x80200070, tval:0x10 htinst 0x10053023",
        "core   0: exception trap_load_guest_page_fault, epc 0x80000070 satp=9000000000080000 hgatp 0xf000000000000001",
        "vscause=22 vstval=0x60002573 vsstatus=0x100",
        "fault,to=hs,hart=3",
        "0x4000_1238,world=vs,access=w",
    ]
    .map(|text| text.as_bytes().to_vec())
    .to_vec()
}

fn run(text: &str) {
    if let Err(wrong) = text.parse::<Question>() {
        assert!(!wrong.to_string().is_empty());
    }
    let mut pasted = Pasted::default();
    for word in text.split_whitespace() {
        if let Err(wrong) = pasted.set(word) {
            assert!(!wrong.to_string().is_empty());
        }
    }
    pasted.read(text);
    let told = told(&pasted);
    assert!(!told.summary.is_empty());
    let lines = told_text(&told, Style { colour: false });
    assert!(lines.lines().all(|line| !line.contains('\x1b')), "{lines}");
}
