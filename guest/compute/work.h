/* What every compute program has in common. */
#ifndef WORK_H
#define WORK_H

#include <stddef.h>
#include <stdint.h>

/* Does the work and checks its result: 0 where it is right. */
int work(void);

/* The next of a sequence of pseudo-random numbers (xorshift64). */
static inline uint64_t next_random(uint64_t *state)
{
    uint64_t x = *state;
    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
    return *state = x;
}

/* Folds `value` into a checksum. */
static inline uint64_t mix(uint64_t sum, uint64_t value)
{
    return (sum ^ value) * 0x9e3779b97f4a7c15u + 1;
}

#endif
