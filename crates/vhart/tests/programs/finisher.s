# Says hello on the serial port, then writes RESULT to the test finisher.
        .include "start.inc"
        .globl _start
_start: print hello
        finish RESULT
hello:  .asciz "hello from the serial port\n"
