// SPDX-License-Identifier: Apache-2.0 OR MIT

//go:build !unix

package backend

const guardSupported = false

func guardBatch(uintptr, []uintptr) int { panic("not reached") }

func unguardBatch([]uintptr) { panic("not reached") }
