# A driver of the source of random numbers in slot 0: asks once for 16 bytes, and acknowledges the interrupt.
        .include "start.inc"
        .option norvc
        .equ SLOT, 0x10001000
        .globl _start
_start: li s0, SLOT
        li t0, 1
        sw t0, 0x24(s0)                 # DriverFeaturesSel
        sw t0, 0x20(s0)                 # VERSION_1
        li t0, 1 | 2 | 8                # ACKNOWLEDGE, DRIVER, FEATURES_OK
        sw t0, 0x70(s0)
        sw zero, 0x30(s0)               # QueueSel
        li t0, 4
        sw t0, 0x38(s0)                 # QueueNum
        lla t0, descriptors
        sw t0, 0x80(s0)
        lla t1, available
        sw t1, 0x90(s0)
        lla t2, used
        sw t2, 0xa0(s0)
        li t3, 1
        sw t3, 0x44(s0)                 # QueueReady
        li t3, 1 | 2 | 4 | 8            # and DRIVER_OK
        sw t3, 0x70(s0)
        lla t3, buffer
        sd t3, (t0)
        li t3, 16
        sw t3, 8(t0)
        li t3, 2                        # device-writable
        sh t3, 12(t0)
        li t3, 1
        sh t3, 2(t1)                    # one is available: descriptor 0
        fence
        sw zero, 0x50(s0)               # QueueNotify
1:      lw t0, 0x60(s0)                 # InterruptStatus
        beqz t0, 1b
        sw t0, 0x64(s0)                 # InterruptACK
        finish 0x5555

        .balign 16
descriptors: .zero 64
available: .zero 64
used:   .zero 64
buffer: .zero 16
