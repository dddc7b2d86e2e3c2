// SPDX-License-Identifier: Apache-2.0 OR MIT

//go:build cgo && !granary_goheap

package jemalloc_test

import (
	"strings"
	"testing"
	"unsafe"

	granary "granary/bindings/go"
	"granary/bindings/go/internal/backend"
	_ "granary/bindings/go/jemalloc"
	"granary/bindings/go/jemalloc/internal/client"
	"granary/bindings/go/override"
)

func TestCodeForJemallocSharesGranarysHeap(t *testing.T) {
	if !override.Active() {
		t.Error("the C side's malloc is another heap")
	}
	before, err := granary.ReadStats()
	if err != nil {
		t.Fatal(err)
	}
	block := client.Calloc(10 << 20)
	if !backend.Owns(unsafe.Pointer(&block[0])) {
		t.Error("je_calloc is another heap")
	}
	if block[5<<20] != 0 {
		t.Error("je_calloc does not clear")
	}
	after, err := granary.ReadStats()
	if err != nil || after.HugeAllocated < before.HugeAllocated+10<<20 {
		t.Errorf("je_calloc of 10 MiB is not in the statistics: %v", err)
	}
	if allocated := client.Stat("stats.allocated"); allocated < after.Allocated-1<<20 || allocated > after.Allocated+1<<20 {
		t.Errorf("je_mallctl says %d bytes, granary %d", allocated, after.Allocated)
	}
	for _, name := range []string{"stats.active", "stats.resident", "stats.mapped", "stats.metadata"} {
		if client.Stat(name) == 0 {
			t.Errorf("%s is 0", name)
		}
	}
	client.Free(block)
}

func TestReportsAndArenasOfJemallocWork(t *testing.T) {
	if report := client.Report(); len(report) < 500 || !strings.Contains(report, "Allocated") {
		t.Errorf("the report is %q", report)
	}
	if step := client.OwnArena(); step != 0 {
		t.Errorf("step %d with an arena fails", step)
	}
	if step := client.Rest(); step != 0 {
		t.Errorf("step %d fails", step)
	}
}
