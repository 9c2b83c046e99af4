//! All workloads.

use crate::{
    Clock, Group, Need, Why, Workload, as_kernel, disk, float, integer, interrupts, kernel, memory, network, output,
    timers,
};

macro_rules! workloads {
    ($(
        $group:ident $clock:ident $needs:expr, { $($name:literal $iterations:literal $run:path, $what:literal;)* }
    )*) => {
        /// All workloads, by group.
        pub const ALL: &[Workload] = &[$($(Workload {
            name: $name,
            group: Group::$group,
            what: $what,
            clock: Clock::$clock,
            iterations: $iterations,
            run: |iterations| done($run(iterations)),
            needs: $needs,
        },)*)*];
    };
}

workloads! {
    Integer Processor None, {
        "sort" 20 integer::sort, "quicksort of 65536 random numbers";
        "list" 8000 integer::list, "search and reversal of a linked list of 4000 nodes";
        "calls" 80 integer::calls, "recursive Fibonacci through a table of functions";
        "bytecode" 60 integer::bytecode, "a small machine that sieves primes";
        "hash" 60 integer::hash, "words counted in a hash map";
        "crc" 120 integer::crc, "CRC-32 of 256 KiB, by a table";
        "division" 200000 integer::division, "greatest common divisors";
        "strings" 100 integer::strings, "numbers printed, joined, split and read";
    }
    Float Processor None, {
        "matmul" 40 float::matmul, "product of two matrices of 96 x 96";
        "linpack" 120 float::linpack, "96 linear equations, by elimination";
        "fft" 120 float::fft, "Fourier transform of 2048 points and back";
        "functions" 100000 float::functions, "sine, cosine, exponential, logarithm, arc tangent";
    }
    Memory Processor None, {
        "stream" 60 memory::stream, "triad over three arrays of 4 MiB";
        "chase-4k" 120 memory::chase_small, "a pointer from page to page, 32 MiB in pages of 4 KiB";
        "chase-2m" 120 memory::chase_huge, "the same in pages of 2 MiB";
        "touch-4k" 4 memory::touch_small, "first touch of 16 MiB in pages of 4 KiB";
        "touch-2m" 8 memory::touch_huge, "first touch of 16 MiB in pages of 2 MiB";
    }
    Kernel Processor None, {
        "syscall" 200000 kernel::syscall, "getppid";
        "fork" 200 kernel::fork, "a process that ends at once";
        "exec" 60 kernel::exec, "another program, which ends at once";
        "pipe" 10000 kernel::pipes, "a byte to another thread and back";
        "switch" 10000 kernel::switch, "two threads that wake each other";
        "mprotect" 40000 kernel::mprotect, "a page protected and written again";
        "page-fault" 60 kernel::page_faults, "256 pages dropped and touched";
        "clock" 500000 kernel::clock, "the time, asked for";
    }
    Timers Wall None, {
        "sleep-10us" 1000 timers::sleep_10us, "sleeps of 10 microseconds";
        "sleep-100us" 500 timers::sleep_100us, "sleeps of 100 microseconds";
        "sleep-1ms" 100 timers::sleep_1ms, "sleeps of 1 millisecond";
    }
    Interrupts Wall Some(Need::TwoHarts), {
        "ipi" 2000 interrupts::ipi, "another processor interrupted while it computes";
        "wake" 1000 interrupts::wake, "a thread on another processor woken, and back";
    }
    Interrupts Wall Some(Need::Aia), {
        "msi-self" 1 as_kernel, "a message to the hart's own interrupt file (AIA), until it is claimed";
        "msi-running" 1 as_kernel, "a message to another hart, which computes";
        "msi-sleeping" 1 as_kernel, "a message to another hart, which has slept for 2 ms";
        "wire-running" 1 as_kernel, "the serial port's interrupt, by the APLIC, to a hart that computes";
        "wire-sleeping" 1 as_kernel, "the same to one that has slept";
        "completion" 1 as_kernel, "a request to the entropy device, until its interrupt is claimed";
    }
    Virtualization Wall Some(Need::Kernel), {
        "breakpoint" 1 as_kernel, "ebreak and back, which firmware and hypervisors delegate";
        "illegal" 1 as_kernel, "an illegal instruction and back, which KVM takes and hands back";
        "sbi-ipi" 1 as_kernel, "an interrupt that a hart sends itself by an SBI call";
        "sbi-null" 1 as_kernel, "an SBI call that does nothing";
        "mmio-read" 1 as_kernel, "a register of the serial port: in a guest of KVM, an exit to the VMM";
        "csr-trap" 1 as_kernel, "the counter of cycles read, for which a guest of KVM traps";
        "remote-fence" 1 as_kernel, "an SBI call for a fence of all addresses";
        "timer-sstc" 1 as_kernel, "a timer interrupt at once, by stimecmp";
        "timer-sbi" 1 as_kernel, "a timer interrupt at once, by an SBI call";
        "wfi-late" 1 as_kernel, "how much later than the timer's time WFI goes on";
        "fault-4k" 1 as_kernel, "first touch of a page of 4 KiB, without a page table of its own";
        "fault-2m" 1 as_kernel, "the same in steps of 2 MiB";
    }
    Io Wall Some(Need::Disk), {
        "disk-read" 256 disk::read, "a disk read in blocks of 64 KiB, past the cache";
        "disk-random" 1000 disk::random, "4 KiB at random places of a disk";
        "disk-write" 128 disk::write, "a disk written in blocks of 64 KiB, past the cache";
        "disk-sync" 200 disk::sync, "4 KiB written and flushed";
    }
    Io Wall Some(Need::Network), {
        "net-latency" 1000 network::latency, "an answer of the gateway waited for";
        "net-throughput" 4000 network::throughput, "frames of 1442 bytes to the gateway and back, 16 at a time";
    }
    Io Wall Some(Need::Serial), {
        "serial" 4000 output::serial, "characters to the serial port";
    }
    Io Wall None, {
        "output" 1000 output::lines, "lines of 64 characters to standard output";
    }
}

