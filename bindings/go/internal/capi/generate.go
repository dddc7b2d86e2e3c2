// SPDX-License-Identifier: Apache-2.0 OR MIT

//go:build cgo && !granary_goheap

// Role        capi.go and capi_wrap.c are generated (go generate), committed, and compared by the
//             tests; link_*.go say what they are linked with.

// Package capi is what SWIG makes of bindings/swig/granary.i: control and statistics of granary.
package capi

//go:generate swig -go -cgo -intgosize 64 -module capi -package capi -I../../../../modules/capi/include -outdir . -o capi_wrap.c ../../../swig/granary.i
