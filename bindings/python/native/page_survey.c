/* SPDX-License-Identifier: Apache-2.0 OR MIT
 *
 * page_survey.c — for the heap map: which pages does granary have handed out?
 */
#include <stddef.h>
#include <stdint.h>

#include <granary/granary.h>

/* out[k] = 1 if something in page k from `begin` on, k < count, belongs to granary's regions. A page of
 * a run or a region counts whole, so that its first byte tells. */
__attribute__((visibility("default"))) void granary_python_survey(uintptr_t begin, size_t page,
                                                                  size_t count,
                                                                  unsigned char* out) {
    for (size_t k = 0; k < count; ++k)
        out[k] = granary_owns((const void*)(begin + k * page)) != 0;
}
