# A virtual hart's interrupt file moves between guest file 1 of two harts, by the steps of AIA 1.0, "Migrating a virtual hart to a different
# guest interrupt file", while somebody outside sends messages to the file that `target` names. What the virtual hart claims is counted.
        .option norvc
        .include "frame.inc"

        .equ SHARED, 0x80100000
        .equ TARGET, 0                  # the hart whose file takes messages
        .equ PHASE, 8                   # a hart: the virtual hart runs there; or a step of the move
        .equ MOVE, 16                   # somebody wants a move
        .equ MOVES, 24                  # how many there were
        .equ NEW, 32                    # where it goes
        .equ CLAIMS, 64                 # for each identity, how often it was claimed
        .equ DUMP, 4096                 # eip and eie, four words each
        .equ PREPARE, 2
        .equ LEAVE, 3
        .equ ARRIVE, 4
        .equ WORDS, 4

        # Goes on with the next step.
        .macro next step
        fence
        li t0, \step
        sd t0, PHASE(s1)
        j loop
        .endm

        .globl _start
_start: csrr s0, mhartid
        li s1, SHARED
        vgein 1
        vsput EIDELIVERY, 0
        bnez s0, loop
        .irp word, 0, 2, 4, 6
        vsput EIE0 + \word, -1
        .endr
        vsput EIDELIVERY, 1

loop:   ld t1, NEW(s1)                  # first: of a phase that has passed it says nothing
        fence
        ld t0, PHASE(s1)
        beq t0, s0, running
        li t2, PREPARE
        beq t0, t2, prepare
        li t2, LEAVE
        beq t0, t2, leave
        li t2, ARRIVE
        beq t0, t2, arrive
        j loop

running:
        csrrw a0, VSTOPEI, x0
        beqz a0, 1f
        srli a0, a0, 16
        slli a0, a0, 3
        add a0, a0, s1
        ld t0, CLAIMS(a0)
        addi t0, t0, 1
        sd t0, CLAIMS(a0)
        j loop
1:      ld t0, MOVE(s1)
        beqz t0, loop
        sd x0, MOVE(s1)
        vsput EIDELIVERY, 0             # step 1, at the old file
        xori t0, s0, 1
        sd t0, NEW(s1)
        next PREPARE

prepare:                                # steps 2 and 3, at the new one
        bne t1, s0, loop
        vsput EIDELIVERY, 0
        .irp word, 0, 2, 4, 6
        vsput EIP0 + \word, 0
        .endr
        fence
        sd s0, TARGET(s1)
        next LEAVE

leave:  beq t1, s0, loop                # step 4, at the old one
        li a1, DUMP
        add a1, a1, s1
        .irp word, 0, 2, 4, 6
        put VSISELECT, EIP0 + \word
        csrr t0, VSIREG
        sd t0, \word * 8(a1)
        put VSISELECT, EIE0 + \word
        csrr t0, VSIREG
        sd t0, \word * 8 + 8(a1)
        .endr
        next ARRIVE

arrive: bne t1, s0, loop                # steps 5 and 6, at the new one
        li a1, DUMP
        add a1, a1, s1
        .irp word, 0, 2, 4, 6
        put VSISELECT, EIP0 + \word
        ld t0, \word * 8(a1)
        csrs VSIREG, t0
        put VSISELECT, EIE0 + \word
        ld t0, \word * 8 + 8(a1)
        csrw VSIREG, t0
        .endr
        vsput EIDELIVERY, 1
        ld t0, MOVES(s1)
        addi t0, t0, 1
        sd t0, MOVES(s1)
        fence
        sd s0, PHASE(s1)
        j loop
