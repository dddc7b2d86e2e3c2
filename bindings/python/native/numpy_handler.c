/* SPDX-License-Identifier: Apache-2.0 OR MIT
 *
 * numpy_handler.c — memory handlers for numpy's arrays (NEP 49), over granary's extended calls.
 *
 * Role        granary/numpy.py puts a handler into a capsule and gives it to PyDataMem_SetHandler().
 * Owns        The handlers: one per combination of properties, kept for ever, since any array may still
 *             name it.
 * Invariants  N1  `size` of a free is not looked at: numpy's is not always the one it asked for.
 *             N2  what is not granary's goes to free(): numpy lets C code declare memory its own.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <granary/granary.h>

#define EXPORT __attribute__((visibility("default")))

/* PyDataMem_Handler, version 1 */
struct handler {
    char name[127];
    uint8_t version;
    void* ctx;
    void* (*malloc)(void* ctx, size_t size);
    void* (*calloc)(void* ctx, size_t count, size_t size);
    void* (*realloc)(void* ctx, void* pointer, size_t size);
    void (*free)(void* ctx, void* pointer, size_t size);
};

struct properties {
    int flags;  /* of granary_mallocx() */
    int advice; /* for madvise(), of whole huge pages; 0: as granary decides */
};

struct owned_handler {
    struct handler handler; /* first: the capsule points here */
    struct properties properties;
};

static const uintptr_t kHugePage = (uintptr_t)2 << 20;

/* Tells the kernel about the huge pages that lie wholly in a fresh block. */
static void* advise(const struct properties* properties, void* pointer, size_t size) {
    if (pointer && properties->advice != 0 && size >= kHugePage) {
        const uintptr_t begin = ((uintptr_t)pointer + kHugePage - 1) & ~(kHugePage - 1);
        const uintptr_t end = ((uintptr_t)pointer + size) & ~(kHugePage - 1);
        /* Advice may be refused, by a kernel without huge pages; the memory is as good. */
        if (begin < end)
            (void)madvise((void*)begin, end - begin, properties->advice);
    }
    return pointer;
}

static void* handler_malloc(void* ctx, size_t size) {
    const struct properties* const properties = ctx;
    return advise(properties, granary_mallocx(size ? size : 1, properties->flags), size);
}

static void* handler_calloc(void* ctx, size_t count, size_t size) {
    const struct properties* const properties = ctx;
    size_t bytes;
    if (__builtin_mul_overflow(count, size, &bytes))
        return NULL;
    return advise(properties,
                  granary_mallocx(bytes ? bytes : 1, properties->flags | GRANARY_MALLOCX_ZERO),
                  bytes);
}

static void* handler_realloc(void* ctx, void* pointer, size_t size) {
    const struct properties* const properties = ctx;
    if (pointer && !granary_owns_region(pointer))
        return realloc(pointer, size ? size : 1);
    return advise(properties, granary_rallocx(pointer, size ? size : 1, properties->flags), size);
}

static void handler_free(void* ctx, void* pointer, size_t size) {
    (void)ctx;
    (void)size;
    if (granary_owns_region(pointer))
        granary_free(pointer);
    else
        free(pointer);
}

/* A new handler, or a null pointer. `advice` is MADV_HUGEPAGE, MADV_NOHUGEPAGE or 0. */
EXPORT void* granary_numpy_handler(const char* name, unsigned lg_alignment, int advice) {
    struct owned_handler* const owned = calloc(1, sizeof *owned);
    if (!owned)
        return NULL;
    strncpy(owned->handler.name, name, sizeof owned->handler.name - 1);
    owned->properties =
        (struct properties){GRANARY_MALLOCX_LG_ALIGN(lg_alignment), advice};
    owned->handler.version = 1;
    owned->handler.ctx = &owned->properties;
    owned->handler.malloc = handler_malloc;
    owned->handler.calloc = handler_calloc;
    owned->handler.realloc = handler_realloc;
    owned->handler.free = handler_free;
    return &owned->handler;
}
