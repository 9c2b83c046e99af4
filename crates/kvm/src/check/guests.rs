//! The programs of the checks' guests, in S-mode at the start of RAM; their device is at 0x1000_0000.

/// Powers off by SRST: the end of all of them.
#[rustfmt::skip]
pub const END: &[u32] = &[
    0x00000513, // addi a0,zero,0
    0x00000593, // addi a1,zero,0
    0x00000813, // addi a6,zero,0
    0x535258b7, // lui a7,0x53525
    0x3548889b, // addiw a7,a7,852
    0x00000073, // ecall
    0x0000006f, // jal zero,18
];

/// Says [`GREETING`] by DBCN, writes to and reads from the device, sleeps until an external interrupt comes, spins
/// until the device's flag is set.
#[rustfmt::skip]
pub const WAYS_OUT: &[u32] = &[
    0x00000417, // auipc s0,0x0
    0x01000513, // li a0,16
    0x40040593, // add a1,s0,1024
    0x00000613, // li a2,0
    0x00000813, // li a6,0
    0x444248b7, // lui a7,0x44424
    0x34e8889b, // addw a7,a7,846
    0x00000073, // ecall
    0x100004b7, // lui s1,0x10000
    0x06d00293, // li t0,109
    0x00548023, // sb t0,0(s1)
    0x0044a303, // lw t1,4(s1)
    0x00648023, // sb t1,0(s1)
    0x20000293, // li t0,512
    0x10429073, // csrw sie,t0
    0x10500073, // wfi
    0x14402373, // csrr t1,sip
    0x00537333, // and t1,t1,t0
    0xfe030ae3, // beqz t1,3c
    0x06900313, // li t1,105
    0x00648023, // sb t1,0(s1)
    0x0084c303, // lbu t1,8(s1)
    0x010003b7, // lui t2,0x1000
    0xfff38393, // add t2,t2,-1
    0xfe039ee3, // bnez t2,5c
    0xfe0308e3, // beqz t1,54
];

/// What [`WAYS_OUT`] says, and where it has it.
pub const GREETING: &[u8] = b"greeting by DBCN";
pub const GREETING_AT: u64 = 0x400;

/// How often [`NOTICES`] does each of its accesses.
pub const NOTICES_ROUNDS: u64 = 2000;
/// Writes so often to 0x50, to 0x54, and reads from 4; and writes how many ticks each took to 0x10, 0x18 and 0x20.
#[rustfmt::skip]
pub const NOTICES: &[u32] = &[
    0x100004b7, // lui s1,0x10000
    0x7d000913, // addi s2,zero,2000
    0x00090293, // addi t0,s2,0
    0xc01029f3, // csrrs s3,time,zero
    0x0404a823, // sw zero,80(s1)
    0xfff28293, // addi t0,t0,-1
    0xfe029ce3, // bne t0,zero,10
    0xc0102a73, // csrrs s4,time,zero
    0x413a0a33, // sub s4,s4,s3
    0x0144b823, // sd s4,16(s1)
    0x00090293, // addi t0,s2,0
    0xc01029f3, // csrrs s3,time,zero
    0x0404aa23, // sw zero,84(s1)
    0xfff28293, // addi t0,t0,-1
    0xfe029ce3, // bne t0,zero,30
    0xc0102a73, // csrrs s4,time,zero
    0x413a0a33, // sub s4,s4,s3
    0x0144bc23, // sd s4,24(s1)
    0x00090293, // addi t0,s2,0
    0xc01029f3, // csrrs s3,time,zero
    0x0044a303, // lw t1,4(s1)
    0xfff28293, // addi t0,t0,-1
    0xfe029ce3, // bne t0,zero,50
    0xc0102a73, // csrrs s4,time,zero
    0x413a0a33, // sub s4,s4,s3
    0x0344b023, // sd s4,32(s1)
];

