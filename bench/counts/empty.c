// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// empty.c — a library with nothing in it: what the loader alone does for a preloaded file.
extern int granary_bench_empty;
int granary_bench_empty;
