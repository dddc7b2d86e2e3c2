/* SPDX-License-Identifier: Apache-2.0 OR MIT
 *
 * jemalloc/jemalloc.h — jemalloc's interface, served by granary.
 *
 * For programs that were written for jemalloc 5.3.1: the same names, types and macros. Every function
 * exists twice, as a plain name and with je_ before it; both are symbols of libjemalloc.so.2 and
 * libjemalloc.a as granary builds them, and of libgranary_malloc. What each does is in granary.h.
 *
 * Macros that a program may define before this header:
 *   JEMALLOC_NO_RENAME, JEMALLOC_NO_DEMANGLE   accepted; je_ names are no macros here
 *   JEMALLOC_MANGLE                            the plain names mean this library's functions: they do
 *                                              already, unless the next one is defined
 *   GRANARY_JEMALLOC_PREFIXED                  as a jemalloc built with the prefix je_: no plain names
 *                                              are declared, and JEMALLOC_MANGLE maps them to je_
 *
 * Valid C99 and C++11.
 */
#ifndef GRANARY_JEMALLOC_H
#define GRANARY_JEMALLOC_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <strings.h>

/* ---- Version: of the interface. mallctl("version") answers granary's own. -------------------- */

#define JEMALLOC_VERSION "5.3.1-0-g0000000000000000000000000000000000000000"
#define JEMALLOC_VERSION_MAJOR 5
#define JEMALLOC_VERSION_MINOR 3
#define JEMALLOC_VERSION_BUGFIX 1
#define JEMALLOC_VERSION_NREV 0
#define JEMALLOC_VERSION_GID "0000000000000000000000000000000000000000"
#define JEMALLOC_VERSION_GID_IDENT 0000000000000000000000000000000000000000

/* ---- Attributes, also for programs that declare these functions themselves --------------------- */

#if defined(__GNUC__) || defined(__clang__)
#define JEMALLOC_HAVE_ATTR
#define JEMALLOC_HAVE_ATTR_ALLOC_SIZE
#define JEMALLOC_HAVE_ATTR_FORMAT_ARG
#define JEMALLOC_HAVE_ATTR_FORMAT_PRINTF
#define JEMALLOC_HAVE_ATTR_FALLTHROUGH
#define JEMALLOC_HAVE_ATTR_COLD
#define JEMALLOC_ATTR(s) __attribute__((s))
#else
#define JEMALLOC_ATTR(s)
#endif
#define JEMALLOC_ALIGNED(s) JEMALLOC_ATTR(aligned(s))
#define JEMALLOC_ALLOC_SIZE(s) JEMALLOC_ATTR(alloc_size(s))
#define JEMALLOC_ALLOC_SIZE2(s1, s2) JEMALLOC_ATTR(alloc_size(s1, s2))
#define JEMALLOC_FORMAT_ARG(i) JEMALLOC_ATTR(format_arg(i))
#define JEMALLOC_FORMAT_PRINTF(s, i) JEMALLOC_ATTR(format(printf, s, i))
#define JEMALLOC_SECTION(name) JEMALLOC_ATTR(section(name))
#define JEMALLOC_EXPORT JEMALLOC_ATTR(visibility("default"))
#define JEMALLOC_NOINLINE JEMALLOC_ATTR(noinline)
#define JEMALLOC_COLD JEMALLOC_ATTR(cold)
#define JEMALLOC_NOTHROW JEMALLOC_ATTR(nothrow)
/* Other compilers' spellings; nothing for those that know attributes. */
#define JEMALLOC_ALLOCATOR
#define JEMALLOC_RESTRICT_RETURN

/* What glibc's own declarations say: malloc_usable_size(void *), and nothing throws. */
#define JEMALLOC_USABLE_SIZE_CONST
#define JEMALLOC_USE_CXX_THROW
#if defined(__cplusplus)
#define JEMALLOC_CXX_THROW noexcept(true)
#else
#define JEMALLOC_CXX_THROW
#endif

