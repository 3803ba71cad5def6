#include <stdlib.h>

#define SQUARE(x) ((x) * (x))

/* A list of numbers that grows. */
struct list {
    int *items;
    size_t length, capacity;
};

/*
 * Adds a number to the end of the list, which is made twice as large where it is full. Returns 0 where there is
 * no memory, and leaves the list as it was.
 */
int list_push(struct list *list, int item) {
    if (list->length == list->capacity) {
        size_t capacity = list->capacity ? list->capacity * 2 : 8;
        int *items = realloc(list->items, capacity * sizeof *items);
        if (!items) return 0;
        list->items = items;
        list->capacity = capacity;
    }
    list->items[list->length++] = item;
    return 1;
}

static void *unused(void) { return NULL; }
