# Writes to the console forever: to the serial port, or with SBI set through the firmware's debug console.
        .include "start.inc"
        .equ DBCN, 0x4442434e
        .globl _start
_start: li s0, UART
        li a7, DBCN
        li a6, 2                        # write a byte
1:
        .if SBI
        li a0, 'A'
        ecall
        .else
        li t1, 'A'
        sb t1, (s0)
        .endif
        j 1b
