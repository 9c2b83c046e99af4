/* The product of matrices in double precision: loads, fused multiplications and additions. */
#include "work.h"

enum { SIZE = 128, ROUNDS = 60 };
static const uint64_t EXPECTED = 0x4712971bc5086730u;

static double a[SIZE][SIZE], b[SIZE][SIZE], c[SIZE][SIZE];

static void fill(double m[SIZE][SIZE], uint64_t seed)
{
    for (int i = 0; i < SIZE; i++)
        for (int j = 0; j < SIZE; j++)
            m[i][j] = (double)(next_random(&seed) >> 11) * 0x1p-53;
}

static void multiply(void)
{
    for (int i = 0; i < SIZE; i++)
        for (int j = 0; j < SIZE; j++) {
            double sum = 0;
            for (int k = 0; k < SIZE; k++)
                sum += a[i][k] * b[k][j];
            c[i][j] = sum;
        }
}

/* The next factor is the product, brought back to the size of its beginning. */
static void feed_back(void)
{
    for (int i = 0; i < SIZE; i++)
        for (int j = 0; j < SIZE; j++)
            a[i][j] = c[i][j] / SIZE + 0.25;
}

int work(void)
{
    fill(a, 1234567);
    fill(b, 7654321);
    for (int round = 0; round < ROUNDS; round++) {
        multiply();
        feed_back();
    }
    uint64_t sum = 0;
    for (int i = 0; i < SIZE; i++) {
        union { double value; uint64_t bits; } element = {c[i][i]};
        sum = mix(sum, element.bits);
    }
    return sum == EXPECTED ? 0 : 2;
}
