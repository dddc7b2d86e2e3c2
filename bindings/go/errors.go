// SPDX-License-Identifier: Apache-2.0 OR MIT

package granary

import (
	"errors"
	"fmt"

	"granary/bindings/go/internal/heap"
)

// ErrOutOfMemory is what [TryMake] and [TryBytes] fail with.
var ErrOutOfMemory = errors.New("granary: out of memory")

// ErrPointers is what allocating for a type that holds Go pointers fails with.
var ErrPointers = errors.New("holds Go pointers, which the garbage collector would not see off its heap")

// CtlError is a failure of the control tree. It is also the system's error: errors.Is(err,
// syscall.ENOENT) for a name that does not exist.
type CtlError struct {
	Op   string // "read", "write" or "do"
	Name string // as mallctl has it
	Err  error
}

func (e *CtlError) Error() string {
	return fmt.Sprintf("granary: %s %s: %v", e.Op, e.Name, e.Err)
}

// Unwrap returns the system's error, or errors.ErrUnsupported.
func (e *CtlError) Unwrap() error { return e.Err }

// Misuse is the value that wrong use of memory panics with.
type Misuse struct {
	What string // "double free", "use after free", …
	Tag  string // given when the memory was allocated
}

func (m *Misuse) Error() string {
	if m.Tag == "" {
		return fmt.Sprintf("granary: %s of untagged memory", m.What)
	}
	return fmt.Sprintf("granary: %s of memory tagged %q", m.What, m.Tag)
}

// RuntimeError marks a bug of the program, as a nil pointer is one.
func (m *Misuse) RuntimeError() {}

func misuse(what string, h heap.Handle) *Misuse {
	return &Misuse{What: what, Tag: heap.TagName(h.Tag())}
}
