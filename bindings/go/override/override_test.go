// SPDX-License-Identifier: Apache-2.0 OR MIT

//go:build cgo && !granary_goheap

package override_test

import (
	"context"
	"net"
	"os"
	"os/exec"
	"os/user"
	"strings"
	"testing"

	granary "granary/bindings/go"
	"granary/bindings/go/internal/backend"
	"granary/bindings/go/override"
	"granary/bindings/go/override/internal/cside"
)

func TestTheCSideRunsOnGranary(t *testing.T) {
	if !override.Active() {
		t.Fatal("not active")
	}
	text := cside.MakeText()
	defer text.Free()
	if !backend.Owns(text.Pointer()) {
		t.Error("the C library allocates elsewhere")
	}
}

func TestThreadsForksAndFailuresOfCAreServed(t *testing.T) {
	if wrong := cside.Exercise(); wrong != "" {
		t.Error(wrong)
	}
}

// TestStatisticsAreOfTheSameHeap: package granary counts what C allocates; there is one heap.
func TestStatisticsAreOfTheSameHeap(t *testing.T) {
	before, err := granary.ReadStats()
	if err != nil {
		t.Fatal(err)
	}
	var texts []cside.Text
	for i := 0; i < 20; i++ {
		texts = append(texts, cside.MakeText())
	}
	after, err := granary.ReadStats()
	if err != nil {
		t.Fatal(err)
	}
	if after.Allocated < before.Allocated+20*1_000_000 {
		t.Errorf("20 texts of a million bytes: allocated was %d and is %d", before.Allocated, after.Allocated)
	}
	if live := cside.Live(); live < 20*1_000_000 {
		t.Errorf("mallinfo2 says %d", live)
	}
	for _, text := range texts {
		text.Free()
	}
	if cside.Trim() != 1 {
		t.Error("malloc_trim found nothing to give back")
	}
	if end, err := granary.ReadStats(); err != nil || end.Allocated > after.Allocated-20*1_000_000 {
		t.Errorf("freed: allocated is %d, %v", end.Allocated, err)
	}
}

func TestQuestionsAboutTheHeapAreAnsweredForGranary(t *testing.T) {
	if usable := cside.Usable(100); usable != 112 {
		t.Errorf("100 bytes have %d", usable)
	}
	if cside.LimitArenas() != 1 {
		t.Error("mallopt refuses M_ARENA_MAX")
	}
	if info := cside.Info(); !strings.HasPrefix(info, `<malloc version="granary-1">`) {
		t.Errorf("malloc_info writes %q", info)
	}
}

// TestTheSystemsResolverWorks: Go calls C for these, and C loads libraries for them.
func TestTheSystemsResolverWorks(t *testing.T) {
	if _, err := user.Current(); err != nil {
		t.Error(err)
	}
	if _, err := (&net.Resolver{}).LookupHost(context.Background(), "localhost"); err != nil {
		t.Error(err)
	}
}

// TestDefaultsAreForThreadsThatSleep: and what the environment says wins.
func TestDefaultsAreForThreadsThatSleep(t *testing.T) {
	read := func(name string) any {
		value, err := granary.Ctl(name).Get()
		if err != nil {
			t.Fatal(err)
		}
		return value
	}
	if os.Getenv("OVERRIDE_TEST_CHILD") != "" {
		if read("opt.background_thread") != false || read("opt.tcache_max") != uint64(4096) || read("opt.dirty_decay_ms") != int64(77) {
			t.Error("the environment does not win")
		}
		return
	}
	if read("background_thread") != true || read("opt.tcache_max") != uint64(1024) || read("opt.dirty_decay_ms") != int64(1000) {
		t.Error("these are not the defaults")
	}
	child := exec.Command(os.Args[0], "-test.run", "^TestDefaultsAreForThreadsThatSleep$")
	child.Env = append(os.Environ(), "OVERRIDE_TEST_CHILD=1", "MALLOC_CONF=dirty_decay_ms:77",
		"GRANARY_CONF=background_thread:false,tcache_max:4096")
	if output, err := child.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, output)
	}
}
