/*
 * How long it takes until an interrupt is taken: an S-mode program for two harts with AIA, that runs on the machine itself,
 * and as the guest of a hypervisor on it.
 *
 * It prints a line `NAME NANOSECONDS COUNT` for each way that an interrupt may come, with the median of COUNT times: from before
 * the access that sends it until the hart that sent it sees that it was claimed. The median, because whoever is put aside meanwhile
 * (by the computer, where others use it too) loses milliseconds. A hart that runs computes; one that sleeps has been in WFI for longer than
 * hypervisors wait before they put it aside.
 */
#include "common.h"

/* AIA 1.0: the board's places, numbers of indirect registers, and of those of an APLIC that sends messages. */
enum { FILES = 0x28000000, FILE_BYTES = 4096, MOST_GUEST_BITS = 6 };
enum { EIDELIVERY = 0x70, EITHRESHOLD = 0x72, EIP0 = 0x80, EIE0 = 0xc0 };
enum { APLIC = 0xd000000, DOMAINCFG = 0, SENDS_MESSAGES = 0x104, SOURCECFG = 0, LEVEL_HIGH = 6 };
enum { SETIENUM = 0x1edc, CLRIENUM = 0x1fdc, TARGET = 0x3000, TARGET_HART = 18 };
enum { SIE_EXTERNAL = 1 << 9 };

/* The serial port's wire, and the register that has it raised as long as there is room for a character. */
enum { UART_IRQ = 10, UART_IER = UART + 1, UART_IER_ROOM = 2 };

/* VIRTIO 1.2, "Virtio Over MMIO": the board's places, and the registers that a driver for one queue needs. */
enum { SLOTS = 0x10001000, SLOT_BYTES = 0x1000, SLOT_COUNT = 8, SLOT_IRQ = 1, ENTROPY = 4 };
enum { DEVICE_ID = 0x8, DRIVER_FEATURES = 0x20, DRIVER_FEATURES_SEL = 0x24, QUEUE_SEL = 0x30, QUEUE_NUM = 0x38 };
enum { QUEUE_READY = 0x44, QUEUE_NOTIFY = 0x50, INTERRUPT_STATUS = 0x60, INTERRUPT_ACK = 0x64, STATUS = 0x70 };
enum { QUEUE_DESC = 0x80, QUEUE_DRIVER = 0x90, QUEUE_DEVICE = 0xa0 };
enum { DRIVER = 3, FEATURES_OK = 8, DRIVER_OK = 4, VERSION_1_HIGH = 1, DEVICE_WRITES = 2 };
enum { QUEUE_SIZE = 8, ENTROPY_BYTES = 8 };

/* Identities of the interrupts. */
enum { PROBE = 1, MESSAGE = 2, SERIAL = 3, COMPLETION = 4 };

/* How long the other hart is left alone so that it sleeps: more than KVM's longest halt poll, 0.5 ms. */
enum { NAP_TICKS = 20000 };
/* How often each is done. */
enum { TIMES = 1000, NAPS = 100 };
/* Longer ones count as so long. */
enum { MOST_TICKS = 100000 };
/* Before the first, so that who runs this as a guest can put its threads where they shall be. */
enum { SETTLING_TICKS = 10000000 };
/* After which a message is lost. */
enum { PATIENCE_TICKS = 50000000 };

enum what { COMPUTES, SLEEPS };

/* The trap handler knows the first words; the rest of each area is its hart's stack. */
struct hart {
    uint64_t saved[3];
    volatile uint64_t claimed, identity, skipped;
    uint64_t rest[2042];
};
extern struct hart areas[2];
void start_second(void);

static volatile enum what second_does;
static volatile uint64_t second_is_ready, guest_bits, sums;
static uint64_t first, second;
static uint64_t entropy;

static struct { uint64_t address; uint32_t length; uint16_t flags, next; } descriptors[QUEUE_SIZE] __attribute__((aligned(16)));
static struct { uint16_t flags, index, ring[QUEUE_SIZE]; } available __attribute__((aligned(2)));
static struct { uint16_t flags, index; struct { uint32_t id, length; } ring[QUEUE_SIZE]; } used __attribute__((aligned(4)));
static uint8_t random_bytes[ENTROPY_BYTES];

static inline void write32(uint64_t address, uint64_t value) { *(volatile uint32_t *)address = (uint32_t)value; }
static inline uint32_t read32(uint64_t address) { return *(volatile uint32_t *)address; }

