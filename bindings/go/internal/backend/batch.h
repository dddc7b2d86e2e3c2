// SPDX-License-Identifier: Apache-2.0 OR MIT

#include <granary/granary.h>

// Addresses, not pointers: cgo need not look for Go pointers in the array.
static size_t granary_go_alloc_batch(size_t size, int flags, uintptr_t *out, size_t count) {
	return granary_alloc_batch(size, flags, (void **)out, count);
}

static void granary_go_free_batch(uintptr_t *addresses, size_t count) {
	granary_free_batch((void *const *)addresses, count);
}
