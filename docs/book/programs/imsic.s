# Messages to interrupt files: one of the hart's own, and those of two guests, of which one does not run. Needs a machine with
# IMSICs and two guest files for a hart: --aia aplic-imsic --aia-guests 2.
        .include "book.inc"

# ANCHOR: files
# The files of hart 0 for supervisor level: its own, then those of its guests, a page each.
        .equ FILES, 0x28000000
        .equ PAGE, 0x1000

# Sends a message: the number of an interrupt, stored to a file.
        .macro message file, identity
        li t0, FILES + \file * PAGE
        li t1, \identity
        sw t1, (t0)
        .endm
# ANCHOR_END: files

# ANCHOR: indirect
# Registers behind the windows siselect/sireg and vsiselect/vsireg.
        .equ EIDELIVERY, 0x70           # whether the file interrupts at all
        .equ EIE0, 0xc0                 # which of the first 64 interrupts do

# Lets the file behind a window deliver everything.
        .macro deliver select, window
        li t0, EIDELIVERY
        csrw \select, t0
        csrwi \window, 1
        li t0, EIE0
        csrw \select, t0
        li t0, -1
        csrw \window, t0
        .endm
# ANCHOR_END: indirect

# Makes `guest` the one whose file is VS level's: hstatus.VGEIN.
        .macro vgein guest
        li t0, 0x3f << 12
        csrc hstatus, t0
        li t0, \guest << 12
        csrs hstatus, t0
        .endm

        .globl _start
_start: la t0, trap
        csrw stvec, t0
        csrw hgatp, zero
        csrw vsatp, zero

# ANCHOR: own
        deliver siselect, sireg
        message 0, 5
        csrr s0, sip                    # SEIP
        csrrw s1, stopei, zero          # what is it? It is mine now
        csrr s2, stopei                 # and the next?
# ANCHOR_END: own
        print "host: sip "
        hex s0
        print "  stopei "
        hex s1
        print ", then "
        hex s2
        print "\n"

# ANCHOR: guests
        li t0, -1
        csrw hgeie, t0
        csrr s0, hgeie                  # a bit for each guest file, from bit 1 on
        li t0, 7 << 58
        csrw hstateen0, t0              # the guest may use its file, and the windows to it
        li t0, 1 << 10
        csrw hideleg, t0                # external interrupts of VS are the guest's
        vgein 2
        deliver vsiselect, vsireg
        vgein 1
        deliver vsiselect, vsireg
        li t0, 1 << 2
        csrw hgeie, t0                  # tell me of guest 2's, which does not run
        li t0, 1 << 12
        csrs hie, t0                    # by SGEI
# ANCHOR_END: guests
        print "host: guest files "
        hex s0
        print "\n"
        la s11, name_1
        la t0, guest_1
        j enter

# ANCHOR: guest
guest_1:
        call listen
        message 1, 7                    # to its own file
        message 2, 9                    # to another guest's
        hypercall 0

guest_2:
        call listen
        hypercall 0

listen: la t0, guest_trap
        csrw stvec, t0
        li t0, 1 << 9
        csrw sie, t0
        csrsi sstatus, 1 << 1
        ret

        .balign 4
guest_trap:
        csrr s0, scause
        csrrw s1, stopei, zero          # claimed: no controller is asked, and nobody else
# ANCHOR_END: guest
        mv s10, ra
        mv a0, s11
        call puts
        print ": scause "
        hex s0
        print "  stopei "
        hex s1
        print "\n"
        mv ra, s10
        sret

        .balign 4
# ANCHOR: trap
trap:   csrr s0, scause
        bgez s0, over
        csrr s1, hgeip                  # whose file has something
        csrw hgeie, zero                # seen
        vgein 2                         # its turn
# ANCHOR_END: trap
        print "host: scause "
        hex s0
        print "  hgeip "
        hex s1
        print "\n"
        la s11, name_2
        la t0, guest_2

# Goes to VS at t0.
enter:  csrw sepc, t0
        li t0, 1 << 7
        csrs hstatus, t0
        li t0, 1 << 8
        csrs sstatus, t0
        csrw vsstatus, zero
        sret

over:   finish

name_1: .asciz "  guest 1"
name_2: .asciz "  guest 2"
