// SPDX-License-Identifier: Apache-2.0 OR MIT

//go:build !cgo || granary_goheap

// Package jemalloc makes cgo code that was written against jemalloc run on granary. This build has no
// granary.
package jemalloc
