/* SPDX-License-Identifier: Apache-2.0 OR MIT
 *
 * cpython_hooks.c — functions that CPython calls as its allocators, each over the one it replaced.
 *
 * Role        Installed by granary/python.py through PyMem_SetAllocator() and
 *             PyObject_SetArenaAllocator(). No header of Python's: the two structs are spelled here, so
 *             that one binary serves every version.
 * Invariants  H1  `below` of a domain is written before its table is shown to Python, never after.
 *             H2  a region goes back to whoever it came from: granary_owns_region() tells. It looks for
 *                 the start of a region, since pymalloc's blocks lie inside arenas that may be granary's,
 *                 and debug hooks hand out the inside of what they get.
 *             H3  no function here looks at ctx, and a table carries the ctx of the one it replaces: a
 *                 reader that sees half of an old table and half of a new one calls what works.
 *             H4  until `routed` is set everything goes below: whoever still holds a pointer into the
 *                 old table meets only memory that the old table knows.
 * Locking     None. RAW is called without the interpreter's lock, and domains of interpreters with locks
 *             of their own at once.
 */
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <granary/granary.h>

#define EXPORT __attribute__((visibility("default")))

/* PyMemAllocatorEx */
struct allocator {
    void* ctx;
    void* (*malloc)(void* ctx, size_t size);
    void* (*calloc)(void* ctx, size_t count, size_t size);
    void* (*realloc)(void* ctx, void* pointer, size_t size);
    void (*free)(void* ctx, void* pointer);
};

/* PyObjectArenaAllocator */
struct arena_allocator {
    void* ctx;
    void* (*alloc)(void* ctx, size_t size);
    void (*free)(void* ctx, void* pointer, size_t size);
};

struct domain {
    struct allocator below;
    struct allocator table;
    atomic_int routed;
    atomic_uint_fast64_t foreign_frees;
    atomic_uint_fast64_t foreign_reallocs;
};

enum { kRaw, kMem, kObj, kDomains };

static struct domain domains[kDomains];

/* Every domain has functions of its own (H3). The interpreter wants a pointer for 0 bytes. */
static void* take(struct domain* domain, size_t size) {
    /* ORDER: acquire, pairs with granary_python_route(): who sees the routing sees the whole table. */
    if (atomic_load_explicit(&domain->routed, memory_order_acquire))
        return granary_malloc(size);
    return domain->below.malloc(domain->below.ctx, size);
}

static void* take_zeroed(struct domain* domain, size_t count, size_t size) {
    /* ORDER: acquire, as above. */
    if (atomic_load_explicit(&domain->routed, memory_order_acquire))
        return granary_calloc(count, size);
    return domain->below.calloc(domain->below.ctx, count, size);
}

static void* resize(struct domain* domain, void* pointer, size_t size) {
    if (!pointer)
        return take(domain, size);
    if (granary_owns_region(pointer))
        return granary_realloc(pointer, size ? size : 1);
    atomic_fetch_add_explicit(&domain->foreign_reallocs, 1, memory_order_relaxed);
    return domain->below.realloc(domain->below.ctx, pointer, size);
}

static void give(struct domain* domain, void* pointer) {
    if (!pointer)
        return;
    if (granary_owns_region(pointer)) {
        granary_free(pointer);
        return;
    }
    atomic_fetch_add_explicit(&domain->foreign_frees, 1, memory_order_relaxed);
    domain->below.free(domain->below.ctx, pointer);
}

#define DOMAIN_FUNCTIONS(name, index)                                                            \
    static void* name##_malloc(void* ctx, size_t size) {                                         \
        (void)ctx;                                                                               \
        return take(&domains[index], size);                                                      \
    }                                                                                            \
    static void* name##_calloc(void* ctx, size_t count, size_t size) {                           \
        (void)ctx;                                                                               \
        return take_zeroed(&domains[index], count, size);                                        \
    }                                                                                            \
    static void* name##_realloc(void* ctx, void* pointer, size_t size) {                         \
        (void)ctx;                                                                               \
        return resize(&domains[index], pointer, size);                                           \
    }                                                                                            \
    static void name##_free(void* ctx, void* pointer) {                                          \
        (void)ctx;                                                                               \
        give(&domains[index], pointer);                                                          \
    }

DOMAIN_FUNCTIONS(raw, kRaw)
DOMAIN_FUNCTIONS(mem, kMem)
DOMAIN_FUNCTIONS(obj, kObj)

static const struct allocator functions[kDomains] = {
    {NULL, raw_malloc, raw_calloc, raw_realloc, raw_free},
    {NULL, mem_malloc, mem_calloc, mem_realloc, mem_free},
    {NULL, obj_malloc, obj_calloc, obj_realloc, obj_free},
};

/* What was noted; ctx and functions are null before. */
EXPORT const struct allocator* granary_python_below(int index) {
    return &domains[index].below;
}

EXPORT const struct allocator* granary_python_table(int index) {
    return &domains[index].table;
}

