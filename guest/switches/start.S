# Where the program begins, in S-mode, and its only trap handler.
    .include "header.inc"

    .section .text.start, "ax"
    .globl _start
_start:
    image_header
    csrw    sie, zero
    csrw    satp, zero
    la      t0, trap
    csrw    stvec, t0
    la      sp, stack_top
    call    measure
0:  wfi
    j       0b

# A timer interrupt is acknowledged by putting the timer off, the way `timer_by_sbi` says, a software interrupt by clearing it;
# no other is enabled. Any other trap is an instruction that this machine does not have: it is skipped, and counted. Every
# register is kept, because an interrupt may come anywhere.
    .balign 4
trap:
    csrw    sscratch, t0
    la      t0, saved
    sd      t1, 0(t0)
    csrr    t1, scause
    bgez    t1, exception
    sd      a0, 8(t0)
    slli    t1, t1, 1           # the code, twice
    addi    t1, t1, -2
    beqz    t1, software
    sd      a1, 16(t0)
    sd      a6, 24(t0)
    sd      a7, 32(t0)
    ld      t1, timer_count
    addi    t1, t1, 1
    sd      t1, timer_count, a0
    li      a0, -1
    lw      t1, timer_by_sbi
    bnez    t1, 1f
    csrw    0x14d, a0           # stimecmp
    j       2f
1:  li      a7, 0x54494d45      # "TIME"
    li      a6, 0
    ecall
2:  ld      a0, 8(t0)
    ld      a1, 16(t0)
    ld      a6, 24(t0)
    ld      a7, 32(t0)
    j       return

software:
    csrci   sip, 2              # SSIP
    ld      t1, ipi_count
    addi    t1, t1, 1
    sd      t1, ipi_count, a0
    ld      a0, 8(t0)
    j       return

exception:
    csrr    t1, sepc
    addi    t1, t1, 4
    csrw    sepc, t1
    ld      t1, skipped
    addi    t1, t1, 1
    sd      t1, 40(t0)          # skipped, which stands behind saved
return:
    ld      t1, 0(t0)
    csrr    t0, sscratch
    sret

    .data
    .balign 8
saved:
    .zero   40
    .globl skipped
skipped:
    .dword  0
    .globl timer_count
timer_count:
    .dword  0
    .globl ipi_count
ipi_count:
    .dword  0
    .globl timer_by_sbi
timer_by_sbi:
    .dword  0
