# A kernel in S-mode: the debug console, a second hart, the timer, an interrupt between harts, and the end.
        .equ DBCN, 0x4442434e
        .equ HSM, 0x48534d
        .equ TIME, 0x54494d45
        .equ IPI, 0x735049
        .equ SRST, 0x53525354
        .equ STIE, 1 << 5
        .equ SSIE, 1 << 1

        .macro sbi extension, function
        li a7, \extension
        li a6, \function
        ecall
        bnez a0, fail
        .endm
        .macro say text
        la a1, \text
        li a2, 0
        li a0, 8
        sbi DBCN, 0
        .endm

        .globl _start
_start: bnez a0, fail                   # hart 0 starts
        lwu t0, (a1)
        li t1, 0xedfe0dd0
        bne t0, t1, fail                # a1 is the device tree
        la t0, fail
        csrw stvec, t0
        say booted
        li a0, 1
        la a1, second
        li a2, 0x77
        sbi HSM, 0
        la t0, flag
1:      ld t1, (t0)
        beqz t1, 1b
        say started
        li t0, STIE
        csrw sie, t0
        rdtime a0
        li t0, 100000                   # ten milliseconds
        add a0, a0, t0
        mv s0, a0
        sbi TIME, 0
2:      wfi
        csrr t0, sip
        andi t0, t0, STIE
        beqz t0, 2b
        rdtime t0
        bltu t0, s0, fail
        say timer
        li a0, 2                        # hart mask: hart 1
        li a1, 0
        sbi IPI, 0
        la t0, flag
3:      ld t1, (t0)
        li t2, 2
        bne t1, t2, 3b
        say ipi
        li a0, 0
        li a1, 0
        sbi SRST, 0
4:      j 4b
fail:   li a7, SRST
        li a6, 0
        li a0, 0
        li a1, 1
        ecall
5:      j 5b

# The second hart: its id and what the first hart gave it; then it waits for the interrupt.
second: li t0, 1
        bne a0, t0, fail
        li t0, 0x77
        bne a1, t0, fail
        la t0, flag
        li t1, 1
        sd t1, (t0)
        li t1, SSIE
        csrw sie, t1
6:      wfi
        csrr t1, sip
        andi t1, t1, SSIE
        beqz t1, 6b
        csrw sip, zero
        li t1, 2
        sd t1, (t0)
        li a7, HSM
        li a6, 1
        ecall                           # stop
        j fail

        .data
        .balign 8
flag:   .dword 0
booted: .ascii "booted.\n"
started: .ascii "started\n"
timer:  .ascii "timer..\n"
ipi:    .ascii "ipi....\n"