/* CSRs siselect, which names a register, and sireg, which is it. */
static inline void write_indirect(uint64_t number, uint64_t value)
{
    __asm__ volatile("csrw 0x150, %0; csrw 0x151, %1" : : "r"(number), "r"(value) : "memory");
}

static inline uint64_t read_indirect(uint64_t number)
{
    uint64_t value;
    __asm__ volatile("csrw 0x150, %1; csrr %0, 0x151" : "=r"(value) : "r"(number) : "memory");
    return value;
}

static uint64_t file_of(uint64_t hart, uint64_t bits) { return FILES + ((hart << bits) * FILE_BYTES); }

/* The calling hart's file takes everything, and interrupts come in. */
static void take_messages(void)
{
    write_indirect(EIDELIVERY, 1);
    write_indirect(EITHRESHOLD, 0);
    write_indirect(EIE0, ~1ul & ~(1ul << PROBE));
    __asm__ volatile("csrs sie, %0" : : "r"(SIE_EXTERNAL) : "memory");
    let_interrupts_in();
}

/* How many pages there are for each hart is told by where a message to the second one has to go. */
static void find_own_file(uint64_t hart)
{
    for (uint64_t bits = 0; bits <= MOST_GUEST_BITS; bits++) {
        write_indirect(EIP0, 0);
        write32(file_of(hart, bits), PROBE);
        __asm__ volatile("fence iorw, iorw" : : : "memory");
        if (read_indirect(EIP0) & 1ul << PROBE) {
            guest_bits = bits;
            write_indirect(EIP0, 0);
            return;
        }
    }
}

/* The second hart's whole life. */
void serve(uint64_t hart)
{
    if (hart == 1)
        find_own_file(hart);
    take_messages();
    second_is_ready = 1;
    for (uint64_t sum = 1;;) {
        while (second_does == SLEEPS)
            __asm__ volatile("wfi");
        for (int i = 0; i < 1000; i++)
            sum = sum * 3 + (sum >> 7);
        sums = sum;
    }
}

static void fail(const char *why)
{
    print("interrupts: ");
    print(why);
    print("\r\n");
    sbi(RESET, 0, 0, 0, 0, 0);
}

/* Waits until a hart has claimed more than `before`, which were all. */
static void wait_for(uint64_t hart, uint64_t before)
{
    uint64_t start = now();
    while (areas[hart].claimed == before)
        if (now() - start > PATIENCE_TICKS)
            fail("one was lost");
    if (areas[hart].claimed != before + 1)
        fail("one came twice");
}

static void send_self(void) { write32(file_of(first, guest_bits), MESSAGE); }
static void send_second(void) { write32(file_of(second, guest_bits), MESSAGE); }
static void raise_serial(void) { *(volatile uint8_t *)UART_IER = UART_IER_ROOM; }
static void drop_serial(void) { *(volatile uint8_t *)UART_IER = 0; }

/* Asks the entropy device for a few bytes. */
static void ask(void)
{
    available.ring[available.index % QUEUE_SIZE] = 0;
    __asm__ volatile("fence rw, rw" : : : "memory");
    available.index++;
    __asm__ volatile("fence rw, o" : : : "memory");
    write32(entropy + QUEUE_NOTIFY, 0);
}

static void acknowledge(void) { write32(entropy + INTERRUPT_ACK, read32(entropy + INTERRUPT_STATUS)); }
static void nothing(void) {}

/* A way for interrupts to come: `send` has one come to `hart`, and `drop` makes that possible again. */
struct way { const char *name; uint64_t hart; void (*send)(void), (*drop)(void); };

static uint64_t once(const struct way *way)
{
    uint64_t before = areas[way->hart].claimed, start = now();
    way->send();
    wait_for(way->hart, before);
    uint64_t ticks = now() - start;
    way->drop();
    return ticks;
}

/* How often something took so many ticks. */
static uint32_t counts[MOST_TICKS + 1];

/* Prints the median of `count` times, and forgets them. Between the ticks of the clock, times are taken to be even. */
static void report_median(const char *name, const char *how, uint64_t count)
{
    uint64_t below = 0, ticks = 0;
    while (2 * (below + counts[ticks]) < count)
        below += counts[ticks++];
    uint64_t hundredths = ticks * 100 + (count - 2 * below) * 50 / counts[ticks];
    for (uint64_t i = 0; i <= MOST_TICKS; i++)
        counts[i] = 0;
    print(name);
    report(how, (hundredths > 50 ? hundredths - 50 : 0) * count / 100, count);
}

