# Counters through the SBI: clear, stop, start, filters. The exit status is the number of the first case that fails, 0 for none.
        .include "pmu.inc"
        .equ PROGRAMMABLE, 0x7fff8

        .macro pmu function, a, b, c=0, d=0, e=0
        sbi PMU, \function, \a, \b, \c, \d, \e
        .endm

        # Fails unless \register is less than \limit.
        .macro below register, limit
        li t6, \limit
        bgeu \register, t6, fail
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
        overflown 1 << 5
        ends
