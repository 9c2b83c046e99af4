# Harts that count, each for itself and without end, for a debugger that holds some of them.
        .option norvc
        .option norelax
        .globl _start
_start: csrr t0, mhartid
        slli t0, t0, 3
        la s1, counters
        add s1, s1, t0
        li s0, 0
1:      call work
        j 1b

        .org 0x100
work:   addi s0, s0, 1
        sd s0, (s1)
        ret

        .org 0x1000
counters: .zero 64 * 8
