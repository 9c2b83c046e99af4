# A driver that enables the transmitter's interrupt and never reads the IIR, as xv6's of 2022: says x, and K once it has been
# interrupted for it and goes on.
        .include "start.inc"
        .equ PLIC, 0x0c000000
        .globl _start
_start: la t0, trap
        csrw mtvec, t0
        li t0, PLIC
        li t1, 1
        sw t1, 4 * 10(t0)               # priority of the UART
        li t1, 1 << 10
        li t2, PLIC + 0x2000
        sw t1, (t2)                     # enabled for M-mode of hart 0
        li s1, PLIC + 0x200004          # claim and completion
        li s0, 0                        # interrupts taken
        li t0, 1 << 11
        csrw mie, t0
        csrsi mstatus, 8
        li s2, UART
        li t0, 3
        sb t0, 1(s2)                    # IER: received, transmitter empty
        li t0, 'x'
        sb t0, (s2)
        li t0, 1000000
1:      addi t0, t0, -1
        bnez t0, 1b
        beqz s0, 2f
        li t0, 'K'
        sb t0, (s2)
2:      finish 0x5555
        .balign 4
trap:   addi s0, s0, 1
        lw t3, (s1)
        lbu t4, 5(s2)                   # LSR
        sw t3, (s1)
        mret
