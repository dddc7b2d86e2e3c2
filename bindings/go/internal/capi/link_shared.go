// SPDX-License-Identifier: Apache-2.0 OR MIT

//go:build cgo && !granary_goheap && granary_shared

package capi

// In a file for each tag, since the build cache does not notice a change of #cgo lines by tags.

/*
#cgo pkg-config: granary
*/
import "C"
