# The world switch: into a guest, and out of it by its trap.
#
# H extension, "Trap Entry" and "Trap Return": SRET with hstatus.SPV set goes to V = 1, with sstatus.SPP to VS or VU; a trap that is not
# delegated comes back to stvec with V = 0. What the guest has in CSRs of its own (vsstatus and its like) stays in them.
#
# a0 is the guest's registers (`Registers` in switch.rs): x0's place has the hypervisor's sp, 256 sepc, 264 sstatus, 272 hstatus,
# 280 the hypervisor's tp.

    .text
    .globl enter_guest
    .balign 4
enter_guest:
    addi sp, sp, -112           # what a call must keep: ra, s0 to s11
    sd ra, 0(sp)
    sd s0, 8(sp)
    sd s1, 16(sp)
    sd s2, 24(sp)
    sd s3, 32(sp)
    sd s4, 40(sp)
    sd s5, 48(sp)
    sd s6, 56(sp)
    sd s7, 64(sp)
    sd s8, 72(sp)
    sd s9, 80(sp)
    sd s10, 88(sp)
    sd s11, 96(sp)
    sd sp, 0(a0)
    sd tp, 280(a0)
    # ANCHOR: enter
    csrw sscratch, a0           # where the way back finds them
    la t0, guest_left
    csrw stvec, t0
    ld t0, 256(a0)
    csrw sepc, t0
    ld t0, 264(a0)
    csrw sstatus, t0
    ld t0, 272(a0)
    csrw 0x600, t0              # hstatus
    # ANCHOR_END: enter
    ld ra, 8(a0)
    ld sp, 16(a0)
    ld gp, 24(a0)
    ld tp, 32(a0)
    ld t0, 40(a0)
    ld t1, 48(a0)
    ld t2, 56(a0)
    ld s0, 64(a0)
    ld s1, 72(a0)
    ld a1, 88(a0)
    ld a2, 96(a0)
    ld a3, 104(a0)
    ld a4, 112(a0)
    ld a5, 120(a0)
    ld a6, 128(a0)
    ld a7, 136(a0)
    ld s2, 144(a0)
    ld s3, 152(a0)
    ld s4, 160(a0)
    ld s5, 168(a0)
    ld s6, 176(a0)
    ld s7, 184(a0)
    ld s8, 192(a0)
    ld s9, 200(a0)
    ld s10, 208(a0)
    ld s11, 216(a0)
    ld t3, 224(a0)
    ld t4, 232(a0)
    ld t5, 240(a0)
    ld t6, 248(a0)
    ld a0, 80(a0)
    sret

    .balign 4
    # ANCHOR: left
guest_left:
    csrrw a0, sscratch, a0
    sd ra, 8(a0)
    # ANCHOR_END: left
    sd sp, 16(a0)
    sd gp, 24(a0)
    sd tp, 32(a0)
    sd t0, 40(a0)
    sd t1, 48(a0)
    sd t2, 56(a0)
    sd s0, 64(a0)
    sd s1, 72(a0)
    sd a1, 88(a0)
    sd a2, 96(a0)
    sd a3, 104(a0)
    sd a4, 112(a0)
    sd a5, 120(a0)
    sd a6, 128(a0)
    sd a7, 136(a0)
    sd s2, 144(a0)
    sd s3, 152(a0)
    sd s4, 160(a0)
    sd s5, 168(a0)
    sd s6, 176(a0)
    sd s7, 184(a0)
    sd s8, 192(a0)
    sd s9, 200(a0)
    sd s10, 208(a0)
    sd s11, 216(a0)
    sd t3, 224(a0)
    sd t4, 232(a0)
    sd t5, 240(a0)
    sd t6, 248(a0)
    csrr t0, sscratch           # the guest's a0
    sd t0, 80(a0)
    csrr t0, sepc
    sd t0, 256(a0)
    csrr t0, sstatus
    sd t0, 264(a0)
    csrr t0, 0x600              # hstatus
    sd t0, 272(a0)
    la t0, own_trap
    csrw stvec, t0
    ld sp, 0(a0)
    ld tp, 280(a0)
    ld ra, 0(sp)
    ld s0, 8(sp)
    ld s1, 16(sp)
    ld s2, 24(sp)
    ld s3, 32(sp)
    ld s4, 40(sp)
    ld s5, 48(sp)
    ld s6, 56(sp)
    ld s7, 64(sp)
    ld s8, 72(sp)
    ld s9, 80(sp)
    ld s10, 88(sp)
    ld s11, 96(sp)
    addi sp, sp, 112
    ret

# H extension, "Hypervisor Virtual-Machine Load and Store Instructions": HLVX.HU reads 16 bits where the guest may execute. a0 is the
# address; it comes back with the bits in a0 and zero in a1, or with the cause of the exception in a1.
    .balign 4
    .globl fetch_of_guest
fetch_of_guest:
    la t0, 1f
    csrrw t1, stvec, t0
    mv t2, a0
    li a1, 0
    .option push
    .option arch, +h
    hlvx.hu a0, (t2)
    .option pop
    csrw stvec, t1
    ret
    .balign 4
1:  csrr a1, scause
    csrw stvec, t1
    ret

# The floating-point registers, to and from 32 doublewords at a0 with fcsr behind them; sstatus.FS must not be off.
    .option push
    .option arch, +d
    .globl save_float
save_float:
    .irp n, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31
    fsd f\n, (8*\n)(a0)
    .endr
    frcsr t0
    sd t0, 256(a0)
    ret

    .globl restore_float
restore_float:
    .irp n, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31
    fld f\n, (8*\n)(a0)
    .endr
    ld t0, 256(a0)
    fscsr t0
    ret
    .option pop
