/*
 * What the programs of this folder have in common: the board, the firmware's calls, the clock, and lines on the serial port.
 */
#pragma once

#include <stdint.h>

enum { UART = 0x10000000, UART_SCRATCH = UART + 7, UART_STATUS = UART + 5, UART_READY = 1 << 5 };
enum { BASE = 0x10, TIME = 0x54494d45, IPI = 0x735049, RFENCE = 0x52464e43, RESET = 0x53525354, HART_STATE = 0x48534d };
enum { SSTATUS_SIE = 1 << 1 };

/* The virt board's time base is 10 MHz. */
enum { NANOSECONDS_PER_TICK = 100 };

/* An operation is repeated until this has passed. */
enum { ENOUGH_TICKS = 1000000 };

struct answer { long error, value; };

static inline struct answer sbi(long extension, long function, long a, long b, long c, long d)
{
    register long a0 __asm__("a0") = a;
    register long a1 __asm__("a1") = b;
    register long a2 __asm__("a2") = c;
    register long a3 __asm__("a3") = d;
    register long a6 __asm__("a6") = function;
    register long a7 __asm__("a7") = extension;
    __asm__ volatile("ecall" : "+r"(a0), "+r"(a1) : "r"(a2), "r"(a3), "r"(a6), "r"(a7) : "memory");
    return (struct answer){a0, a1};
}

static inline uint64_t now(void)
{
    uint64_t ticks;
    __asm__ volatile("csrr %0, time" : "=r"(ticks));
    return ticks;
}

static inline void let_interrupts_in(void) { __asm__ volatile("csrs sstatus, %0" : : "i"(SSTATUS_SIE) : "memory"); }
static inline void keep_interrupts_out(void) { __asm__ volatile("csrc sstatus, %0" : : "i"(SSTATUS_SIE) : "memory"); }

static void print_char(char c)
{
    while (!(*(volatile uint8_t *)UART_STATUS & UART_READY))
        ;
    *(volatile uint8_t *)UART = (uint8_t)c;
}

static void print(const char *text)
{
    while (*text)
        print_char(*text++);
}

static void print_number(uint64_t number)
{
    if (number >= 10)
        print_number(number / 10);
    print_char((char)('0' + number % 10));
}

/* Prints a line: nanoseconds for one of `count`, with two digits after the point. */
static void report(const char *name, uint64_t ticks, uint64_t count)
{
    uint64_t hundredths = ticks * NANOSECONDS_PER_TICK * 100 / count;
    print(name);
    print_char(' ');
    print_number(hundredths / 100);
    print_char('.');
    print_char((char)('0' + hundredths / 10 % 10));
    print_char((char)('0' + hundredths % 10));
    print_char(' ');
    print_number(count);
    print("\r\n");
}

static void mmio_read(void) { (void)*(volatile uint8_t *)UART_SCRATCH; }
