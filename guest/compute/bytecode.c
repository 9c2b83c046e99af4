/* A virtual machine for bytecode, whose program sieves primes: one indirect jump for each of its instructions. */
#include "work.h"

enum { LIMIT = 8192, ROUNDS = 210, STACK = 16 };
static const uint64_t EXPECTED = 0xb797fbbed1f919d6u;

enum code { PUSH, LOAD, STORE, ADD, LESS, JUMP, JUMP_IF_NOT, FETCH, PUT, STOP };

enum variable { I, J, COUNT_, VARIABLES };

/* for (i = 2; i < LIMIT; i++) if (!flag[i]) { count++; for (j = i + i; j < LIMIT; j += i) flag[j] = 1; } */
static const int16_t program[] = {
    /*  0 */ PUSH, 2, STORE, I, PUSH, 0, STORE, COUNT_,
    /*  8 */ LOAD, I, PUSH, LIMIT, LESS, JUMP_IF_NOT, 62,
    /* 15 */ LOAD, I, FETCH, JUMP_IF_NOT, 22, JUMP, 53,
    /* 22 */ LOAD, COUNT_, PUSH, 1, ADD, STORE, COUNT_,
    /* 29 */ LOAD, I, LOAD, I, ADD, STORE, J,
    /* 36 */ LOAD, J, PUSH, LIMIT, LESS, JUMP_IF_NOT, 53,
    /* 43 */ PUSH, 1, LOAD, J, PUT, LOAD, J, JUMP, 63,
    /* 52 */ STOP,
    /* 53 */ LOAD, I, PUSH, 1, ADD, STORE, I, JUMP, 8,
    /* 62 */ STOP,
    /* 63 */ LOAD, I, ADD, STORE, J, JUMP, 36,
};

static uint8_t flags[LIMIT];

static int64_t run(const int16_t *code)
{
    int64_t stack[STACK], variables[VARIABLES] = {0};
    int64_t *top = stack;
    for (const int16_t *at = code;;) {
        switch (*at++) {
        case PUSH: *top++ = *at++; break;
        case LOAD: *top++ = variables[*at++]; break;
        case STORE: variables[*at++] = *--top; break;
        case ADD: top--; top[-1] += top[0]; break;
        case LESS: top--; top[-1] = top[-1] < top[0]; break;
        case JUMP: at = code + *at; break;
        case JUMP_IF_NOT: at = *--top ? at + 1 : code + *at; break;
        case FETCH: top[-1] = flags[top[-1]]; break;
        case PUT: top -= 2; flags[top[1]] = (uint8_t)top[0]; break;
        case STOP: return variables[COUNT_];
        default: return -1;
        }
    }
}

int work(void)
{
    uint64_t sum = 0;
    for (int round = 0; round < ROUNDS; round++) {
        for (int i = 0; i < LIMIT; i++)
            flags[i] = 0;
        sum = mix(sum, (uint64_t)run(program));
    }
    return sum == EXPECTED ? 0 : 2;
}
