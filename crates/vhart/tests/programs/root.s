# A G-stage's root table that is no multiple of 16 KiB, after what is no such table: all ones, and mode Bare. Then some time.
        .include "start.inc"
        .equ SV39X4, 8 << 60
        .globl _start
_start: li t0, -1
        csrw 0x680, t0                  # hgatp
        li t0, 1
        csrw 0x680, t0
        .ifdef WRONG
        li t0, SV39X4 | 0x80201
        .else
        li t0, SV39X4 | 0x80204
        .endif
        csrw 0x680, t0
        csrw 0x680, t0
        li t0, 2000000
1:      addi t0, t0, -1
        bnez t0, 1b
        finish 0x5555
