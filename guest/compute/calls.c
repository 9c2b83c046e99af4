/* Calls: through a table of pointers that random numbers index, and the recursion of Fibonacci. */
#include "work.h"

enum { CALLS = 20000000, FIBONACCI = 35 };
static const uint64_t EXPECTED = 0xa67077b687fb36bu;

typedef uint64_t operation(uint64_t a, uint64_t b);

static uint64_t add(uint64_t a, uint64_t b) { return a + b; }
static uint64_t subtract(uint64_t a, uint64_t b) { return a - b; }
static uint64_t exclusive(uint64_t a, uint64_t b) { return a ^ b; }
static uint64_t product(uint64_t a, uint64_t b) { return a * (b | 1); }
static uint64_t rotated(uint64_t a, uint64_t b) { return (a << 7 | a >> 57) + b; }
static uint64_t larger(uint64_t a, uint64_t b) { return a > b ? a : b + 3; }
static uint64_t shifted(uint64_t a, uint64_t b) { return a + (b >> 5); }
static uint64_t turned(uint64_t a, uint64_t b) { return ~a + b; }

static operation *volatile const table[8] = {add, subtract, exclusive, product, rotated, larger, shifted, turned};

__attribute__((noinline, optimize("no-optimize-sibling-calls"))) static uint32_t fibonacci(uint32_t n)
{
    /* The second call is hidden from the compiler, which would make a loop of it. */
    uint32_t (*volatile again)(uint32_t) = fibonacci;
    return n < 2 ? n : fibonacci(n - 1) + again(n - 2);
}

int work(void)
{
    uint64_t seed = 0xfeedfacecafebeefu, sum = 1;
    for (int i = 0; i < CALLS; i++) {
        uint64_t r = next_random(&seed);
        sum = table[r & 7](sum, r);
    }
    sum = mix(sum, fibonacci(FIBONACCI));
    return sum == EXPECTED ? 0 : 2;
}
