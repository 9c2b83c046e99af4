# A loop for a debugger: each round counts, stores the count, and writes it to a CSR. Ends after LIMIT rounds.
        .include "start.inc"
        .option norvc
        .option norelax
        .globl _start
_start: li s0, 0
        la s1, counter
        li s2, LIMIT
1:      call work
        bltu s0, s2, 1b
        finish 0x5555

        .org 0x100
work:   addi s0, s0, 1
        sd s0, (s1)
        csrw mscratch, s0
        ret

        .org 0x1000
counter: .dword 0
