/* Sorting: a quicksort with insertion sort below, over random numbers. Branches that nothing predicts. */
#include "work.h"

enum { COUNT = 100000, ROUNDS = 52, SMALL = 12 };
static const uint64_t EXPECTED = 0xb43f23f27137fae1u;

static uint32_t numbers[COUNT];

static void insertion(uint32_t *a, long count)
{
    for (long i = 1; i < count; i++) {
        uint32_t x = a[i];
        long j = i;
        for (; j > 0 && a[j - 1] > x; j--)
            a[j] = a[j - 1];
        a[j] = x;
    }
}

static uint32_t middle(uint32_t a, uint32_t b, uint32_t c)
{
    if (a < b)
        return b < c ? b : a < c ? c : a;
    return a < c ? a : b < c ? c : b;
}

static void sort(uint32_t *a, long count)
{
    while (count > SMALL) {
        uint32_t pivot = middle(a[0], a[count / 2], a[count - 1]);
        long low = 0, high = count - 1;
        while (low <= high) {
            while (a[low] < pivot)
                low++;
            while (a[high] > pivot)
                high--;
            if (low <= high) {
                uint32_t t = a[low];
                a[low++] = a[high];
                a[high--] = t;
            }
        }
        sort(a, high + 1);
        a += low;
        count -= low;
    }
    insertion(a, count);
}

int work(void)
{
    uint64_t seed = 88172645463325252u, sum = 0;
    for (int round = 0; round < ROUNDS; round++) {
        for (int i = 0; i < COUNT; i++)
            numbers[i] = (uint32_t)next_random(&seed);
        sort(numbers, COUNT);
        for (int i = 1; i < COUNT; i++) {
            if (numbers[i - 1] > numbers[i])
                return 1;
        }
        sum = mix(sum, numbers[round * 997]);
    }
    return sum == EXPECTED ? 0 : 2;
}
