# The same with a handler that sets A, too.
        .equ MENDED, 1
        .include "livelock.s"
