/* SPDX-License-Identifier: Apache-2.0 OR MIT
 *
 * python_embed.h — for C programs that embed CPython: all of its memory from granary, from the start.
 *
 *     PyPreConfig preconfig;
 *     PyPreConfig_InitPythonConfig(&preconfig);
 *     Py_PreInitialize(&preconfig);
 *     granary_python_preinit();
 *     Py_InitializeFromConfig(&config);
 *
 * This is the one moment at which CPython allows another allocator. What the interpreter has from
 * before goes back to where it came from. Link with -lgranary, or with -lgranary_malloc, or preload.
 * Not for free-threaded builds (returns -1 there and does nothing): their collector walks the heaps of
 * their own allocator.
 */
#ifndef GRANARY_PYTHON_EMBED_H
#define GRANARY_PYTHON_EMBED_H

#include <Python.h>

#include <granary/granary.h>

/* raw, mem, obj, in the order of PyMemAllocatorDomain; ctx of each hook points to its own. */
static PyMemAllocatorEx granary_python_embed_below[3];

static inline void* granary_python_embed_malloc(void* ctx, size_t size) {
    (void)ctx;
    return granary_malloc(size);
}

static inline void* granary_python_embed_calloc(void* ctx, size_t count, size_t size) {
    (void)ctx;
    return granary_calloc(count, size);
}

static inline void* granary_python_embed_realloc(void* ctx, void* pointer, size_t size) {
    PyMemAllocatorEx* const below = (PyMemAllocatorEx*)ctx;
    if (pointer == NULL || granary_owns_region(pointer))
        return granary_realloc(pointer, size == 0 ? 1 : size);
    return below->realloc(below->ctx, pointer, size);
}

static inline void granary_python_embed_free(void* ctx, void* pointer) {
    PyMemAllocatorEx* const below = (PyMemAllocatorEx*)ctx;
    if (pointer == NULL || granary_owns_region(pointer))
        granary_free(pointer);
    else
        below->free(below->ctx, pointer);
}

/* Between Py_PreInitialize() and Py_InitializeFromConfig(), once. 0, or -1 if it cannot be. */
static inline int granary_python_preinit(void) {
#ifdef Py_GIL_DISABLED
    return -1;
#else
    if (Py_IsInitialized())
        return -1;
    for (int domain = 0; domain < 3; ++domain) {
        PyMemAllocatorEx* const below = &granary_python_embed_below[domain];
        PyMemAllocatorEx table = {below, granary_python_embed_malloc, granary_python_embed_calloc,
                                  granary_python_embed_realloc, granary_python_embed_free};
        PyMem_GetAllocator((PyMemAllocatorDomain)domain, below);
        PyMem_SetAllocator((PyMemAllocatorDomain)domain, &table);
    }
    return 0;
#endif
}

#endif /* GRANARY_PYTHON_EMBED_H */
