# Fills its signature with a number that tells the order of bytes, and passes.
        .include "start.inc"
        .globl _start
_start: li t0, 0x0123456789abcdef
        la t1, begin_signature
        sd t0, (t1)
        finish 0x5555
        .data
        .balign 16
        .globl begin_signature
begin_signature:
        .zero 16
        .dword 1
        .globl end_signature
end_signature:
