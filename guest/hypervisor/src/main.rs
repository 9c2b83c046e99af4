//! The image: the library's `start` has its first instruction.

#![no_std]
#![no_main]

use hypervisor as _;
