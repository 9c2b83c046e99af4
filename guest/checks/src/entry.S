# Where a hart begins, and where its traps come.

    .section .text.entry, "ax"
    .globl _start
_start:
    image_header end=kernel_end
    la t0, bss_start
    la t1, kernel_end
2:  sd zero, 0(t0)
    addi t0, t0, 8
    bltu t0, t1, 2b
    la sp, stacks + {STACK_BYTES}
    la t0, trap
    csrw stvec, t0
    call first

    .globl other_start
other_start:                    # a1: its stack's end
    mv sp, a1
    la t0, trap
    csrw stvec, t0
    call other

# A call that puts the hart to sleep, and has it begin elsewhere: a0 is the type, a1 the function, a2 the extension. Answers the call's error, or what
# was found behind the sleep: 1 where a0 is zero, else 2.
    .globl sleep_call
sleep_call:
    addi sp, sp, -112
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
    mv a6, a1
    mv a7, a2
    la a1, awake
    mv a2, sp
    ecall
    j 1f
    .balign 4
awake:
    mv sp, a1
    la t0, trap
    csrw stvec, t0
    snez a0, a0
    addi a0, a0, 1
1:  ld ra, 0(sp)
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

    .balign 4
trap:
    addi sp, sp, -128
    sd ra, 0(sp)
    sd t0, 8(sp)
    sd t1, 16(sp)
    sd t2, 24(sp)
    sd a0, 32(sp)
    sd a1, 40(sp)
    sd a2, 48(sp)
    sd a3, 56(sp)
    sd a4, 64(sp)
    sd a5, 72(sp)
    sd a6, 80(sp)
    sd a7, 88(sp)
    sd t3, 96(sp)
    sd t4, 104(sp)
    sd t5, 112(sp)
    sd t6, 120(sp)
    call trapped
    ld ra, 0(sp)
    ld t0, 8(sp)
    ld t1, 16(sp)
    ld t2, 24(sp)
    ld a0, 32(sp)
    ld a1, 40(sp)
    ld a2, 48(sp)
    ld a3, 56(sp)
    ld a4, 64(sp)
    ld a5, 72(sp)
    ld a6, 80(sp)
    ld a7, 88(sp)
    ld t3, 96(sp)
    ld t4, 104(sp)
    ld t5, 112(sp)
    ld t6, 120(sp)
    addi sp, sp, 128
    sret

    .section .bss.stacks, "aw", @nobits
    .balign 16
    .globl stacks
stacks:
    .skip {STACK_BYTES} * {MOST_HARTS}
