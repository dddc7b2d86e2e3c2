// SPDX-License-Identifier: Apache-2.0 OR MIT

package granarytest_test

import (
	"fmt"
	"strings"
	"testing"

	granary "granary/bindings/go"
	"granary/bindings/go/granarytest"
)

// recorder is a test whose failure is looked at instead of counted.
type recorder struct {
	testing.TB
	failures []string
	cleanups []func()
}

func (r *recorder) Helper() {}

func (r *recorder) Errorf(format string, arguments ...any) {
	r.failures = append(r.failures, fmt.Sprintf(format, arguments...))
}

func (r *recorder) Cleanup(f func()) { r.cleanups = append(r.cleanups, f) }

func (r *recorder) end() string {
	for _, f := range r.cleanups {
		f()
	}
	return strings.Join(r.failures, "\n")
}

func TestVerifyNoneNamesTheTagOfWhatIsLeft(t *testing.T) {
	kept := granary.Bytes(100, granary.Tag("left behind"))
	r := &recorder{TB: t}
	granarytest.VerifyNone(r)
	if got := r.end(); !strings.Contains(got, `tag "left behind": 100 bytes in 1 objects`) {
		t.Errorf("the failure is %q", got)
	}
	kept.Free()
	granarytest.VerifyNone(t)
}

func TestVerifyNoneLeavesOutWhatItIsTold(t *testing.T) {
	kept := granary.Bytes(100, granary.Tag("known"))
	defer kept.Free()
	granarytest.VerifyNone(t, granarytest.Ignore("known"))
	current := granarytest.IgnoreCurrent()
	granarytest.VerifyNone(t, current)
	more := granary.Bytes(7, granary.Tag("known"))
	defer more.Free()
	r := &recorder{TB: t}
	granarytest.VerifyNone(r, current)
	if got := r.end(); !strings.Contains(got, "7 bytes in 1 objects") {
		t.Errorf("the failure is %q", got)
	}
}

func TestWatchNamesThePlaceOfALeak(t *testing.T) {
	r := &recorder{TB: t}
	granarytest.Watch(r)
	freed := granary.Make[uint64](3, granary.Tag("watched"))
	kept := granary.Make[uint64](5, granary.Tag("watched"))
	freed.Free()
	got := r.end()
	if !strings.Contains(got, "40 bytes in 1 objects") || !strings.Contains(got, "granarytest_test.go:") {
		t.Errorf("the failure is %q", got)
	}
	kept.Free()
}

func TestWatchAcceptsATestThatFreesAll(t *testing.T) {
	before := granary.Make[byte](9)
	defer before.Free()
	t.Run("inside", func(t *testing.T) {
		granarytest.Watch(t)
		arena := granary.NewArena(granary.Tag("watched"))
		arena.Bytes(1000)
		arena.Free()
		granary.New[int32]().Free()
	})
}
