//! All workloads.

use crate::{Clock, Group, Workload, float, integer, kernel, memory, timers};

macro_rules! workloads {
    ($($group:ident $clock:ident { $($name:literal $iterations:literal $run:path, $what:literal;)* })*) => {
        /// All workloads, by group.
        pub const ALL: &[Workload] = &[$($(Workload {
            name: $name,
            group: Group::$group,
            what: $what,
            clock: Clock::$clock,
            iterations: $iterations,
            run: $run,
        },)*)*];
    };
}

workloads! {
    Integer Processor {
        "sort" 20 integer::sort, "quicksort of 65536 random numbers";
        "list" 8000 integer::list, "search and reversal of a linked list of 4000 nodes";
        "calls" 80 integer::calls, "recursive Fibonacci through a table of functions";
        "bytecode" 60 integer::bytecode, "a small machine that sieves primes";
        "hash" 60 integer::hash, "words counted in a hash map";
        "crc" 120 integer::crc, "CRC-32 of 256 KiB, by a table";
        "division" 200000 integer::division, "greatest common divisors";
        "strings" 100 integer::strings, "numbers printed, joined, split and read";
    }
    Float Processor {
        "matmul" 40 float::matmul, "product of two matrices of 96 x 96";
        "linpack" 120 float::linpack, "96 linear equations, by elimination";
        "fft" 120 float::fft, "Fourier transform of 2048 points and back";
        "functions" 100000 float::functions, "sine, cosine, exponential, logarithm, arc tangent";
    }
    Memory Processor {
        "stream" 60 memory::stream, "triad over three arrays of 4 MiB";
        "chase-4k" 120 memory::chase_small, "a pointer from page to page, 32 MiB in pages of 4 KiB";
        "chase-2m" 120 memory::chase_huge, "the same in pages of 2 MiB";
        "touch-4k" 4 memory::touch_small, "first touch of 16 MiB in pages of 4 KiB";
        "touch-2m" 8 memory::touch_huge, "first touch of 16 MiB in pages of 2 MiB";
    }
    Kernel Processor {
        "syscall" 200000 kernel::syscall, "getppid";
        "fork" 200 kernel::fork, "a process that ends at once";
        "exec" 60 kernel::exec, "another program, which ends at once";
        "pipe" 10000 kernel::pipes, "a byte to another thread and back";
        "switch" 10000 kernel::switch, "two threads that wake each other";
        "mprotect" 40000 kernel::mprotect, "a page protected and written again";
        "page-fault" 60 kernel::page_faults, "256 pages dropped and touched";
        "clock" 500000 kernel::clock, "the time, asked for";
    }
    Timers Wall {
        "sleep-10us" 1000 timers::sleep_10us, "sleeps of 10 microseconds";
        "sleep-100us" 500 timers::sleep_100us, "sleeps of 100 microseconds";
        "sleep-1ms" 100 timers::sleep_1ms, "sleeps of 1 millisecond";
    }
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
        for workload in ALL.iter().filter(|workload| workload.name != "exec") {
            let few = workload.iterations.min(3);
            let one = match (workload.run)(few) {
                // It is this computer's kernel that has none.
                Err(why) if why.contains("pages of 2 MiB") => continue,
                done => done.unwrap_or_else(|why| panic!("{}: {why}", workload.name)),
            };
            assert_eq!((workload.run)(few), Ok(one), "{}", workload.name);
        }
    }

    #[test]
    fn names_fit_a_mark_and_are_each_ones_own() {
        let names: BTreeSet<&str> = ALL.iter().map(|workload| workload.name).collect();
        assert_eq!(names.len(), ALL.len());
        assert!(names.iter().all(|name| name.len() <= 16 && name.is_ascii()));
    }
}
