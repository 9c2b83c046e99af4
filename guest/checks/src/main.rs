//! The kernel: the library's `machine` has its first instruction.

#![no_std]
#![no_main]

use checks as _;