/// Reads `seed` and writes that to 0x10, 0x18, 0x20 and 0x28.
#[rustfmt::skip]
pub const SEED: &[u32] = &[
    0x100004b7, // lui s1,0x10000
    0x01501373, // csrrw t1,seed,zero
    0x0064b823, // sd t1,16(s1)
    0x01501373, // csrrw t1,seed,zero
    0x0064bc23, // sd t1,24(s1)
    0x01501373, // csrrw t1,seed,zero
    0x0264b023, // sd t1,32(s1)
    0x01501373, // csrrw t1,seed,zero
    0x0264b423, // sd t1,40(s1)
];

/// How often [`ANSWERED`] does its accesses.
pub const ANSWERED_ROUNDS: u64 = 200;
/// So often writes 1 to 0x50, then 0, and reads it until it is 0; and writes how many ticks it took to 0x10.
#[rustfmt::skip]
pub const ANSWERED: &[u32] = &[
    0x100004b7, // lui s1,0x10000
    0x0c800913, // addi s2,zero,200
    0x00100393, // addi t2,zero,1
    0xc01029f3, // csrrs s3,time,zero
    0x0474a823, // sw t2,80(s1)
    0x0404a823, // sw zero,80(s1)
    0x0504a303, // lw t1,80(s1)
    0xfe031ee3, // bne t1,zero,18
    0xfff90913, // addi s2,s2,-1
    0xfe0916e3, // bne s2,zero,10
    0xc0102a73, // csrrs s4,time,zero
    0x413a0a33, // sub s4,s4,s3
    0x0144b823, // sd s4,16(s1)
];

/// Loads from 0 in all ways, and writes what came to 0x8, 0x10, 0x18 (LB, LH, LW), 0x20, 0x28, 0x30 (LBU, LHU, LWU),
/// 0x38 (LD) and 0x40 (C.LW).
#[rustfmt::skip]
pub const SIGNS: &[u32] = &[
    0x100004b7, // lui s1,0x10000
    0x00048303, // lb t1,0(s1)
    0x0064b423, // sd t1,8(s1)
    0x00049303, // lh t1,0(s1)
    0x0064b823, // sd t1,16(s1)
    0x0004a303, // lw t1,0(s1)
    0x0064bc23, // sd t1,24(s1)
    0x0004c303, // lbu t1,0(s1)
    0x0264b023, // sd t1,32(s1)
    0x0004d303, // lhu t1,0(s1)
    0x0264b423, // sd t1,40(s1)
    0x0004e303, // lwu t1,0(s1)
    0x0264b823, // sd t1,48(s1)
    0x0004b303, // ld t1,0(s1)
    0x0264bc23, // sd t1,56(s1)
    0x00014080, // c.lw s0,0(s1); c.nop
    0x0484b023, // sd s0,64(s1)
];

/// Starts hart 1 at [`SECOND_AT`] with [`SECOND_OPAQUE`], writes the answer to 0x10, and waits for it.
#[rustfmt::skip]
pub const FIRST: &[u32] = &[
    0x100004b7, // lui s1,0x10000
    0x02051c63, // bne a0,zero,3c
    0x00000417, // auipc s0,0x0
    0x0f840593, // addi a1,s0,248
    0x00100513, // addi a0,zero,1
    0x04200613, // addi a2,zero,66
    0x00000813, // addi a6,zero,0
    0x004858b7, // lui a7,0x485
    0x34d8889b, // addiw a7,a7,845
    0x00000073, // ecall
    0x00a4b823, // sd a0,16(s1)
    0x04200393, // addi t2,zero,66
    0x17843283, // ld t0,376(s0)
    0xfe729ee3, // bne t0,t2,30
    0x0080006f, // jal zero,40
    0x0000006f, // jal zero,3c
];

/// What hart 1 is given.
pub const SECOND_OPAQUE: u64 = 0x42;
/// Where hart 1 begins.
pub const SECOND_AT: u64 = 0x100;
/// Writes its number to 0x18, what it was given to 0x20, and to memory where hart 0 looks for it; then sleeps.
#[rustfmt::skip]
pub const SECOND: &[u32] = &[
    0x100004b7, // lui s1,0x10000
    0x00a4bc23, // sd a0,24(s1)
    0x02b4b023, // sd a1,32(s1)
    0x00000417, // auipc s0,0x0
    0x06b43a23, // sd a1,116(s0)
    0x10500073, // wfi
    0xffdff06f, // jal zero,14
];

