# Where the program for interrupts begins, in S-mode, and its only trap handler. Each hart has an area, by `sscratch`: `struct
# hart` of interrupts.c begins so, and its stack ends it.

    .include "header.inc"
    .equ    CLAIMED, 24
    .equ    IDENTITY, 32
    .equ    SKIPPED, 40
    .equ    AREA_BYTES, 16384

    .section .text.start, "ax"
    .globl _start
_start:
    image_header
    la      t0, measure
    j       enter

# A hart that the first one has started.
    .globl start_second
start_second:
    la      t0, serve

# `a0` is the hart's number, of two.
enter:
    csrw    sie, zero
    csrw    satp, zero
    la      t1, trap
    csrw    stvec, t1
    la      t1, areas
    slli    t2, a0, 14
    add     t1, t1, t2
    csrw    sscratch, t1
    li      t2, AREA_BYTES
    add     sp, t1, t2
    jr      t0

# An external interrupt is claimed from the hart's interrupt file: its identity is noted, and that there was one. Any other
# trap is an instruction or an access that this machine does not have: it is skipped, and counted.
    .balign 4
trap:
    csrrw   t0, sscratch, t0
    sd      t1, 0(t0)
    sd      t2, 8(t0)
    csrr    t1, scause
    bgez    t1, exception
    csrrw   t1, 0x15c, zero     # stopei
    beqz    t1, return
    srli    t1, t1, 16
    sd      t1, IDENTITY(t0)
    ld      t1, CLAIMED(t0)
    addi    t1, t1, 1
    fence   rw, w
    sd      t1, CLAIMED(t0)
return:
    ld      t1, 0(t0)
    ld      t2, 8(t0)
    csrrw   t0, sscratch, t0
    sret

exception:
    csrr    t1, sepc
    addi    t1, t1, 4
    csrw    sepc, t1
    ld      t1, SKIPPED(t0)
    addi    t1, t1, 1
    sd      t1, SKIPPED(t0)
    j       return

    .bss
    .balign 16384
    .globl areas
areas:
    .zero   2 * AREA_BYTES