/* New memory from granary, or from below. What there is goes on going where it belongs. */
EXPORT void granary_python_route(int index, int on) {
    /* ORDER: release, pairs with take(). */
    atomic_store_explicit(&domains[index].routed, on, memory_order_release);
}

EXPORT int granary_python_routed(int index) {
    return atomic_load_explicit(&domains[index].routed, memory_order_relaxed);
}

EXPORT uint64_t granary_python_foreign_frees(int index) {
    return atomic_load_explicit(&domains[index].foreign_frees, memory_order_relaxed);
}

EXPORT uint64_t granary_python_foreign_reallocs(int index) {
    return atomic_load_explicit(&domains[index].foreign_reallocs, memory_order_relaxed);
}

/* ---- pymalloc's arenas ---------------------------------------------------------------------- */

/* pymalloc cuts pools of 16 KiB (4 KiB before 3.10), aligned to their size: none is lost this way. */
enum { kLgPool = 14 };

static struct {
    struct arena_allocator below;
    struct arena_allocator table;
    atomic_int routed;
    atomic_uint_fast64_t foreign_frees;
    atomic_uint_fast64_t taken;
} arenas;

static void* arena_alloc(void* ctx, size_t size) {
    (void)ctx;
    /* ORDER: acquire, as in take(). */
    if (!atomic_load_explicit(&arenas.routed, memory_order_acquire))
        return arenas.below.alloc(arenas.below.ctx, size);
    atomic_fetch_add_explicit(&arenas.taken, 1, memory_order_relaxed);
    return granary_mallocx(size, GRANARY_MALLOCX_LG_ALIGN(kLgPool));
}

static void arena_free(void* ctx, void* pointer, size_t size) {
    (void)ctx;
    if (granary_owns_region(pointer)) {
        granary_free(pointer);
        return;
    }
    atomic_fetch_add_explicit(&arenas.foreign_frees, 1, memory_order_relaxed);
    arenas.below.free(arenas.below.ctx, pointer, size);
}

EXPORT const struct arena_allocator* granary_python_arenas_below(void) {
    return &arenas.below;
}

EXPORT const struct arena_allocator* granary_python_arenas_table(void) {
    return &arenas.table;
}

EXPORT void granary_python_arenas_route(int on) {
    /* ORDER: release, pairs with arena_alloc(). */
    atomic_store_explicit(&arenas.routed, on, memory_order_release);
}

EXPORT int granary_python_arenas_routed(void) {
    return atomic_load_explicit(&arenas.routed, memory_order_relaxed);
}

EXPORT uint64_t granary_python_arenas_foreign_frees(void) {
    return atomic_load_explicit(&arenas.foreign_frees, memory_order_relaxed);
}

/* Arenas that pymalloc has had from granary. */
EXPORT uint64_t granary_python_arenas_taken(void) {
    return atomic_load_explicit(&arenas.taken, memory_order_relaxed);
}

/* ---- Installation --------------------------------------------------------------------------- */

/* CPython's functions, as Python found them. */
struct interpreter {
    void (*get)(int domain, struct allocator* table);
    void (*set)(int domain, struct allocator* table);
    void (*get_arenas)(struct arena_allocator* table);
    void (*set_arenas)(struct arena_allocator* table);
};

static int is_as_seen(const struct interpreter* python, const struct allocator* seen,
                      const struct arena_allocator* seen_arenas) {
    for (int k = 0; k < kDomains; ++k) {
        struct allocator now;
        python->get(k, &now);
        if (memcmp(&now, &seen[k], sizeof now) != 0)
            return 0;
    }
    struct arena_allocator now;
    python->get_arenas(&now);
    return memcmp(&now, seen_arenas, sizeof now) == 0;
}

/* Puts granary's tables over those of the domains in `mask` (1 << domain; 1 << kDomains: the arenas),
 * routing nothing yet. `seen` is what the caller decided by; 0, and nothing is done, if somebody has
 * changed a table since. The interpreter's lock is held from the look to the last table. */
EXPORT int granary_python_publish(unsigned mask, const struct interpreter* python,
                                  const struct allocator seen[kDomains],
                                  const struct arena_allocator* seen_arenas) {
    if (!is_as_seen(python, seen, seen_arenas))
        return 0;
    for (int k = 0; k < kDomains; ++k) {
        struct domain* const domain = &domains[k];
        if (!(mask & 1U << k))
            continue;
        if (!domain->below.malloc) { /* H1 */
            domain->below = seen[k];
            domain->table = functions[k];
            domain->table.ctx = seen[k].ctx;
        }
        python->set(k, &domain->table);
    }
    if (mask & 1U << kDomains) {
        if (!arenas.below.alloc) {
            arenas.below = *seen_arenas;
            arenas.table = (struct arena_allocator){seen_arenas->ctx, arena_alloc, arena_free};
        }
        python->set_arenas(&arenas.table);
    }
    return 1;
}
