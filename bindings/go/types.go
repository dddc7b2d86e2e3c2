// SPDX-License-Identifier: Apache-2.0 OR MIT

package granary

import (
	"fmt"
	"reflect"
	"sync"
	"unsafe"

	"granary/bindings/go/internal/heap"
)

// verdicts has an error, or nil, for every type that was asked about.
var verdicts sync.Map // reflect.Type → error

// CheckType returns an error that is [ErrPointers] and names where, if T holds Go pointers, and nil if
// memory of granary may hold a T.
func CheckType[T any]() error {
	switch any((*T)(nil)).(type) {
	case *byte, *uint16, *uint32, *uint64, *int, *int32, *int64, *float32, *float64:
		return nil // the usual ones, without a look-up
	}
	t := reflect.TypeOf((*T)(nil)).Elem()
	verdict, found := verdicts.Load(t)
	if !found {
		verdict = verdictOf(t)
		verdicts.Store(t, verdict)
	}
	if verdict == nil {
		return nil
	}
	return verdict.(error)
}

func verdictOf(t reflect.Type) any {
	if path, kind := pointerIn(t); kind != reflect.Invalid {
		return fmt.Errorf("granary: type %s: %s (a %s) %w", t, t.String()+path, kind, ErrPointers)
	}
	return nil
}

// pointerIn returns the way to the first pointer in t and its kind, or reflect.Invalid. A uintptr is
// a number.
func pointerIn(t reflect.Type) (string, reflect.Kind) {
	switch t.Kind() {
	case reflect.Array:
		if t.Len() == 0 {
			return "", reflect.Invalid
		}
		path, kind := pointerIn(t.Elem())
		return "[0]" + path, kind
	case reflect.Struct:
		for i := 0; i < t.NumField(); i++ {
			if path, kind := pointerIn(t.Field(i).Type); kind != reflect.Invalid {
				return "." + t.Field(i).Name + path, kind
			}
		}
		return "", reflect.Invalid
	case reflect.Pointer, reflect.UnsafePointer, reflect.Slice, reflect.String, reflect.Map, reflect.Chan,
		reflect.Func, reflect.Interface:
		return "", t.Kind()
	}
	return "", reflect.Invalid
}

// bytesOf returns the size of n elements of T, or panics: for a type with pointers, for n below zero, for
// a size that no memory has.
func bytesOf[T any](n int) uintptr {
	if err := CheckType[T](); err != nil {
		panic(err)
	}
	var element T
	size := unsafe.Sizeof(element)
	if n < 0 || n > heap.MaxLength || (size > 0 && uintptr(n) > heap.MaxLength/size) {
		panic(fmt.Errorf("granary: a length of %d elements of %d bytes is out of range", n, size))
	}
	return uintptr(n) * size
}
