# The first instructions of a hart, and what a trap of the hypervisor's own comes to.
#
# SBI 3.0, "Hart State Management Extension": a0 is the hart's id; a1 is the device tree on the first hart, and what the first hart
# gave on the others: their stack, and their satp.

    .section .text.entry, "ax"
    .globl _start
_start:
    mv tp, zero
    csrw sie, zero
    la t0, bss_start
    la t1, heap_start
1:  sd zero, 0(t0)
    addi t0, t0, 8
    bltu t0, t1, 1b
    la sp, first_stack + {FIRST_STACK_BYTES}
    la t0, own_trap
    csrw stvec, t0
    call start_first

    .globl other_start
other_start:
    mv tp, zero
    csrw sie, zero
    ld sp, 0(a1)
    ld t0, 8(a1)
    csrw satp, t0
    sfence.vma
    la t0, own_trap
    csrw stvec, t0
    call start_other

# A trap out of the hypervisor itself is its fault, and its last: perhaps the stack ran into its guard page, so another one.
    .balign 4
    .globl own_trap
own_trap:
    la sp, last_stack + {LAST_STACK_BYTES}
    csrr a0, scause
    csrr a1, sepc
    csrr a2, stval
    call own_trap_told

    .section .bss.stacks, "aw", @nobits
    .balign 16
first_stack:
    .skip {FIRST_STACK_BYTES}
last_stack:
    .skip {LAST_STACK_BYTES}
