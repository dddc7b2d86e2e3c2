// SPDX-License-Identifier: Apache-2.0 OR MIT

//go:build !granary

package main

import "os"

func describe() string {
	if limit := os.Getenv("MALLOC_ARENA_MAX"); limit != "" {
		return "glibc MALLOC_ARENA_MAX=" + limit
	}
	return "glibc"
}