#define JEMALLOC_OVERRIDE_MEMALIGN
#define JEMALLOC_OVERRIDE_VALLOC
#define JEMALLOC_OVERRIDE_PVALLOC

/* Redis looks for these: calls that also return the usable size, and the defragmentation hint. */
#define JEMALLOC_ALLOC_WITH_USIZE
#define JEMALLOC_FRAG_HINT

/* ---- Flags and pseudo-indices ----------------------------------------------------------------- */

/* An alignment, by its logarithm or itself, a power of two. */
#define MALLOCX_LG_ALIGN(la) ((int)(la))
#define MALLOCX_ALIGN(a) ((int)__builtin_ctzll((unsigned long long)(a)))
#define MALLOCX_ZERO ((int)0x40)
/* An explicit thread cache; or none. */
#define MALLOCX_TCACHE(tc) ((int)(((tc) + 2) << 8))
#define MALLOCX_TCACHE_NONE MALLOCX_TCACHE(-1)
/* An arena; the thread cache is left alone unless one is named. */
#define MALLOCX_ARENA(a) ((((int)(a)) + 1) << 20)

/* Arena indices for "arena.<i>.…" and "stats.arenas.<i>.…". */
#define MALLCTL_ARENAS_ALL 4096
#define MALLCTL_ARENAS_DESTROYED 4097

/* Low bits of the address that an extent hook returns. */
#define EXTENT_ALLOC_FLAG_PINNED 0x1U
#define EXTENT_ALLOC_FLAG_MASK 0xFFU

