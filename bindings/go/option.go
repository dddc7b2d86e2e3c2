// SPDX-License-Identifier: Apache-2.0 OR MIT

package granary

import (
	"fmt"

	"granary/bindings/go/internal/heap"
)

// Option says how to allocate: [Tag] or [Uninitialized].
type Option struct {
	tag    uint32
	dirty  bool
	tagged bool
}

// Uninitialized leaves memory as it is, with whatever was in it. It saves the time of clearing what
// will be overwritten anyway.
var Uninitialized = Option{dirty: true}

// Tag counts an allocation under a name: in [Usage], and in the message of a panic. Names are kept for
// ever, at most 65535 of them; keep the option in a variable, since looking up its name takes as long
// as allocating.
func Tag(name string) Option {
	number, ok := heap.TagNumber(name)
	if !ok {
		panic(fmt.Sprintf("granary: no room for the tag %q: there are %d", name, heap.MaxTags))
	}
	return Option{tag: number, tagged: true}
}

// merge makes one option of several; of two tags the last one counts.
func merge(options []Option) (all Option) {
	for _, option := range options {
		all.dirty = all.dirty || option.dirty
		if option.tagged {
			all.tag, all.tagged = option.tag, true
		}
	}
	return all
}
