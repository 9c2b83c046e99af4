# Two vCPUs share one hart: they take turns each time that one calls the hypervisor.
        .include "book.inc"

# ANCHOR: layout
# What a vCPU is while it does not run. x1 to x31 lie at 8 times their number; sepc has the place of x0.
        .equ SEPC, 0
        .equ SSTATUS, 32 * 8
        .equ HSTATUS, 33 * 8
        .equ VSSTATUS, 34 * 8
        .equ VSTVEC, 35 * 8
        .equ VSSCRATCH, 36 * 8
        .equ VSEPC, 37 * 8
        .equ VSCAUSE, 38 * 8
        .equ VSTVAL, 39 * 8
        .equ VSATP, 40 * 8
        .equ VSIE, 41 * 8
        .equ HVIP, 42 * 8
        .equ SIZE, 43 * 8
# ANCHOR_END: layout

# Each general register but x0 and t6, which holds the address of the vCPU.
        .macro all_but_t6 instruction
        .irp n, 1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30
        \instruction x\n, 8 * \n(t6)
        .endr
        .endm

# Each CSR of a vCPU, with its place.
        .macro each_csr do
        \do sepc, SEPC
        \do sstatus, SSTATUS
        \do hstatus, HSTATUS
        \do vsstatus, VSSTATUS
        \do vstvec, VSTVEC
        \do vsscratch, VSSCRATCH
        \do vsepc, VSEPC
        \do vscause, VSCAUSE
        \do vstval, VSTVAL
        \do vsatp, VSATP
        \do vsie, VSIE
        \do hvip, HVIP
        .endm

        .globl _start
_start: la t0, trap
        csrw stvec, t0
        csrw hgatp, zero
        la t6, vcpu_a
        la a0, name_a
        call create
        la t6, vcpu_b
        la a0, name_b
        call create
        la t6, vcpu_a
        j enter

# ANCHOR: create
# Makes a vCPU at t6 that begins at 'guest' in VS, with a0 as it is now.
create: sd a0, 8 * 10(t6)
        la t0, guest
        sd t0, SEPC(t6)
        li t0, 1 << 8                   # SPP: from HS, SRET goes to S
        sd t0, SSTATUS(t6)
        li t0, 1 << 7                   # SPV: with V=1
        sd t0, HSTATUS(t6)
        ret
# ANCHOR_END: create

# ANCHOR: enter
# Runs the vCPU at t6. It comes back at 'trap'.
enter:  csrw sscratch, t6               # the hypervisor's own: a guest has vsscratch
        .macro put csr, place
        ld t0, \place(t6)
        csrw \csr, t0
        .endm
        each_csr put
        all_but_t6 ld
        ld t6, 8 * 31(t6)
        sret
# ANCHOR_END: enter

        .balign 4
# ANCHOR: trap
trap:   csrrw t6, sscratch, t6          # t6: the vCPU; sscratch: what the guest had in t6
        all_but_t6 sd
        csrr t0, sscratch
        sd t0, 8 * 31(t6)
        .macro get csr, place
        csrr t0, \csr
        sd t0, \place(t6)
        .endm
        each_csr get

        csrr t0, scause
        li t1, 10                       # ecall from VS
        bne t0, t1, bad
        ld t0, SEPC(t6)                 # go on behind it
        addi t0, t0, 4
        sd t0, SEPC(t6)
        ld t0, 8 * 16(t6)               # a6: what it asks for
        bnez t0, over
        la t0, vcpu_a                   # the other one's turn
        la t1, vcpu_b
        xor t0, t0, t1
        xor t6, t6, t0
        j enter
# ANCHOR_END: trap

bad:    print "unexpected trap\n"
over:   finish

# ANCHOR: guest
# What both run: a name in sscratch, which is vsscratch, and a count in s0.
guest:  csrw sscratch, a0
        li s0, 1
1:      csrr a0, sscratch
        call puts
        addi a0, s0, '0'
        call putchar
        print "\n"
        hypercall 0                     # let the other one run
        addi s0, s0, 1
        li t0, 3
        ble s0, t0, 1b
        hypercall 1                     # end
# ANCHOR_END: guest

name_a: .asciz "vCPU A counts "
name_b: .asciz "    vCPU B counts "

        .bss
        .balign 8
vcpu_a: .space SIZE
vcpu_b: .space SIZE
