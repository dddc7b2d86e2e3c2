/* SPDX-License-Identifier: Apache-2.0 OR MIT
 *
 * granary.h — the C interface of granary, a general-purpose memory allocator.
 *
 * Two libraries have these names. libgranary has nothing else and can be linked into anything;
 * libgranary_malloc has also malloc(), free() and the rest of the C library's set and the C++
 * operators new and delete, and takes over a whole program, also by LD_PRELOAD.
 *
 * Memory   from any allocating function may go to granary_free() or granary_realloc(). In a
 *          program that runs on libgranary_malloc the names with and without prefix are the same
 *          functions. Addresses from anywhere else end the program with a message that names the
 *          misuse; so do freed and interior ones.
 * errno    ENOMEM when memory is exhausted or the size is above PTRDIFF_MAX, EINVAL for a bad
 *          alignment; untouched by success and by every function that frees.
 * Threads  every function may be called by any thread at any time, also in a forked child.
 *          None is async-signal-safe.
 * Options  in the environment as GRANARY_CONF=key:value,key:value (MALLOC_CONF too), see
 *          docs/options.md.
 *
 * Valid C99 and C++11.
 */
#ifndef GRANARY_GRANARY_H
#define GRANARY_GRANARY_H

#include <stddef.h>
#include <stdint.h>

/* The version, major.minor.bugfix; mallctl("version") adds the revision of the build. */
#define GRANARY_VERSION_MAJOR 0
#define GRANARY_VERSION_MINOR 1
#define GRANARY_VERSION_BUGFIX 0
#define GRANARY_VERSION "0.1.0"

#if defined(__GNUC__) || defined(__clang__)
#define GRANARY_API __attribute__((visibility("default")))
/* Returns memory that nothing else points to. */
#define GRANARY_ATTR_MALLOC __attribute__((malloc, warn_unused_result))
#define GRANARY_ATTR_SIZE(n) __attribute__((alloc_size(n)))
#define GRANARY_ATTR_SIZES(k, n) __attribute__((alloc_size(k, n)))
#define GRANARY_ATTR_ALIGN(n) __attribute__((alloc_align(n)))
#define GRANARY_ATTR_UNUSED_RESULT __attribute__((warn_unused_result))
#else
#define GRANARY_API
#define GRANARY_ATTR_MALLOC
#define GRANARY_ATTR_SIZE(n)
#define GRANARY_ATTR_SIZES(k, n)
#define GRANARY_ATTR_ALIGN(n)
#define GRANARY_ATTR_UNUSED_RESULT
#endif