#ifdef __cplusplus
extern "C" {
#endif

/* ---- Extent hooks ------------------------------------------------------------------------------
 * Each but alloc returns true for "refused", and may be a null pointer, which refuses. */

typedef struct extent_hooks_s extent_hooks_t;

typedef void *(extent_alloc_t)(extent_hooks_t *hooks, void *new_addr, size_t size,
                               size_t alignment, bool *zero, bool *commit, unsigned arena);
typedef bool(extent_dalloc_t)(extent_hooks_t *hooks, void *addr, size_t size, bool committed,
                              unsigned arena);
typedef void(extent_destroy_t)(extent_hooks_t *hooks, void *addr, size_t size, bool committed,
                               unsigned arena);
typedef bool(extent_commit_t)(extent_hooks_t *hooks, void *addr, size_t size, size_t offset,
                              size_t length, unsigned arena);
typedef bool(extent_decommit_t)(extent_hooks_t *hooks, void *addr, size_t size, size_t offset,
                                size_t length, unsigned arena);
typedef bool(extent_purge_t)(extent_hooks_t *hooks, void *addr, size_t size, size_t offset,
                             size_t length, unsigned arena);
typedef bool(extent_split_t)(extent_hooks_t *hooks, void *addr, size_t size, size_t size_a,
                             size_t size_b, bool committed, unsigned arena);
typedef bool(extent_merge_t)(extent_hooks_t *hooks, void *addr_a, size_t size_a, void *addr_b,
                             size_t size_b, bool committed, unsigned arena);

struct extent_hooks_s {
    extent_alloc_t *alloc;
    extent_dalloc_t *dalloc;
    extent_destroy_t *destroy;
    extent_commit_t *commit;
    extent_decommit_t *decommit;
    extent_purge_t *purge_lazy;
    extent_purge_t *purge_forced;
    extent_split_t *split;
    extent_merge_t *merge;
};

/* ---- Variables and functions ------------------------------------------------------------------
 * A program may define malloc_conf and malloc_conf_2_conf_harder, and set malloc_message. */

#define GRANARY_JEMALLOC_DECLARE(P)                                                               \
    extern JEMALLOC_EXPORT const char *P##malloc_conf;                                            \
    extern JEMALLOC_EXPORT const char *P##malloc_conf_2_conf_harder;                              \
    extern JEMALLOC_EXPORT void (*P##malloc_message)(void *opaque, const char *text);             \
    JEMALLOC_EXPORT void *P##malloc(size_t size) JEMALLOC_CXX_THROW JEMALLOC_NOTHROW              \
        JEMALLOC_ATTR(malloc) JEMALLOC_ALLOC_SIZE(1);                                             \
    JEMALLOC_EXPORT void *P##calloc(size_t count, size_t size) JEMALLOC_CXX_THROW JEMALLOC_NOTHROW \
        JEMALLOC_ATTR(malloc) JEMALLOC_ALLOC_SIZE2(1, 2);                                         \
    JEMALLOC_EXPORT int P##posix_memalign(void **out, size_t alignment, size_t size)              \
        JEMALLOC_CXX_THROW JEMALLOC_NOTHROW JEMALLOC_ATTR(nonnull(1));                            \
    JEMALLOC_EXPORT void *P##aligned_alloc(size_t alignment, size_t size) JEMALLOC_CXX_THROW      \
        JEMALLOC_NOTHROW JEMALLOC_ATTR(malloc) JEMALLOC_ALLOC_SIZE(2);                            \
    JEMALLOC_EXPORT void *P##realloc(void *pointer, size_t size) JEMALLOC_CXX_THROW               \
        JEMALLOC_NOTHROW JEMALLOC_ALLOC_SIZE(2);                                                  \
    JEMALLOC_EXPORT void P##free(void *pointer) JEMALLOC_CXX_THROW JEMALLOC_NOTHROW;              \
    JEMALLOC_EXPORT void P##free_sized(void *pointer, size_t size) JEMALLOC_CXX_THROW             \
        JEMALLOC_NOTHROW;                                                                         \
    JEMALLOC_EXPORT void P##free_aligned_sized(void *pointer, size_t alignment, size_t size)      \
        JEMALLOC_CXX_THROW JEMALLOC_NOTHROW;                                                      \
    JEMALLOC_EXPORT void *P##memalign(size_t alignment, size_t size) JEMALLOC_CXX_THROW           \
        JEMALLOC_NOTHROW JEMALLOC_ATTR(malloc);                                                   \
    JEMALLOC_EXPORT void *P##valloc(size_t size) JEMALLOC_CXX_THROW JEMALLOC_NOTHROW              \
        JEMALLOC_ATTR(malloc);                                                                    \
    JEMALLOC_EXPORT void *P##pvalloc(size_t size) JEMALLOC_CXX_THROW JEMALLOC_NOTHROW             \
        JEMALLOC_ATTR(malloc);                                                                    \
    JEMALLOC_EXPORT size_t P##malloc_usable_size(JEMALLOC_USABLE_SIZE_CONST void *pointer)        \
        JEMALLOC_CXX_THROW JEMALLOC_NOTHROW;                                                      \
    JEMALLOC_EXPORT void *P##mallocx(size_t size, int flags) JEMALLOC_NOTHROW                     \
        JEMALLOC_ATTR(malloc) JEMALLOC_ALLOC_SIZE(1);                                             \
    JEMALLOC_EXPORT void *P##rallocx(void *pointer, size_t size, int flags) JEMALLOC_NOTHROW      \
        JEMALLOC_ALLOC_SIZE(2);                                                                   \
    JEMALLOC_EXPORT size_t P##xallocx(void *pointer, size_t size, size_t extra, int flags)        \
        JEMALLOC_NOTHROW;                                                                         \
    JEMALLOC_EXPORT size_t P##sallocx(const void *pointer, int flags) JEMALLOC_NOTHROW            \
        JEMALLOC_ATTR(pure);                                                                      \
    JEMALLOC_EXPORT void P##dallocx(void *pointer, int flags) JEMALLOC_NOTHROW;                   \
    JEMALLOC_EXPORT void P##sdallocx(void *pointer, size_t size, int flags) JEMALLOC_NOTHROW;     \
    JEMALLOC_EXPORT size_t P##nallocx(size_t size, int flags) JEMALLOC_NOTHROW                    \
        JEMALLOC_ATTR(pure);                                                                      \
    JEMALLOC_EXPORT void *P##malloc_with_usize(size_t size, size_t *usable) JEMALLOC_NOTHROW      \
        JEMALLOC_ATTR(malloc) JEMALLOC_ALLOC_SIZE(1);                                             \
    JEMALLOC_EXPORT void *P##calloc_with_usize(size_t count, size_t size, size_t *usable)         \
        JEMALLOC_NOTHROW JEMALLOC_ATTR(malloc) JEMALLOC_ALLOC_SIZE2(1, 2);                        \
    JEMALLOC_EXPORT void *P##realloc_with_usize(void *pointer, size_t size, size_t *old_usable,   \
                                                size_t *new_usable) JEMALLOC_NOTHROW              \
        JEMALLOC_ALLOC_SIZE(2);                                                                   \
    JEMALLOC_EXPORT void P##free_with_usize(void *pointer, size_t *usable) JEMALLOC_NOTHROW;      \
    JEMALLOC_EXPORT int P##get_defrag_hint(void *pointer) JEMALLOC_NOTHROW;                       \
    JEMALLOC_EXPORT int P##mallctl(const char *name, void *old_value, size_t *old_length,         \
                                   void *new_value, size_t new_length) JEMALLOC_NOTHROW;          \
    JEMALLOC_EXPORT int P##mallctlnametomib(const char *name, size_t *mib, size_t *mib_length)    \
        JEMALLOC_NOTHROW;                                                                         \
    JEMALLOC_EXPORT int P##mallctlbymib(const size_t *mib, size_t mib_length, void *old_value,    \
                                        size_t *old_length, void *new_value, size_t new_length)   \
        JEMALLOC_NOTHROW;                                                                         \
    JEMALLOC_EXPORT void P##malloc_stats_print(void (*write)(void *opaque, const char *text),     \
                                               void *opaque, const char *options)                 \
        JEMALLOC_NOTHROW;

