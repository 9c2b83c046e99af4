# A kernel in S-mode that suspends its hart until a timer: first one that keeps everything, then one that keeps nothing.
        .equ HSM, 0x48534d
        .equ TIME, 0x54494d45
        .equ SRST, 0x53525354
        .equ STIE, 1 << 5
        .equ SIE, 1 << 1
        .equ NON_RETENTIVE, 0x80000000
        .equ OPAQUE, 0x5a5a

        .macro timer ticks
        rdtime s0
        li t0, \ticks
        add s0, s0, t0
        mv a0, s0
        li a7, TIME
        li a6, 0
        ecall
        bnez a0, fail
        .endm

        .globl _start
_start: la t0, fail
        csrw stvec, t0
        csrci sstatus, SIE              # what wakes is not taken
        li t0, STIE
        csrw sie, t0
        timer 500000                    # fifty milliseconds
        li s1, 0x1234
        li a0, 0
        li a7, HSM
        li a6, 3
        ecall
        bnez a0, fail
        li t0, 0x1234
        bne s1, t0, fail                # registers are kept
        rdtime t0
        bltu t0, s0, fail               # it slept
        timer 500000
        csrsi sstatus, SIE
        li a0, NON_RETENTIVE
        la a1, resumed
        li a2, OPAQUE
        li a7, HSM
        li a6, 3
        ecall
        j fail

resumed: bnez a0, fail                  # the hart's id
        li t0, OPAQUE
        bne a1, t0, fail
        rdtime t0
        bltu t0, s0, fail
        csrr t0, satp
        bnez t0, fail
        csrr t0, sstatus
        andi t0, t0, SIE
        bnez t0, fail
        csrr t0, sip
        andi t0, t0, STIE
        beqz t0, fail                   # what woke it is still there
        li a1, 0
        j end
        .balign 4
fail:   li a1, 1
end:    li a0, 0
        li a7, SRST
        li a6, 0
        ecall
1:      j 1b
