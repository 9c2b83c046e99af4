# A guest with address translation of its own, on a hypervisor that translates once more; and three ways to fault.
#
#   guest-virtual             guest-physical            host-physical
#   0x4000_0000 +1 GiB  --->  0x0000_0000 +1 GiB  --->  0x8000_0000 +1 GiB  the machine's memory
#   0x8000_0000 +1 GiB  --->  0x4000_0000 +1 GiB  --->  nothing
#   0xc000_0000 +1 GiB  --->  a table at 0x5000_0000 --> nothing
        .include "book.inc"

        .equ V, 1
        .equ RWX, 14
        .equ USER, 16
        .equ AD, 192

        .globl _start
_start: la t0, trap
        csrw stvec, t0
# ANCHOR: gstage
        la t0, gstage                   # entry 0 of the root: guest-physical 0 is host-physical 0x8000_0000
        li t1, 0x80000000 >> 2 | V | RWX | USER | AD
        sd t1, 0(t0)
        srli t0, t0, 12
        li t1, 8 << 60                  # Sv39x4
        or t0, t0, t1
        csrw hgatp, t0
        hfence.gvma
# ANCHOR_END: gstage
# ANCHOR: vsstage
        la t0, vsstage
        li t1, V | RWX | AD             # guest-virtual 0x4000_0000: a page of 1 GiB at guest-physical 0
        sd t1, 8(t0)
        li t1, 0x40000000 >> 2 | V | RWX | AD
        sd t1, 16(t0)                   # 0x8000_0000: at guest-physical 0x4000_0000, which no guest page has
        li t1, 0x50000000 >> 2 | V      # 0xc000_0000: a table there, likewise
        sd t1, 24(t0)
        li t1, 0x80000000
        sub t0, t0, t1                  # the guest-physical address of the root
        srli t0, t0, 12
        li t1, 8 << 60                  # Sv39
        or t0, t0, t1
        csrw vsatp, t0
        hfence.vvma
# ANCHOR_END: vsstage
        li t0, 1 << 13                  # load page faults are the guest's own affair
        csrw hedeleg, t0
        li t0, 1 << 7
        csrs hstatus, t0
        li t0, 1 << 8
        csrs sstatus, t0
        la t0, guest
        li t1, 0x40000000               # where the guest sees it
        sub t0, t0, t1
        csrw sepc, t0
        sret

# ANCHOR: guest
guest:  lla t0, guest_trap              # relative to pc: guest-virtual
        csrw stvec, t0
        lla a0, secret
        ld a0, (a0)                     # through both stages
        hypercall 0                     # the hypervisor prints a0

        li t1, 0x00001238
        ld t0, (t1)                     # nothing there in the guest's own table
        li t1, 0x80001238
        ld t0, (t1)                     # nothing there in the hypervisor's
        li t1, 0xc0001238
        ld t0, (t1)                     # the guest's table is nowhere
        hypercall 1
# ANCHOR_END: guest

        .balign 4
guest_trap:
        csrr a0, scause
        csrr a1, stval
        hypercall 2
        csrr t0, sepc
        addi t0, t0, 4
        csrw sepc, t0
        sret

        .balign 8
secret: .dword 0xc0ffee

        .balign 4
trap:   mv s2, a0
        mv s3, a1
        csrr s0, scause
        li t0, 10
        bne s0, t0, fault
        beqz a6, call0
        li t0, 1
        beq a6, t0, over
        print "guest: page fault, cause "
        hex s2
        print "  stval "
        hex s3
        print "\n"
        j next
call0:
# ANCHOR: hlv
        print "guest: loaded "
        hex s2
        csrr s0, sepc                   # guest-virtual
        hlvx.wu s1, (s0)                # what instruction is there, as the guest's fetch would see it
        print "  by ecall "
        hex s1
        print " at "
        hex s0
        print "\n"
# ANCHOR_END: hlv
        j next
over:   finish

# ANCHOR: fault
fault:  csrr s1, stval
        csrr s2, htval
        csrr s3, htinst
        print "hypervisor: guest-page fault, cause "
        hex s0
        print "  stval "
        hex s1
        slli s2, s2, 2
        print "  htval<<2 "
        hex s2
        print "  htinst "
        hex s3
        print "\n"
# ANCHOR_END: fault
next:   csrr t0, sepc
        addi t0, t0, 4
        csrw sepc, t0
        sret

        .bss
        .balign 16384
gstage: .space 16384                    # four times as large as a page, and aligned to that
vsstage:
        .space 4096
