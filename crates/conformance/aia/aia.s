# Interrupts by the Advanced Interrupt Architecture, asked of one hart from M-mode: registers, priorities, claims, thresholds, delegation,
# virtual interrupts, guest interrupt files. For a machine as QEMU's `-M virt,aia=aplic-imsic,aia-guests=3` and any CPU with Smaia, Smcsrind and
# Smstateen: `-cpu max`. It says on the serial port what differs from the specification, and how much was asked.
#
# AIA 1.0; each part names its chapter. Where the specification leaves a choice, every choice passes.
        .option norvc
        .include "frame.inc"

        .globl _start
_start: csrr t0, mhartid
        bnez t0, park
        la sp, stack_end
        jal reset
        .include "windows.inc"
        .include "file.inc"
        .include "priorities.inc"
        .include "supervisor.inc"
        .include "virtual.inc"
        .include "guest.inc"
        .include "aplic.inc"
        j end
park:   wfi
        j park

        .include "routines.inc"
