// SPDX-License-Identifier: Apache-2.0 OR MIT

//go:build cgo && !granary_goheap

// Package override puts the C side of a program on granary: importing it is enough.
//
//	import _ "granary/bindings/go/override"
//
// malloc, free and their relatives of the whole process, the C library's own calls and those of C++
// included, are granary's then, linked statically into the program. The Go heap stays what it is.
// Package granary sees the same heap: its statistics are those of the C side.
//
// Without cgo there is no C side, and the package does nothing.
package override

/*
#cgo LDFLAGS: -ldl
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>
#include <granary/granary.h>

enum { from_malloc = 1, from_aligned = 2, from_libc = 4, found_by_name = 8, all_proofs = 15 };

// What a call of malloc from here, one from inside the C library, and a look-up by a library that is
// loaded later would get.
static int granary_go_proofs(void) {
	int proofs = 0;
	void *block = malloc(100);
	void *aligned = NULL;
	char *copy = strdup("a text");
	if (posix_memalign(&aligned, 64, 100) != 0)
		aligned = NULL;
	if (granary_owns(block))
		proofs |= from_malloc;
	if (granary_owns(aligned))
		proofs |= from_aligned;
	if (granary_owns(copy))
		proofs |= from_libc;
	void *(*found)(size_t) = (void *(*)(size_t))dlsym(RTLD_DEFAULT, "malloc");
	void *by_name = found ? found(100) : NULL;
	if (granary_owns(by_name))
		proofs |= found_by_name;
	free(block);
	free(aligned);
	free(copy);
	free(by_name);
	return proofs;
}
*/
import "C"

// Active proves that the C side runs on granary: it allocates by malloc, by posix_memalign, inside the
// C library and by the malloc that a library loaded now would find, and asks granary whether the
// memory is its own, all four times.
func Active() bool { return C.granary_go_proofs() == C.all_proofs }