/// What workloads answer that know of nothing that a place might not have, and those that do.
fn done<E: Into<Why>>(result: Result<u64, E>) -> Result<u64, Why> {
    result.map_err(Into::into)
}

/// The workload of that name.
pub fn find(name: &str) -> Option<&'static Workload> {
    ALL.iter().find(|workload| workload.name == name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_workload_comes_to_the_same_twice() {
        let elsewhere = |workload: &&Workload| workload.name == "exec" || workload.group == Group::Interrupts;
        for workload in ALL.iter().filter(|workload| !elsewhere(workload) && workload.needs.is_none()) {
            let few = workload.iterations.min(3);
            let one = match (workload.run)(few) {
                // It is this computer's kernel that has none.
                Err(Why::Wrong(why)) if why.contains("pages of 2 MiB") => continue,
                done => done.unwrap_or_else(|why| panic!("{}: {why:?}", workload.name)),
            };
            assert_eq!((workload.run)(few), Ok(one), "{}", workload.name);
        }
    }

    #[test]
    fn what_a_place_has_not_is_absent_and_not_wrong() {
        // this computer may well have two harts
        let is_absent_here = |workload: &&Workload| !matches!(workload.needs, None | Some(Need::TwoHarts));
        for workload in ALL.iter().filter(is_absent_here) {
            let why = (workload.run)(1).unwrap_err();
            assert!(matches!(why, crate::Why::Absent(_)), "{}: {why:?}", workload.name);
        }
    }

    #[test]
    fn names_fit_a_mark_and_are_each_ones_own() {
        let names: BTreeSet<&str> = ALL.iter().map(|workload| workload.name).collect();
        assert_eq!(names.len(), ALL.len());
        assert!(names.iter().all(|name| name.len() <= 16 && name.is_ascii()));
    }
}
