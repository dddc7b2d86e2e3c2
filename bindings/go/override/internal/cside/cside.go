// SPDX-License-Identifier: Apache-2.0 OR MIT

//go:build cgo

// Package cside is a C side for tests: C code that knows nothing of granary.
package cside

/*
#define _GNU_SOURCE
#include <errno.h>
#include <malloc.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static void *churn(void *argument) {
	char *blocks[64] = {0};
	size_t seed = (size_t)argument;
	for (int i = 0; i < 20000; ++i) {
		seed = seed * 6364136223846793005u + 1442695040888963407u;
		char **block = &blocks[seed >> 58];
		size_t size = (seed >> 40) % 2000 + 1;
		if (*block && (*block)[0] != (char)(((size_t)block) >> 3))
			return "a block was overwritten";
		*block = realloc(*block, size);
		(*block)[0] = (char)(((size_t)block) >> 3);
	}
	for (int i = 0; i < 64; ++i)
		free(blocks[i]);
	return NULL;
}

// Threads of C, then a child of fork() that allocates. A message, or null.
static const char *exercise(void) {
	pthread_t threads[8];
	for (size_t i = 0; i < 8; ++i)
		if (pthread_create(&threads[i], NULL, churn, (void *)(i + 1)) != 0)
			return "no thread";
	const char *wrong = NULL;
	for (int i = 0; i < 8; ++i) {
		void *result;
		pthread_join(threads[i], &result);
		if (result)
			wrong = result;
	}
	if (wrong)
		return wrong;
	const pid_t child = fork();
	if (child == 0)
		_exit(churn((void *)99) ? 1 : 0);
	int status;
	if (child < 0 || waitpid(child, &status, 0) != child || status != 0)
		return "the child failed";
	errno = 0;
	volatile size_t everything = (size_t)-1;
	if (malloc(everything) || errno != ENOMEM)
		return "malloc of everything";
	return NULL;
}

static char *text_of_a_million(void) {
	char *text = NULL;
	size_t length = 0;
	FILE *stream = open_memstream(&text, &length);
	for (int i = 0; i < 100000; ++i)
		fprintf(stream, "%9d\n", i);
	fclose(stream);
	return text;
}

static size_t live(void) { struct mallinfo2 info = mallinfo2(); return info.uordblks + info.hblkhd; }
static size_t usable(size_t size) { void *p = malloc(size); size_t n = malloc_usable_size(p); free(p); return n; }
static int trim(void) { return malloc_trim(0); }
static int arenas(void) { return mallopt(M_ARENA_MAX, 2); }

static char *info_text(void) {
	char *text = NULL;
	size_t length = 0;
	FILE *stream = open_memstream(&text, &length);
	malloc_info(0, stream);
	fclose(stream);
	return text;
}
*/
import "C"

import "unsafe"

// Exercise runs threads and a child that allocate, and returns what went wrong.
func Exercise() string { return C.GoString(C.exercise()) }

// Live returns what mallinfo2 says is in use.
func Live() uint64 { return uint64(C.live()) }

// Usable returns the usable size of a block.
func Usable(size uint64) uint64 { return uint64(C.usable(C.size_t(size))) }

// Trim is malloc_trim.
func Trim() int { return int(C.trim()) }

// LimitArenas is mallopt(M_ARENA_MAX, 2).
func LimitArenas() int { return int(C.arenas()) }

// Info is the text of malloc_info.
func Info() string {
	text := C.info_text()
	defer C.free(unsafe.Pointer(text))
	return C.GoString(text)
}

// Text is a million bytes that the C library allocates.
type Text struct{ at *C.char }

// MakeText allocates one.
func MakeText() Text { return Text{C.text_of_a_million()} }

// Pointer returns where it is.
func (t Text) Pointer() unsafe.Pointer { return unsafe.Pointer(t.at) }

// Free gives it back.
func (t Text) Free() { C.free(unsafe.Pointer(t.at)) }
