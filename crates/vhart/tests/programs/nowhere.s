# Jumps to where nothing is, without a trap handler: traps without end.
        .globl _start
_start: jr zero