GRANARY_JEMALLOC_DECLARE(je_)

#ifndef GRANARY_JEMALLOC_PREFIXED
GRANARY_JEMALLOC_DECLARE()
#endif

#ifdef __cplusplus
}
#endif

/* ---- A prefixed build's mangling ------------------------------------------------------------- */

#if defined(GRANARY_JEMALLOC_PREFIXED) && defined(JEMALLOC_MANGLE)
#define malloc_conf je_malloc_conf
#define malloc_conf_2_conf_harder je_malloc_conf_2_conf_harder
#define malloc_message je_malloc_message
#define malloc je_malloc
#define calloc je_calloc
#define posix_memalign je_posix_memalign
#define aligned_alloc je_aligned_alloc
#define realloc je_realloc
#define free je_free
#define free_sized je_free_sized
#define free_aligned_sized je_free_aligned_sized
#define memalign je_memalign
#define valloc je_valloc
#define pvalloc je_pvalloc
#define malloc_usable_size je_malloc_usable_size
#define mallocx je_mallocx
#define rallocx je_rallocx
#define xallocx je_xallocx
#define sallocx je_sallocx
#define dallocx je_dallocx
#define sdallocx je_sdallocx
#define nallocx je_nallocx
#define malloc_with_usize je_malloc_with_usize
#define calloc_with_usize je_calloc_with_usize
#define realloc_with_usize je_realloc_with_usize
#define free_with_usize je_free_with_usize
#define get_defrag_hint je_get_defrag_hint
#define mallctl je_mallctl
#define mallctlnametomib je_mallctlnametomib
#define mallctlbymib je_mallctlbymib
#define malloc_stats_print je_malloc_stats_print
#endif

#endif /* GRANARY_JEMALLOC_H */