/// Writes the answers to a vendor's call to 0x10, to an experimental one to 0x18, to whether there is STA to 0x20, to
/// STA's own call to 0x28, and what STA has written to memory to 0x30: its sequence number and flags.
#[rustfmt::skip]
pub const CALLS: &[u32] = &[
    0x100004b7, // lui s1,0x10000
    0x00000813, // addi a6,zero,0
    0x090008b7, // lui a7,0x9000
    0x0018889b, // addiw a7,a7,1
    0x00000073, // ecall
    0x00a4b823, // sd a0,16(s1)
    0x00000813, // addi a6,zero,0
    0x080008b7, // lui a7,0x8000
    0x0018889b, // addiw a7,a7,1
    0x00000073, // ecall
    0x00a4bc23, // sd a0,24(s1)
    0x00535537, // lui a0,0x535
    0x4415051b, // addiw a0,a0,1089
    0x00300813, // addi a6,zero,3
    0x01000893, // addi a7,zero,16
    0x00000073, // ecall
    0x02b4b023, // sd a1,32(s1)
    0x00000417, // auipc s0,0x0
    0x3c440513, // addi a0,s0,964
    0xfc057513, // andi a0,a0,-64
    0x00050413, // addi s0,a0,0
    0x00000593, // addi a1,zero,0
    0x00000613, // addi a2,zero,0
    0x00000813, // addi a6,zero,0
    0x005358b7, // lui a7,0x535
    0x4418889b, // addiw a7,a7,1089
    0x00000073, // ecall
    0x02a4b423, // sd a0,40(s1)
    0x00843283, // ld t0,8(s0)
    0x0254b823, // sd t0,48(s1)
];

/// Lets its interrupt file deliver everything, writes 'r' to 0, and the identity of the interrupt that comes; then has
/// source 3 of the APLIC at 0xd00_0000 send identity 7 at a high level, writes 'w' to 0, and the identity that comes.
#[rustfmt::skip]
pub const MESSAGES: &[u32] = &[
    0x100004b7, // lui s1,0x10000
    0x07000293, // addi t0,zero,112
    0x15029073, // csrrw zero,siselect,t0
    0x00100293, // addi t0,zero,1
    0x15129073, // csrrw zero,sireg,t0
    0x07200293, // addi t0,zero,114
    0x15029073, // csrrw zero,siselect,t0
    0x15101073, // csrrw zero,sireg,zero
    0x0c000293, // addi t0,zero,192
    0x15029073, // csrrw zero,siselect,t0
    0xfff00293, // addi t0,zero,-1
    0x15129073, // csrrw zero,sireg,t0
    0x20000293, // addi t0,zero,512
    0x10429073, // csrrw zero,sie,t0
    0x07200293, // addi t0,zero,114
    0x00548023, // sb t0,0(s1)
    0x10500073, // wfi
    0x15c01373, // csrrw t1,stopei,zero
    0xfe030ce3, // beq t1,zero,40
    0x01035313, // srli t1,t1,0x10
    0x00648023, // sb t1,0(s1)
    0x0d000937, // lui s2,0xd000
    0x10400293, // addi t0,zero,260
    0x00592023, // sw t0,0(s2)
    0x00600293, // addi t0,zero,6
    0x00592623, // sw t0,12(s2)
    0x00003337, // lui t1,0x3
    0x01230333, // add t1,t1,s2
    0x00700293, // addi t0,zero,7
    0x00532623, // sw t0,12(t1)
    0x00002337, // lui t1,0x2
    0x01230333, // add t1,t1,s2
    0x00300293, // addi t0,zero,3
    0xec532e23, // sw t0,-292(t1)
    0x07700293, // addi t0,zero,119
    0x00548023, // sb t0,0(s1)
    0x10500073, // wfi
    0x15c01373, // csrrw t1,stopei,zero
    0xfe030ce3, // beq t1,zero,90
    0x01035313, // srli t1,t1,0x10
    0x00648023, // sb t1,0(s1)
];

