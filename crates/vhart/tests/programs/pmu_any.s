# Programmable counters through any firmware's SBI: found, exact, filtered, stopped, and with interrupts. The exit status is the number of
# the first case that fails, 0 for none.
        .include "pmu.inc"
        .equ BASE, 0x10
        .equ CYCLES, 1
        .equ COUNTER, 3                 # the first that is programmable: hpmcounter3, by its CSR's address
        .equ CSR, 0xc03
        .equ STOP_RESET, 1
        .equ TURNS, 1000

        # Has the counter count \event, from zero and from now on, but not in the modes of \filter; M-mode never counts.
        .macro count event, filter=0
        sbi PMU, 2, 0, 1 << COUNTER, CLEAR_VALUE | AUTO_START | MINH | \filter, \event
        bnez a0, fail
        addi a1, a1, -COUNTER
        bnez a1, fail
        .endm

        .macro stop
        sbi PMU, 4, COUNTER, 1, STOP_RESET
        bnez a0, fail
        .endm

        # What the counter counts of a loop's 2 * TURNS instructions and the two around it.
        .macro measure register
        csrr t1, hpmcounter3
        li t0, TURNS
99:     addi t0, t0, -1
        bnez t0, 99b
        csrr \register, hpmcounter3
        sub \register, \register, t1
        .endm

        .globl _start
_start: case 1                          # there is the extension
        sbi BASE, 3, PMU
        bnez a0, fail
        beqz a1, fail
        case 2                          # and the counter
        sbi PMU, 1, COUNTER
        bnez a0, fail
        slli a1, a1, 52
        srli a1, a1, 52
        li t0, CSR
        bne a1, t0, fail
        case 3                          # instructions, exactly
        count INSTRUCTIONS
        measure t2
        li t0, 2 * TURNS + 2
        bne t2, t0, fail
        case 4                          # none while it is stopped
        stop
        csrr t1, hpmcounter3
        nop
        csrr t2, hpmcounter3
        bne t1, t2, fail
        case 5                          # none in a mode that is left out
        count INSTRUCTIONS, SINH
        measure t2
        bnez t2, fail
        stop
        case 6                          # cycles: at least one for an instruction
        count CYCLES
        measure t2
        li t0, 2 * TURNS + 2
        bltu t2, t0, fail
        stop
        case 7                          # an overflow becomes pending
        sbi PMU, 2, 0, 1 << COUNTER, CLEAR_VALUE | MINH, INSTRUCTIONS
        bnez a0, fail
        sbi PMU, 3, COUNTER, 1, SET_INITIAL, -TURNS
        bnez a0, fail
        measure t2
        overflown 1 << COUNTER, 1 << COUNTER    # OpenSBI sets the bits of counters that are not to interrupt
        ends
