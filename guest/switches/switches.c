/*
 * How long it takes to leave a world and come back: one S-mode program that runs on the machine itself, as the kernel,
 * and as the guest of a hypervisor on it.
 *
 * It prints a line `NAME NANOSECONDS COUNT` for each operation, where COUNT is how often it was done, says that it is
 * done, and powers off. What the machine does not have is left out.
 */
#include "common.h"

enum { SIE_SOFTWARE = 1 << 1, SIE_TIMER = 1 << 5 };

/* Turns of a loop after which an interrupt that is due has been lost. */
#define PATIENCE (1ul << 16)
/* How far ahead WFI's timer is set. */
enum { NAP_TICKS = 500 };

/* Memory that nothing has touched: 4 KiB pages from the first, 2 MiB pages from the second. */
enum { SMALL_PAGE = 4096, LARGE_PAGE = 2 << 20, SMALL_PAGES = 4096, LARGE_PAGES = 32 };
static const uint64_t small_pages = 0x82000000, large_pages = 0x84000000;

/* What the trap handler counts, and reads. */
extern volatile uint64_t skipped, timer_count, ipi_count, timer_by_sbi;

static inline void set_stimecmp(uint64_t ticks) { __asm__ volatile("csrw 0x14d, %0" : : "r"(ticks) : "memory"); }
static inline void enable_timer(void) { __asm__ volatile("csrs sie, %0" : : "r"(SIE_TIMER) : "memory"); }
static inline void disable_timer(void) { __asm__ volatile("csrc sie, %0" : : "r"(SIE_TIMER) : "memory"); }
static void null_call(void) { sbi(BASE, 0, 0, 0, 0, 0); }
static void read_cycle(void) { __asm__ volatile("csrr t0, cycle" : : : "t0"); }
static void read_instret(void) { __asm__ volatile("csrr t0, instret" : : : "t0"); }
static void write_sscratch(void) { __asm__ volatile("csrw sscratch, zero" : : : "memory"); }
/* Hart mask 1 from hart 0 on, all addresses. */
static void remote_fence(void) { sbi(RFENCE, 1, 1, 0, 0, -1); }
/* Four bytes long, as the trap handler expects; the second is of an opcode left to custom extensions. */
static void breakpoint(void) { __asm__ volatile(".word 0x00100073"); }
static void illegal(void) { __asm__ volatile(".word 0x0000007b"); }

static void arm_timer(void)
{
    if (timer_by_sbi)
        sbi(TIME, 0, 0, 0, 0, 0);
    else
        set_stimecmp(0);
}

/* An interrupt that comes at once; the handler puts the timer off again. Linux's KVM with Sstc loses what the SBI call
   sets if the host puts the vCPU aside before it returns to the guest: it is set again then. */
static void interrupt(void)
{
    uint64_t before = timer_count;
    arm_timer();
    for (uint64_t spins = 1; timer_count == before; spins++)
        if (spins % PATIENCE == 0)
            arm_timer();
}

/* Does `operation` twice as often until it has taken long enough. Nothing is reported where it does not exist. */
static void repeat(const char *name, void operation(void), int may_trap)
{
    uint64_t traps = skipped;
    operation();
    if (skipped != traps && !may_trap)
        return;
    for (uint64_t count = 16;; count *= 2) {
        uint64_t start = now();
        for (uint64_t i = 0; i < count; i++)
            operation();
        uint64_t ticks = now() - start;
        if (ticks >= ENOUGH_TICKS) {
            report(name, ticks, count);
            return;
        }
    }
}

static void timer_interrupts(const char *name, int by_sbi)
{
    timer_by_sbi = (uint64_t)by_sbi;
    set_stimecmp(-1ul);
    sbi(TIME, 0, -1, 0, 0, 0);
    enable_timer();
    let_interrupts_in();
    repeat(name, interrupt, 0);
    keep_interrupts_out();
    disable_timer();
}

/* How much later than the timer's time a hart that waits for it goes on. */
static void naps(int sstc)
{
    uint64_t late = 0, count = 0;
    enable_timer();
    for (uint64_t end = now() + ENOUGH_TICKS; now() < end; count++) {
        uint64_t deadline = now() + NAP_TICKS;
        if (sstc)
            set_stimecmp(deadline);
        else
            sbi(TIME, 0, (long)deadline, 0, 0, 0);
        while (now() < deadline)
            __asm__ volatile("wfi");
        late += now() - deadline;
    }
    disable_timer();
    report("wfi-wakes-late", late, count);
}

/* To the hart itself, and until its handler has it. */
static void interrupt_itself(void)
{
    uint64_t before = ipi_count;
    sbi(IPI, 0, 1, 0, 0, 0);
    while (ipi_count == before)
        ;
}

static void ipis(void)
{
    __asm__ volatile("csrs sie, %0" : : "r"(SIE_SOFTWARE) : "memory");
    let_interrupts_in();
    repeat("ipi", interrupt_itself, 0);
    keep_interrupts_out();
    __asm__ volatile("csrc sie, %0" : : "r"(SIE_SOFTWARE) : "memory");
}

/* Work that leaves no world: what having worlds at all costs. xorshift64 for random numbers. */
static uint64_t number = 0x9e3779b97f4a7c15;
static uint64_t random_number(void)
{
    number ^= number << 13;
    number ^= number >> 7;
    return number ^= number << 17;
}

/* Sorts numbers by insertion: arithmetic, branches, and memory that is near. */
static void compute(void)
{
    enum { COUNT = 256 };
    static uint64_t sorted[COUNT];
    for (int i = 0; i < COUNT; i++) {
        uint64_t value = random_number();
        int at = i;
        for (; at > 0 && sorted[at - 1] > value; at--)
            sorted[at] = sorted[at - 1];
        sorted[at] = value;
    }
}

/* Counters in pages that `touch` has had: each has to be found through the page tables of whoever is below. */
static void compute_pages(void)
{
    enum { COUNT = 4096 };
    for (int i = 0; i < COUNT; i++)
        ++*(volatile uint64_t *)(small_pages + random_number() % SMALL_PAGES * SMALL_PAGE);
}

static void touch(const char *name, uint64_t first, uint64_t step, uint64_t count)
{
    uint64_t start = now();
    for (uint64_t i = 0; i < count; i++)
        *(volatile uint64_t *)(first + i * step) = 1;
    report(name, now() - start, count);
}

/* Whether there is a supervisor timer that no firmware has to set. */
static int has_sstc(void)
{
    uint64_t traps = skipped;
    set_stimecmp(-1ul);
    return skipped == traps;
}

void measure(void)
{
    int sstc = has_sstc();
    touch("touch-4k", small_pages, SMALL_PAGE, SMALL_PAGES);
    touch("touch-2m", large_pages, LARGE_PAGE, LARGE_PAGES);
    repeat("compute", compute, 0);
    repeat("compute-pages", compute_pages, 0);
    repeat("sscratch-write", write_sscratch, 0);
    repeat("breakpoint", breakpoint, 1);
    repeat("sbi-null", null_call, 0);
    repeat("mmio-read", mmio_read, 0);
    repeat("rdcycle", read_cycle, 0);
    repeat("rdinstret", read_instret, 0);
    repeat("remote-fence", remote_fence, 0);
    ipis();
    if (sstc)
        timer_interrupts("timer-sstc", 0);
    timer_interrupts("timer-sbi", 1);
    naps(sstc);
    print("switches: done\r\n");
    /* After everything else, because QEMU 11.1 with its own firmware ends a KVM guest for it. */
    repeat("illegal-instruction", illegal, 1);
    sbi(RESET, 0, 0, 0, 0, 0);
}