/// Writes 's' to 0, suspends its system, and goes on with [`SLEEP_OPAQUE`], which it writes to 0x18, or writes why not
/// to 0x10. Writes 'i' to 0 when it sees an external interrupt wait.
#[rustfmt::skip]
pub const SLEEP: &[u32] = &[
    0x100004b7, // lui s1,0x10000
    0x00000597, // auipc a1,0x0
    0x03058593, // addi a1,a1,48
    0x05300613, // addi a2,zero,83
    0x00000513, // addi a0,zero,0
    0x00000813, // addi a6,zero,0
    0x535558b7, // lui a7,0x53555
    0x3508889b, // addiw a7,a7,848
    0x07300293, // addi t0,zero,115
    0x00548023, // sb t0,0(s1)
    0x00000073, // ecall
    0x00a4b823, // sd a0,16(s1)
    0x0200006f, // jal zero,50
    0x100004b7, // lui s1,0x10000
    0x00b4bc23, // sd a1,24(s1)
    0x14402373, // csrrs t1,sip,zero
    0x20037313, // andi t1,t1,512
    0xfe030ce3, // beq t1,zero,3c
    0x06900293, // addi t0,zero,105
    0x00548023, // sb t0,0(s1)
];
/// What a guest that slept is given.
pub const SLEEP_OPAQUE: u64 = 0x53;

/// Counts to 3 in a loop at [`LOOP_AT`], meets an `ebreak` of its own, behind which it is at [`LOOP_END_AT`], writes
/// how far it counted to 0x10 and the cause of the trap to 0x18.
#[rustfmt::skip]
pub const LOOP: &[u32] = &[
    0x100004b7, // lui s1,0x10000
    0x00000297, // auipc t0,0x0
    0x02c28293, // addi t0,t0,44
    0x10529073, // csrrw zero,stvec,t0
    0x00000913, // addi s2,zero,0
    0x00300993, // addi s3,zero,3
    0x00190913, // addi s2,s2,1
    0xff391ee3, // bne s2,s3,18
    0x00100073, // ebreak
    0x0124b823, // sd s2,16(s1)
    0x0144bc23, // sd s4,24(s1)
    0x0180006f, // jal zero,44
    0x14202a73, // csrrs s4,scause,zero
    0x14102373, // csrrs t1,sepc,zero
    0x00430313, // addi t1,t1,4
    0x14131073, // csrrw zero,sepc,t1
    0x10200073, // sret
];
/// Where it counts, and where it is when it has counted.
pub const LOOP_AT: u64 = 0x18;
pub const LOOP_END_AT: u64 = 0x24;

/// Asks for steal time where it cannot be (across the grain, beyond memory, with a flag) and writes the answers to
/// 0x10, 0x18 and 0x20; then where it can, with the answer to 0x28. Writes 'g' to 0 and looks at it until there is
/// something at [`STEAL_ENDS_AT`]; then writes whether it ever saw an odd sequence number to 0x30, how often the time
/// was less than before to 0x38, the time to 0x40, the number to 0x48.
#[rustfmt::skip]
pub const STEAL: &[u32] = &[
    0x00000417, // auipc s0,0x0
    0x100004b7, // lui s1,0x10000
    0x005358b7, // lui a7,0x535
    0x4418889b, // addiw a7,a7,1089
    0xfff00293, // addi t0,zero,-1
    0x40543423, // sd t0,1032(s0)
    0x40840513, // addi a0,s0,1032
    0x00000593, // addi a1,zero,0
    0x00000613, // addi a2,zero,0
    0x00000813, // addi a6,zero,0
    0x00000073, // ecall
    0x00a4b823, // sd a0,16(s1)
    0x40040513, // addi a0,s0,1024
    0x00100593, // addi a1,zero,1
    0x00000613, // addi a2,zero,0
    0x00000813, // addi a6,zero,0
    0x00000073, // ecall
    0x00a4bc23, // sd a0,24(s1)
    0x40040513, // addi a0,s0,1024
    0x00000593, // addi a1,zero,0
    0x00100613, // addi a2,zero,1
    0x00000813, // addi a6,zero,0
    0x00000073, // ecall
    0x02a4b023, // sd a0,32(s1)
    0x40040513, // addi a0,s0,1024
    0x00000593, // addi a1,zero,0
    0x00000613, // addi a2,zero,0
    0x00000813, // addi a6,zero,0
    0x00000073, // ecall
    0x02a4b423, // sd a0,40(s1)
    0x06700293, // addi t0,zero,103
    0x00548023, // sb t0,0(s1)
    0x00000913, // addi s2,zero,0
    0x00000993, // addi s3,zero,0
    0x00000a13, // addi s4,zero,0
    0x40046283, // lwu t0,1024(s0)
    0x0220000f, // fence r,r
    0x40843303, // ld t1,1032(s0)
    0x0220000f, // fence r,r
    0x40046383, // lwu t2,1024(s0)
    0xfe7296e3, // bne t0,t2,8c
    0x00596933, // or s2,s2,t0
    0x01333e33, // sltu t3,t1,s3
    0x01ca0a33, // add s4,s4,t3
    0x00030993, // addi s3,t1,0
    0x60043283, // ld t0,1536(s0)
    0xfc028ae3, // beq t0,zero,8c
    0x00197913, // andi s2,s2,1
    0x0324b823, // sd s2,48(s1)
    0x0344bc23, // sd s4,56(s1)
    0x0534b023, // sd s3,64(s1)
    0x0474b423, // sd t2,72(s1)
];
/// Where the guest is told to end.
pub const STEAL_ENDS_AT: u64 = 0x600;

