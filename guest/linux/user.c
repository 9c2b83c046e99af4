/* A compute program as a process of Linux, without a library: does the work, and prints how many nanoseconds it took. */
#include "work.h"

enum { STDOUT = 1, CLOCK_MONOTONIC = 1 };
enum { SYS_WRITE = 64, SYS_EXIT = 93, SYS_CLOCK_GETTIME = 113 };

static long system_call(long number, long a, long b, long c)
{
    register long a7 asm("a7") = number;
    register long a0 asm("a0") = a;
    register long a1 asm("a1") = b;
    register long a2 asm("a2") = c;
    asm volatile("ecall" : "+r"(a0) : "r"(a7), "r"(a1), "r"(a2) : "memory");
    return a0;
}

static uint64_t now(void)
{
    struct { int64_t seconds, nanoseconds; } time;
    system_call(SYS_CLOCK_GETTIME, CLOCK_MONOTONIC, (long)&time, 0);
    return (uint64_t)time.seconds * 1000000000u + (uint64_t)time.nanoseconds;
}

static void print(uint64_t number)
{
    char text[24];
    int at = sizeof text;
    text[--at] = '\n';
    do
        text[--at] = (char)('0' + number % 10);
    while (number /= 10);
    system_call(SYS_WRITE, STDOUT, (long)&text[at], (long)sizeof text - at);
}

__attribute__((noreturn, used)) void user_main(void)
{
    uint64_t start = now();
    long result = work();
    print(now() - start);
    for (;;)
        system_call(SYS_EXIT, result, 0, 0);
}

/* Linux aligns the stack. */
asm(".globl _start\n_start:\n\t.option push\n\t.option norelax\n\tla gp, __global_pointer$\n\t.option pop\n\tj user_main\n");
