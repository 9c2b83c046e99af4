# Says the DeviceID of each virtio-mmio slot, a digit each.
        .include "start.inc"
        .globl _start
_start: li s0, 0x10001000
        li s1, 0x10009000
        li s2, UART
1:      lw t0, 8(s0)
        addi t0, t0, '0'
        sb t0, (s2)
        li t0, 0x1000
        add s0, s0, t0
        bne s0, s1, 1b
        finish 0x5555
