# Says which bits of the VMID in hgatp stay of all that are written.
        .include "start.inc"
        .equ HGATP, 0x680
        .globl _start
_start: li t0, 8 << 60 | 0x3fff << 44   # Sv39x4, every bit of the VMID
        csrw HGATP, t0
        csrr s0, HGATP
        csrw HGATP, zero
        srli s0, s0, 44
        li t0, 0x3fff
        and s0, s0, t0
        print_hex s0
        finish 0x5555