/* Does it `count` times, after naps of so many ticks. */
static void repeat(const struct way *way, const char *how, uint64_t nap_ticks, uint64_t count)
{
    once(way);
    for (uint64_t i = 0; i < count; i++) {
        for (uint64_t end = now() + nap_ticks; now() < end;)
            ;
        uint64_t ticks = once(way);
        counts[ticks < MOST_TICKS ? ticks : MOST_TICKS]++;
    }
    report_median(way->name, how, count);
}

/* To a hart that runs. */
static void running(const struct way *way)
{
    second_does = COMPUTES;
    repeat(way, "-running", 0, TIMES);
}

/* To a hart that has slept. */
static void sleeping(const struct way *way)
{
    second_does = SLEEPS;
    repeat(way, "-sleeping", NAP_TICKS, NAPS);
}

static void lead(uint64_t source, uint64_t hart, uint64_t identity)
{
    /* A source that is inactive has no target. */
    write32(APLIC + SOURCECFG + 4 * source, LEVEL_HIGH);
    write32(APLIC + TARGET + 4 * source, hart << TARGET_HART | identity);
    write32(APLIC + SETIENUM, source);
}

/* Makes the entropy device's queue. Answers its wire, or 0 where there is no such device. */
static uint64_t find_entropy(void)
{
    for (uint64_t slot = 0; slot < SLOT_COUNT; slot++) {
        entropy = SLOTS + slot * SLOT_BYTES;
        if (read32(entropy + DEVICE_ID) != ENTROPY)
            continue;
        write32(entropy + STATUS, 0);
        write32(entropy + STATUS, DRIVER);
        write32(entropy + DRIVER_FEATURES_SEL, 1);
        write32(entropy + DRIVER_FEATURES, VERSION_1_HIGH);
        write32(entropy + DRIVER_FEATURES_SEL, 0);
        write32(entropy + DRIVER_FEATURES, 0);
        write32(entropy + STATUS, DRIVER | FEATURES_OK);
        write32(entropy + QUEUE_SEL, 0);
        write32(entropy + QUEUE_NUM, QUEUE_SIZE);
        write32(entropy + QUEUE_DESC, (uint64_t)descriptors);
        write32(entropy + QUEUE_DRIVER, (uint64_t)&available);
        write32(entropy + QUEUE_DEVICE, (uint64_t)&used);
        write32(entropy + QUEUE_READY, 1);
        descriptors[0].address = (uint64_t)random_bytes;
        descriptors[0].length = sizeof random_bytes;
        descriptors[0].flags = DEVICE_WRITES;
        write32(entropy + STATUS, DRIVER | FEATURES_OK | DRIVER_OK);
        return SLOT_IRQ + slot;
    }
    return 0;
}

/* What a look at a device costs, to compare. */
static void look(void)
{
    uint64_t start = now(), count = 0;
    for (; now() - start < ENOUGH_TICKS; count += 16)
        for (int i = 0; i < 16; i++)
            mmio_read();
    report("mmio-read", now() - start, count);
}

static void start_other(void)
{
    struct answer answer = sbi(HART_STATE, 0, (long)second, (long)start_second, 0, 0);
    if (answer.error)
        fail("there is no second hart");
    while (!second_is_ready)
        ;
}

void measure(uint64_t hart)
{
    (void)read_indirect(EIDELIVERY);
    if (areas[hart].skipped)
        fail("there is no AIA");
    first = hart;
    second = 1 - hart;
    if (first == 1)
        find_own_file(first);
    start_other();
    take_messages();
    struct way self = {"msi-self", first, send_self, nothing}, message = {"msi", second, send_second, nothing};
    struct way wire = {"wire", second, raise_serial, drop_serial}, notice = {"notice", first, ask, acknowledge};
    for (uint64_t end = now() + SETTLING_TICKS; now() < end;)
        ;
    look();
    running(&self);
    running(&message);
    sleeping(&message);
    write32(APLIC + DOMAINCFG, SENDS_MESSAGES);
    lead(UART_IRQ, second, SERIAL);
    running(&wire);
    sleeping(&wire);
    write32(APLIC + CLRIENUM, UART_IRQ);
    uint64_t irq = find_entropy();
    if (irq) {
        lead(irq, first, COMPLETION);
        second_does = SLEEPS;
        repeat(&notice, "-completion", 0, TIMES);
    }
    print("switches: done\r\n");
    sbi(RESET, 0, 0, 0, 0, 0);
}
