// SPDX-License-Identifier: Apache-2.0 OR MIT

//go:build cgo && !granary_goheap

package granary_test

import (
	"errors"
	"strings"
	"testing"

	granary "granary/bindings/go"
)

// FuzzControl reads made-up names: each is read, or fails with an error that names it.
func FuzzControl(f *testing.F) {
	for _, name := range []string{"stats.allocated", "arenas.bin.7.size", "arena.4096.purge", "opt.narenas", "", ".", "a.b.c",
		"stats.arenas.0.bins.0.curregs", "arena.99999999999999999999.name", "stats.arenas.4097.pdirty"} {
		f.Add(name)
	}
	f.Fuzz(func(t *testing.T, name string) {
		value, err := granary.Ctl(name).Get()
		var ctlError *granary.CtlError
		if err != nil && (!errors.As(err, &ctlError) || ctlError.Name != name) {
			t.Errorf("%q: %v", name, err)
		}
		if err == nil && value == nil {
			t.Errorf("%q has no value", name)
		}
		if strings.Contains(name, "hooks") || strings.Contains(name, "extent") {
			return
		}
		if err := granary.Ctl(name).Set(value); err == nil && value == nil {
			t.Errorf("%q took nothing for a value", name)
		}
	})
}
