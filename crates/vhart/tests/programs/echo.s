# Sends back what arrives at the serial port, up to a full stop, sleeping in between: its interrupt goes through the
# PLIC's first context (hart 0, M-mode).
        .include "start.inc"
        .equ PLIC, 0x0c000000
        .equ UART_IRQ, 10
        .globl _start
_start: li s0, UART
        li s1, PLIC
        li t0, 1
        sb t0, 1(s0)                    # received data interrupts
        sw t0, 4 * UART_IRQ(s1)         # priority
        li t0, 1 << UART_IRQ
        li t1, PLIC + 0x2000
        sw t0, (t1)                     # enable
        li s2, PLIC + 0x200000
        sw zero, (s2)                   # threshold
        li t0, 1 << 11
        csrw mie, t0                    # MEIE
next:   wfi
        lw s3, 4(s2)                    # claim
1:      lbu t0, 5(s0)
        andi t0, t0, 1
        beqz t0, 2f
        lbu t1, (s0)
        sb t1, (s0)
        li t2, '.'
        bne t1, t2, 1b
        finish 0x5555
2:      sw s3, 4(s2)                    # complete
        j next
