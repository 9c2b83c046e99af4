# Counts its boots in memory that no file fills, and asks for a reset the first time.
        .include "start.inc"
        .globl _start
_start: li s0, 0x81000000
        ld s1, (s0)
        li t0, 0x7662746f6f62
        beq s1, t0, again
        sd t0, (s0)
        print first
        finish 0x7777
again:  print second
        finish 0x5555
first:  .asciz "first\n"
second: .asciz "second\n"
