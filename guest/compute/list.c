/* A linked list that is searched and turned around, and a CRC over what is found: pointers, and short branches. */
#include "work.h"

enum { NODES = 2000, ROUNDS = 4000 };
static const uint64_t EXPECTED = 0x91dea856u;

struct node {
    struct node *next;
    uint32_t key;
    uint32_t value;
};

static struct node nodes[NODES];

/* Links the nodes in random order. */
static struct node *build(uint64_t *seed)
{
    static uint16_t order[NODES];
    for (int i = 0; i < NODES; i++)
        order[i] = (uint16_t)i;
    for (int i = NODES - 1; i > 0; i--) {
        int j = (int)(next_random(seed) % (uint64_t)(i + 1));
        uint16_t t = order[i];
        order[i] = order[j];
        order[j] = t;
    }
    struct node *head = NULL;
    for (int i = 0; i < NODES; i++) {
        struct node *n = &nodes[order[i]];
        n->key = (uint32_t)i;
        n->value = (uint32_t)next_random(seed);
        n->next = head;
        head = n;
    }
    return head;
}

static struct node *reverse(struct node *head)
{
    struct node *turned = NULL;
    while (head) {
        struct node *next = head->next;
        head->next = turned;
        turned = head;
        head = next;
    }
    return turned;
}

static struct node *find(struct node *head, uint32_t key)
{
    while (head && head->key != key)
        head = head->next;
    return head;
}

/* CRC-32, bit by bit. */
static uint32_t crc(uint32_t sum, uint32_t data)
{
    for (int bit = 0; bit < 32; bit++) {
        uint32_t odd = (sum ^ data) & 1;
        sum >>= 1;
        if (odd)
            sum ^= 0xedb88320u;
        data >>= 1;
    }
    return sum;
}

int work(void)
{
    uint64_t seed = 0x123456789abcdefu;
    struct node *head = build(&seed);
    uint32_t sum = ~0u;
    for (int round = 0; round < ROUNDS; round++) {
        head = reverse(head);
        struct node *found = find(head, (uint32_t)(next_random(&seed) % NODES));
        if (!found)
            return 1;
        for (int i = 0; i < 1000 && found; i++, found = found->next)
            sum = crc(sum, found->value);
    }
    return sum == (uint32_t)EXPECTED ? 0 : 2;
}
