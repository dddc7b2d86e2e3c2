// SPDX-License-Identifier: Apache-2.0 OR MIT

//go:build !cgo || granary_goheap

// Package override puts the C side of a program on granary. This build has none.
package override

// Active is false: there is no C side, or it is left alone.
func Active() bool { return false }
