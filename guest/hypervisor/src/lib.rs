//! vhart's hypervisor: KVM's place in the stack, on the bare machine.
//!
//! A type-1 hypervisor in HS-mode. A part of it is a folder here, in the order in which a reader may want them:
//!
//! 1. `start`: from the firmware's jump to harts with stacks, page tables and a heap.
//! 2. `vcpu`: a virtual hart, how it is entered, and what it is left for.
//! 3. `memory`: frames, page tables of both stages, accesses that no memory answers.
//! 4. `interrupts`: what a guest is interrupted by.
//! 5. `timers`: the guests' and the hypervisor's own.
//! 6. `sbi`: the calls of guests, and the hypervisor's own to the firmware.
//! 7. `devices`: what a guest sees beside memory.
//! 8. `schedule`: which virtual hart runs where.
//! 9. `control`: which guests there are, and the console.
//!
//! What touches CSRs, page tables or the machine's memory needs the feature `image`; the rest is plain data and
//! functions, which a PC tests. Privileged architecture 1.13 (20240411) with the hypervisor extension 1.0; SBI 3.0.
//!
//! # The hypervisor
//!
//! `guest/hypervisor` runs on the machine, not in vhart: HS-mode, in KVM's place (`docs/adr/0010`). A folder is a
//! part; `schedule::run` is a hart's loop, `vcpu::run` what happens between putting a virtual hart on a hart and
//! putting it aside, `vcpu::exit` the one `match` over causes. What needs the machine is behind the feature
//! `image`. It uses `arch`, `sbi` and `cores`. A guest's virtio device is a device of the machine's behind
//! registers and queues of the hypervisor's (`devices::virtio`), or a network card that leads to other guests
//! (`devices::virtio::{card, switch}`). Interrupts of guests are in `interrupts`: a virtual hart's interrupt file
//! is one of its hart's or in software (`interrupts::files`). Locks, outermost first: a virtual hart's context, a
//! guest's virtio device, its memory or its line, a virtual hart's interrupt file, the schedule's queue, the
//! console, the free memory.

#![cfg_attr(not(test), no_std)]

extern crate alloc;

pub mod control;
pub mod devices;
pub mod interrupts;
pub mod memory;
pub mod sbi;
pub mod schedule;
pub mod start;
pub mod timers;
pub mod vcpu;

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    /// Lines of Rust and of assembly below a folder: neither empty, nor comments, nor tests, with which files end.
    fn lines_below(folder: &Path) -> [usize; 2] {
        let mut sum = [0; 2];
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                let below = lines_below(&path);
                (sum[0], sum[1]) = (sum[0] + below[0], sum[1] + below[1]);
                continue;
            }
            let text = fs::read_to_string(&path).unwrap();
            let is_rust = path.extension().is_some_and(|extension| extension == "rs");
            let comments: &[&str] = if is_rust { &["//"] } else { &["#", "//", "/*", "*"] };
            let is_code = |line: &&str| !line.is_empty() && !comments.iter().any(|begin| line.starts_with(begin));
            let lines = text.lines().map(str::trim).take_while(|line| *line != "#[cfg(test)]");
            sum[usize::from(!is_rust)] += lines.filter(is_code).count();
        }
        sum
    }

    #[test]
    fn it_is_small_enough_to_be_read_in_an_evening() {
        let [rust, assembly] = lines_below(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"));
        assert!(rust <= 5000 && assembly <= 250, "{rust} lines of Rust, {assembly} of assembly");
        assert!(rust > 4000 && assembly > 100, "{rust} lines of Rust, {assembly} of assembly are not all");
    }
}
