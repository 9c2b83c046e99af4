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
        li s1, 60
        li s2, UART
digit:  srl t0, s0, s1
        andi t0, t0, 15
        addi t0, t0, '0'
        li t1, '9'
        ble t0, t1, 1f
        addi t0, t0, 'a' - '0' - 10
1:      sb t0, (s2)
        addi s1, s1, -4
        bgez s1, digit
        li t0, '\n'
        sb t0, (s2)
        finish 0x5555
