# Does nothing, forever.
        .globl _start
_start: j _start