/// Writes 'r' to 0, waits for a word at 8 and clears it; writes to [`PAGES`]'s first two pages, then 'd' to 0; waits
/// again, writes to the first and the last, then 'e'; waits again.
#[rustfmt::skip]
pub const WRITES: &[u32] = &[
    0x00010417, // auipc s0,0x10
    0x100004b7, // lui s1,0x10000
    0x000023b7, // lui t2,0x2
    0x00005e37, // lui t3,0x5
    0x008383b3, // add t2,t2,s0
    0x008e0e33, // add t3,t3,s0
    0x07200293, // addi t0,zero,114
    0x00548023, // sb t0,0(s1)
    0x0084a303, // lw t1,8(s1)
    0xfe030ee3, // beq t1,zero,20
    0x0004a423, // sw zero,8(s1)
    0x00643023, // sd t1,0(s0)
    0x0063b023, // sd t1,0(t2)
    0x06400293, // addi t0,zero,100
    0x00548023, // sb t0,0(s1)
    0x0084a303, // lw t1,8(s1)
    0xfe030ee3, // beq t1,zero,3c
    0x0004a423, // sw zero,8(s1)
    0x00643023, // sd t1,0(s0)
    0x006e3023, // sd t1,0(t3)
    0x06500293, // addi t0,zero,101
    0x00548023, // sb t0,0(s1)
    0x0084a303, // lw t1,8(s1)
    0xfe030ee3, // beq t1,zero,58
    0x0004a423, // sw zero,8(s1)
];
/// The pages that [`WRITES`] writes to.
pub const PAGES: [u64; 3] = [0x10, 0x12, 0x15];

/// Waits for a word at 8 and clears it, writes it to each of [`MANY_PAGES`] and to 0x10, and again, until the word is
/// negative.
#[rustfmt::skip]
pub const WRITES_AGAIN: &[u32] = &[
    0x00010417, // auipc s0,0x10
    0x100004b7, // lui s1,0x10000
    0x00040e37, // lui t3,0x40
    0x008e0e33, // add t3,t3,s0
    0x00001eb7, // lui t4,0x1
    0x0084b303, // ld t1,8(s1)
    0xfe030ee3, // beq t1,zero,14
    0x0004b423, // sd zero,8(s1)
    0x00040393, // addi t2,s0,0
    0x0063b023, // sd t1,0(t2)
    0x01d383b3, // add t2,t2,t4
    0xffc39ce3, // bne t2,t3,24
    0x0064b823, // sd t1,16(s1)
    0xfe0350e3, // bge t1,zero,14
];
/// The pages that [`WRITES_AGAIN`] writes to.
pub const MANY_PAGES: std::ops::Range<u64> = 0x10..0x50;
