# What a hypervisor finds out about the H extension before it uses it: fields that keep what is written are there.
        .include "book.inc"

        .globl _start
_start:
# ANCHOR: probe
        print "hgatp.MODE    "
        li s0, 8                        # Sv39x4, and after it Sv48x4 and Sv57x4
1:      slli t0, s0, 60
        csrw hgatp, t0
        csrr t1, hgatp
        bne t0, t1, 2f                  # a mode that is not there is not written
        hex s0
        print " "
2:      addi s0, s0, 1
        li t0, 10
        ble s0, t0, 1b

        li t0, 8 << 60 | 0x3fff << 44
        csrw hgatp, t0
        csrr s0, hgatp
        csrw hgatp, zero
        slli s0, s0, 6
        srli s0, s0, 50
        print "\nhgatp.VMID    "
        hex s0
# ANCHOR_END: probe

        .macro probe text, csr
        li t0, -1
        csrw \csr, t0
        csrr s0, \csr
        csrw \csr, zero
        print "\n\text"
        hex s0
        .endm
        probe "hedeleg       ", hedeleg
        probe "hideleg       ", hideleg
        probe "henvcfg       ", henvcfg
        probe "hgeie         ", hgeie
        probe "hvip          ", hvip
        print "\n"
        finish