#ifdef __cplusplus
#define GRANARY_NOEXCEPT noexcept
extern "C" {
#elif defined(__GNUC__) || defined(__clang__)
#define GRANARY_NOEXCEPT __attribute__((nothrow))
#else
#define GRANARY_NOEXCEPT
#endif

/* ---- Allocation -------------------------------------------------------------------------- */

/* `size` bytes or more, aligned for any type that fits in them: to 16 bytes, to 8 below 16.
 * malloc(0) gives a unique pointer. */
GRANARY_API void* granary_malloc(size_t size) GRANARY_NOEXCEPT GRANARY_ATTR_MALLOC
    GRANARY_ATTR_SIZE(1);

/* count * size bytes, all of them zero. An overflowing product is ENOMEM. */
GRANARY_API void* granary_calloc(size_t count, size_t size) GRANARY_NOEXCEPT GRANARY_ATTR_MALLOC
    GRANARY_ATTR_SIZES(1, 2);

/* Resizes, in place where possible. A null pointer allocates. Size 0 frees and returns a null
 * pointer. On failure the old memory is as it was. */
GRANARY_API void* granary_realloc(void* pointer,
                                  size_t size) GRANARY_NOEXCEPT GRANARY_ATTR_UNUSED_RESULT
    GRANARY_ATTR_SIZE(2);

/* The same for count * size bytes; an overflowing product is ENOMEM. */
GRANARY_API void* granary_reallocarray(void* pointer, size_t count,
                                       size_t size) GRANARY_NOEXCEPT GRANARY_ATTR_UNUSED_RESULT
    GRANARY_ATTR_SIZES(2, 3);

/* ---- Aligned allocation -------------------------------------------------------------------
 * Any power of two is an alignment; the size need not be a multiple of it. */

/* EINVAL unless `alignment` is a power of two. */
GRANARY_API void* granary_aligned_alloc(size_t alignment,
                                        size_t size) GRANARY_NOEXCEPT GRANARY_ATTR_MALLOC
    GRANARY_ATTR_ALIGN(1) GRANARY_ATTR_SIZE(2);

/* Stores the address in *out and returns 0, or returns ENOMEM, or EINVAL unless `alignment` is a
 * power of two and a multiple of sizeof(void *). A failure leaves *out alone; errno is never set. */
GRANARY_API int granary_posix_memalign(void** out, size_t alignment,
                                       size_t size) GRANARY_NOEXCEPT GRANARY_ATTR_UNUSED_RESULT;

/* As granary_aligned_alloc(). */
GRANARY_API void* granary_memalign(size_t alignment,
                                   size_t size) GRANARY_NOEXCEPT GRANARY_ATTR_MALLOC
    GRANARY_ATTR_ALIGN(1) GRANARY_ATTR_SIZE(2);

/* Aligned to the system's page. */
GRANARY_API void* granary_valloc(size_t size) GRANARY_NOEXCEPT GRANARY_ATTR_MALLOC
    GRANARY_ATTR_SIZE(1);

/* Whole pages: aligned to the system's page, the size rounded up to a multiple of it (size 0 is
 * one page). */
GRANARY_API void* granary_pvalloc(size_t size) GRANARY_NOEXCEPT GRANARY_ATTR_MALLOC
    GRANARY_ATTR_SIZE(1);

/* ---- Freeing ------------------------------------------------------------------------------
 * A null pointer is a no-op in all three. */

GRANARY_API void granary_free(void* pointer) GRANARY_NOEXCEPT;

/* Faster where the size is known: anything from the size asked for to the usable size, of memory
 * that did not come from one of the aligned functions. */
GRANARY_API void granary_free_sized(void* pointer, size_t size) GRANARY_NOEXCEPT;

/* For memory of granary_aligned_alloc(alignment, size) and the other aligned functions. */
GRANARY_API void granary_free_aligned_sized(void* pointer, size_t alignment,
                                            size_t size) GRANARY_NOEXCEPT;

/* ---- Extended calls -----------------------------------------------------------------------
 * jemalloc's *allocx functions. `flags` is any of these, or'd together: */

/* Alignment 2^la, or `a`, a power of two. */
#define GRANARY_MALLOCX_LG_ALIGN(la) ((int)(la))
#define GRANARY_MALLOCX_ALIGN(a) ((int)(__builtin_ffsll((long long)(a)) - 1))
/* Every usable byte is zero; for rallocx and xallocx, those beyond the old usable size. */
#define GRANARY_MALLOCX_ZERO ((int)0x40)
/* By the thread cache of that number (mallctl "tcache.create", at most 4093), or by none. */
#define GRANARY_MALLOCX_TCACHE(tc) ((int)(((tc) + 2) << 8))
#define GRANARY_MALLOCX_TCACHE_NONE GRANARY_MALLOCX_TCACHE(-1)
/* From the arena of that index; the thread's own cache is then left alone. */
#define GRANARY_MALLOCX_ARENA(index) ((int)(((unsigned)(index) + 1U) << 20))

/* All of these take a null pointer: rallocx allocates, the others do nothing and return 0. None
 * sets errno. */

/* `size` bytes or more; a null pointer if there is no memory, or no such arena. */
GRANARY_API void* granary_mallocx(size_t size, int flags) GRANARY_NOEXCEPT GRANARY_ATTR_MALLOC
    GRANARY_ATTR_SIZE(1);

/* Resizes, moving if need be. On failure the old memory is as it was. */
GRANARY_API void* granary_rallocx(void* pointer, size_t size,
                                  int flags) GRANARY_NOEXCEPT GRANARY_ATTR_UNUSED_RESULT
    GRANARY_ATTR_SIZE(2);

/* Resizes in place, to size + extra bytes, else to `size`, else not at all. Returns the usable size
 * then. */
GRANARY_API size_t granary_xallocx(void* pointer, size_t size, size_t extra,
                                   int flags) GRANARY_NOEXCEPT;

/* The usable size. */
GRANARY_API size_t granary_sallocx(const void* pointer, int flags) GRANARY_NOEXCEPT;

/* Frees; of the flags the thread cache counts. */
GRANARY_API void granary_dallocx(void* pointer, int flags) GRANARY_NOEXCEPT;

/* The same, with a size from what was asked for to the usable size, and the alignment that was
 * asked for in the flags. */
GRANARY_API void granary_sdallocx(void* pointer, size_t size, int flags) GRANARY_NOEXCEPT;

/* The usable size that granary_mallocx(size, flags) would give; 0 if it could not. */
GRANARY_API size_t granary_nallocx(size_t size, int flags) GRANARY_NOEXCEPT;

/* What granary_smallocx() returns: the address, and the usable size there. */
typedef struct granary_smallocx_return {
    void* ptr;
    size_t size;
} granary_smallocx_return_t;

/* granary_mallocx() and granary_sallocx() in one; {a null pointer, 0} on failure. */
GRANARY_API granary_smallocx_return_t granary_smallocx(size_t size, int flags) GRANARY_NOEXCEPT;

/* ---- Batches ------------------------------------------------------------------------------ */

/* Stores the addresses of `count` regions of `size` bytes in `out`, with the flags of
 * granary_mallocx(), much faster than one by one. Returns how many there are: fewer than `count`
 * when memory is exhausted. errno is not set. */
GRANARY_API size_t granary_alloc_batch(size_t size, int flags, void** out,
                                       size_t count) GRANARY_NOEXCEPT;

/* Frees `count` regions, of any sizes; fastest if neighbours in the array have the same. Null
 * pointers are passed over. */
GRANARY_API void granary_free_batch(void* const* pointers, size_t count) GRANARY_NOEXCEPT;

/* ---- Calls that return the usable size too ------------------------------------------------
 * The size costs nothing here, where granary_malloc_usable_size() would have to look it up. A null
 * pointer for where it goes is no error; on failure it is 0. */

GRANARY_API void* granary_malloc_with_usize(size_t size,
                                            size_t* usable) GRANARY_NOEXCEPT GRANARY_ATTR_MALLOC
    GRANARY_ATTR_SIZE(1);
GRANARY_API void* granary_calloc_with_usize(size_t count, size_t size,
                                            size_t* usable) GRANARY_NOEXCEPT GRANARY_ATTR_MALLOC
    GRANARY_ATTR_SIZES(1, 2);
/* *old_usable is the size before, also on failure. */
GRANARY_API void* granary_realloc_with_usize(void* pointer, size_t size, size_t* old_usable,
                                             size_t* new_usable)
    GRANARY_NOEXCEPT GRANARY_ATTR_UNUSED_RESULT GRANARY_ATTR_SIZE(2);
/* *usable is the size that was freed. */
GRANARY_API void granary_free_with_usize(void* pointer, size_t* usable) GRANARY_NOEXCEPT;

/* ---- Questions ---------------------------------------------------------------------------- */

/* Bytes that may be used at `pointer`, at least as many as were asked for; 0 for a null pointer. */
GRANARY_API size_t granary_malloc_usable_size(const void* pointer) GRANARY_NOEXCEPT;

/* 1 if granary handed out the memory that `pointer` points into, 0 otherwise. Takes any value,
 * dereferences nothing, takes no lock. */
GRANARY_API int granary_owns(const void* pointer) GRANARY_NOEXCEPT;

/* 1 if `pointer` is the first byte of a region, as an allocating function returns it, 0 for anything
 * else, also for the inside of one. Takes any value, dereferences nothing, takes no lock. For those who
 * stack allocators, and must tell their own regions from what another allocator cut out of them. A
 * small region still counts for a while after it was freed. */
GRANARY_API int granary_owns_region(const void* pointer) GRANARY_NOEXCEPT;

/* 1 if moving the region would help to give memory back: it is small, and its run is used no better
 * than the others of its size on the average. Copy it to granary_mallocx(n,
 * GRANARY_MALLOCX_TCACHE_NONE) and free it by granary_dallocx() with the same flag. 0 for anything
 * else, also for what is not the start of a live region. */
GRANARY_API int granary_get_defrag_hint(void* pointer) GRANARY_NOEXCEPT;

/* ---- Control ------------------------------------------------------------------------------
 * Named values in jemalloc's spelling, see docs/mallctl.md. The result is 0 or an error number;
 * errno is not set:
 *   ENOENT no such name   EPERM not writable, or not readable   EINVAL wrong length
 *   EAGAIN no memory      EFAULT the value or the action cannot be */

/* Reads the value at `name` into old_value (*old_length bytes, exactly its type's size), then
 * writes new_value. Either may be left out with null pointers and length 0. */
GRANARY_API int granary_mallctl(const char* name, void* old_value, size_t* old_length,
                                void* new_value, size_t new_length) GRANARY_NOEXCEPT;

/* Translates a name, also the beginning of one, to numbers that stay valid. Numeric components
 * (`arenas.bin.7.size`) stand for themselves and may be changed. *mib_length is the room in `mib`
 * before, and the numbers stored after. */
GRANARY_API int granary_mallctlnametomib(const char* name, size_t* mib,
                                         size_t* mib_length) GRANARY_NOEXCEPT;

/* As granary_mallctl(), by numbers. */
GRANARY_API int granary_mallctlbymib(const size_t* mib, size_t mib_length, void* old_value,
                                     size_t* old_length, void* new_value,
                                     size_t new_length) GRANARY_NOEXCEPT;

/* Prints statistics, piece by piece, through `writer` (a null pointer: to stderr). `options`, or a
 * null pointer, is letters that leave out parts: g general, m all arenas together, a each arena,
 * d destroyed arenas, b small classes, l large classes, x locks, e unused pages, h huge pages; J
 * gives one JSON object instead of text. Refreshes the statistics. */
GRANARY_API void granary_malloc_stats_print(void (*writer)(void* opaque, const char* text),
                                            void* opaque, const char* options) GRANARY_NOEXCEPT;

/* The same figures in the OpenMetrics text format, for a scraper: refreshes the statistics and prints
 * them piece by piece through `writer` (a null pointer: to stderr). */
GRANARY_API void granary_metrics_print(void (*writer)(void* opaque, const char* text),
                                       void* opaque) GRANARY_NOEXCEPT;

/* One name of the tree. In `name`, <arena>, <bin> and the like stand for an index. The texts live as
 * long as the call of `visit`. `access` is "r", "w", "rw" or "void". */
struct granary_ctl_node {
    const char* name;
    const char* type;
    const char* access;
    const char* meaning;
};

/* Calls visit(opaque, node) for every name until it returns something other than 0, and returns
 * that, or 0. */
GRANARY_API int granary_ctl_list(int (*visit)(void* opaque, const struct granary_ctl_node* node),
                                 void* opaque);

/* Statistics of one moment. Bytes unless said otherwise. Later versions of the library may add
 * members at the end, never change or drop one. */
struct granary_stats_v1 {
    uint64_t size;      /* bytes of this struct that were filled in */
    uint64_t epoch;     /* as mallctl("epoch") */
    uint64_t allocated; /* live regions: small + large + huge */
    uint64_t small_allocated;
    uint64_t large_allocated;
    uint64_t huge_allocated;
    uint64_t active;        /* pages with live or cached regions */
    uint64_t resident;      /* upper bound of physical memory */
    uint64_t mapped;        /* active, dirty, muzzy and metadata pages */
    uint64_t metadata;      /* descriptors */
    uint64_t dirty;         /* unused, still in memory */
    uint64_t muzzy;         /* unused, given back lazily */
    uint64_t retained;      /* address space without memory */
    uint64_t cached;        /* freed regions in magazines */
    uint64_t thread_cached; /* of these, in threads' hands */
    uint64_t run_bytes;     /* pages of runs, from which small regions come */
    uint64_t dirty_purged;  /* given back since the start */
    uint64_t muzzy_purged;
    uint64_t large_live; /* regions */
    uint64_t huge_live;  /* regions */
    uint64_t arenas;
    uint64_t threads; /* attached to arenas */
};

/* Refreshes the statistics and stores them, as many bytes as there is room for in `room`. Returns 0,
 * or EINVAL if there is no room for the size. */
GRANARY_API int granary_stats_v1_read(struct granary_stats_v1* out, size_t room) GRANARY_NOEXCEPT;

/* Gives all unused memory back to the system. 1 if there was any, 0 otherwise. `pad` is ignored:
 * there is no break to keep. */
GRANARY_API int granary_malloc_trim(size_t pad) GRANARY_NOEXCEPT;

#ifdef __cplusplus
}
#endif

#endif /* GRANARY_GRANARY_H */
