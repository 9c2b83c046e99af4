# A hypervisor in HS-mode and its guest in VS-mode, which leaves it so often for each reason:
#   5 SBI calls base probe_extension, 2 calls base function 9, behind which the hypervisor runs its own U-mode,
#   3 loads from a device that is emulated, 1 load from a page that is mapped, 2 WFI, and at the end a call to power off.
        .option norvc
        .equ BASE, 0x10
        .equ SRST, 0x53525354
        .equ DEVICE, 0x10001000         # where the board has a device
        .equ PAGE, 0x40000000

        .globl _start
_start: la t0, trap
        csrw stvec, t0
        la t0, root
        li t1, 0x80000000 >> 2 | 0xdf   # V R W X U A D
        sd t1, 16(t0)
        srli t0, t0, 12
        li t1, 8 << 60 | 5 << 44        # Sv39x4, VMID 5
        or t0, t0, t1
        csrw 0x680, t0                  # hgatp
        .word 0x62000073                # hfence.gvma
        li t0, 1 << 7 | 1 << 21         # SPV, VTW
        csrs 0x600, t0                  # hstatus
        li t0, 1 << 8                   # SPP
        csrs sstatus, t0
        la t0, guest
        csrw sepc, t0
        sret

        .balign 4
trap:   csrr t0, scause
        li t1, 8
        beq t0, t1, user_done
        li t1, 10
        beq t0, t1, call
        li t1, 22
        beq t0, t1, next                # WFI
        li t1, 21
        bne t0, t1, fail
        csrr t0, 0x643                  # htval
        li t1, PAGE >> 2
        beq t0, t1, map
        srli t0, t0, 10                 # of any register of it
        li t1, DEVICE >> 12
        bne t0, t1, fail
next:   csrr t0, sepc
        addi t0, t0, 4
        csrw sepc, t0
        sret
map:    la t0, root
        li t1, 0x80000000 >> 2 | 0xdf
        sd t1, 8(t0)
        .word 0x62000073                # hfence.gvma
        sret
call:   li t1, SRST
        beq a7, t1, off
        li t1, 9
        bne a6, t1, next
        csrr s2, sepc                   # to U-mode and back
        la t0, user
        csrw sepc, t0
        li t0, 1 << 7
        csrc 0x600, t0
        li t0, 1 << 8
        csrc sstatus, t0
        sret
user_done:
        addi s2, s2, 4
        csrw sepc, s2
        li t0, 1 << 7
        csrs 0x600, t0
        li t0, 1 << 8
        csrs sstatus, t0
        sret
fail:   li a1, 1                        # SRST: a system failure
        j 1f
off:    li a1, 0
1:      li a7, SRST
        li a6, 0
        li a0, 0
        ecall
2:      j 2b

user:   ecall

guest:  li a7, BASE
        li a6, 3
        ecall
        ecall
        ecall
        ecall
        ecall
        li a6, 9
        ecall
        ecall
        li s0, DEVICE
        lw a0, (s0)
        lw a0, 4(s0)
        lw a0, 8(s0)
        li s0, PAGE
        ld a0, (s0)
        ld a0, 8(s0)
        wfi
        wfi
        li a7, SRST
        li a6, 0
        ecall
3:      j 3b
        .balign 16384
root:   .space 16384
