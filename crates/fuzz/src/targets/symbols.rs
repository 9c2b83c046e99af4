//! Names in a kernel's memory, and in files.

use ::symbols::fuzzing::{Layout, Memory, START, image, names};
use ::symbols::{Btf, File, Kernel, Symbols, Whose, backtrace, kallsyms};
use arch::{Mode, Virt};
use events::Look;

use super::Target;

pub const TARGET: Target = Target {
    name: "symbols",
    what: "names of a kernel's memory (kallsyms, BTF, modules, stacks) and of files: reading is bounded, and what is found has an end",
    run,
    seeds,
};

fn seeds() -> Vec<Vec<u8>> {
    let layouts = [Layout::Before, Layout::Behind, Layout::Relative];
    let mut seeds: Vec<Vec<u8>> = layouts.iter().map(|&layout| image(&names(300), layout)).collect();
    seeds.push(b"ffffffff80001000 T _start\nffffffff01582000 t kvm_exit\t[kvm]\n".to_vec());
    seeds
}

fn run(input: &[u8]) {
    let input = &input[..input.len().min(1 << 20)];
    let found = kallsyms(input, START).unwrap_or_default();
    assert!(found.len() <= input.len(), "a name has some bytes");
    if let Some(btf) = Btf::read(input) {
        let _ = (btf.offset("module", "list"), btf.size("module_memory"), btf.offset("task_struct", "comm"));
    }
    if let Ok(file) = File::read("input".into(), input) {
        assert!(!file.table.is_empty());
        let _ = (file.table.code_at(START), file.table.code_at(u64::MAX));
    }
    for repeats in [false, true] {
        in_memory(&Memory { bytes: input, repeats });
    }
}

fn in_memory(hart: &Memory) {
    let frames = backtrace(hart, START, 32);
    assert!(frames.callers.len() <= 32);
    let mut size = [0; 8];
    let known = hart.read(Mode::HS, Virt(START + 0x10), &mut size).is_some();
    // larger ones are read just so, only slower
    if !known || u64::from_le_bytes(size) > 4 << 20 {
        return;
    }
    let mut symbols = Symbols::default();
    symbols.learn_one(hart, Whose::Host);
    let name = symbols.name(Mode::HS, 0, START + 0x1804).map(|name| name.to_string());
    assert!(name.is_none_or(|name| !name.is_empty()));
    let _ = (symbols.task(hart), Kernel::find(hart, true).is_some());
}
