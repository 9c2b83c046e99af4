/* Counters in random pages: more pages than an address-translation cache that is looked at first has room for. */
#include "work.h"

enum { PAGES = 4096, PAGE_WORDS = 512, LINE_WORDS = 8, LINES = PAGE_WORDS / LINE_WORDS, STEPS = 8000000 };
static const uint64_t EXPECTED = 0x5f738cef6d535f22u;

static uint64_t words[PAGES][PAGE_WORDS];

/* The pages' counters are in different lines, as far as a page has lines. */
static uint64_t *counter(uint64_t page)
{
    return &words[page][page % LINES * LINE_WORDS];
}

int work(void)
{
    uint64_t seed = 0x0123456789abcdefu, sum = 0;
    for (int i = 0; i < STEPS; i++)
        sum = mix(sum, ++*counter(next_random(&seed) % PAGES));
    return sum == EXPECTED ? 0 : 2;
}
