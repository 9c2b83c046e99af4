# Writes RESULT to tohost.
        .globl _start
_start: la t0, tohost
        li t1, RESULT
        sd t1, (t0)
1:      j 1b
        .data
        .balign 8
        .globl tohost
tohost: .dword 0
        .globl fromhost
fromhost: .dword 0
