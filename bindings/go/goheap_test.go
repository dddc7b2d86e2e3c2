// SPDX-License-Identifier: Apache-2.0 OR MIT

//go:build !cgo || granary_goheap

package granary_test

import (
	"errors"
	"testing"

	granary "granary/bindings/go"
)

func TestWithoutGranaryControlIsUnsupportedAndPurgeIsNot(t *testing.T) {
	if granary.Supported() {
		t.Fatal("there is no granary in this build")
	}
	_, stats := granary.ReadStats()
	_, value := granary.Ctl("epoch").Get()
	_, report := granary.Report("")
	_, metrics := granary.OpenMetrics()
	_, names := granary.Names()
	for name, err := range map[string]error{
		"ReadStats": stats, "Get": value, "Set": granary.Ctl("epoch").Set(1), "Do": granary.Ctl("arena.0.purge").Do(),
		"Report": report, "OpenMetrics": metrics, "Names": names,
	} {
		if !errors.Is(err, errors.ErrUnsupported) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := granary.Purge(); err != nil {
		t.Error(err)
	}
}

func TestWithoutGranaryThereIsNoLimitToShare(t *testing.T) {
	if _, err := granary.ManageMemoryLimit(granary.LimitOptions{Total: 1 << 30}); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("the error is %v", err)
	}
}
