# Counters through the SBI: clear, stop, start, filters. The exit status is the number of the first case that fails, 0 for none.
        .include "start.inc"
        .equ PMU, 0x504d55
        .equ INSTRUCTIONS, 2
        .equ PROGRAMMABLE, 0x7fff8
        .equ SET_INITIAL, 1
        .equ CLEAR_VALUE, 1 << 1
        .equ AUTO_START, 1 << 2
        .equ UINH, 1 << 5
        .equ SINH, 1 << 6

        .macro pmu function, a, b, c=0, d=0, e=0
        li a0, \a
        li a1, \b
        li a2, \c
        li a3, \d
        li a4, \e
        li a6, \function
        li a7, PMU
        ecall
        .endm

        # Fails unless \register is less than \limit.
        .macro below register, limit
        li t6, \limit
        bgeu \register, t6, fail
        .endm

        .macro case number
        li s0, \number
        .endm

        .globl _start
_start: case 1                          # clear, of what was configured before
        pmu 2, 0, 4, 0, INSTRUCTIONS
        pmu 2, 0, 4, CLEAR_VALUE, INSTRUCTIONS
        rdinstret t0
        bnez a0, fail
        below t0, 20
        case 2                          # stop
        pmu 4, 2, 1
        rdinstret s1
        bnez a0, fail
        nop
        rdinstret t1
        bne s1, t1, fail
        case 3                          # stop again
        pmu 4, 2, 1
        addi a0, a0, 8                  # SBI_ERR_ALREADY_STOPPED
        bnez a0, fail
        case 4                          # go on from there
        pmu 3, 2, 1
        rdinstret t1
        bnez a0, fail
        sub t1, t1, s1
        below t1, 20
        rdinstret t2
        beq t1, t2, fail
        case 5                          # start again
        pmu 3, 2, 1
        addi a0, a0, 7                  # SBI_ERR_ALREADY_STARTED
        bnez a0, fail
        case 6                          # start from a value
        pmu 4, 2, 1
        pmu 3, 2, 1, SET_INITIAL, 5000
        rdinstret t1
        addi t1, t1, -2048
        addi t1, t1, -2048
        addi t1, t1, -904
        below t1, 20
        case 7                          # not in this mode
        pmu 2, 0, PROGRAMMABLE, CLEAR_VALUE | AUTO_START | SINH, INSTRUCTIONS
        bnez a0, fail
        li t0, 3
        bne a1, t0, fail
        csrr t1, hpmcounter3
        bnez t1, fail
        case 8                          # but in another
        pmu 2, 0, PROGRAMMABLE, CLEAR_VALUE | AUTO_START | UINH, INSTRUCTIONS
        li t0, 4
        bne a1, t0, fail
        csrr t1, hpmcounter4
        nop
        csrr t2, hpmcounter4
        sub t2, t2, t1
        li t0, 2
        bne t2, t0, fail
        case 9                          # an overflow becomes pending
        pmu 2, 0, PROGRAMMABLE, AUTO_START, INSTRUCTIONS
        li t0, 5
        bne a1, t0, fail
        pmu 4, 5, 1
        pmu 3, 5, 1, SET_INITIAL, -1000
        li t0, 2000
1:      addi t0, t0, -1
        bnez t0, 1b
        csrr t1, sip
        srli t1, t1, 13
        andi t1, t1, 1
        beqz t1, fail
        csrr t1, 0xda0                  # scountovf
        li t0, 1 << 5
        bne t1, t0, fail
        finish 0x5555
fail:   li t0, FINISHER
        slli s0, s0, 16
        li t1, 0x3333
        or s0, s0, t1
        sw s0, (t0)
1:      j 1b
