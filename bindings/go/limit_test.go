// SPDX-License-Identifier: Apache-2.0 OR MIT

//go:build cgo && !granary_goheap

package granary_test

import (
	"errors"
	"math"
	"runtime"
	"runtime/debug"
	"testing"
	"time"

	granary "granary/bindings/go"
)

// manage starts management that looks only when the test says so.
func manage(t *testing.T, options granary.LimitOptions) *granary.MemoryLimit {
	t.Helper()
	options.Interval = time.Hour
	m, err := granary.ManageMemoryLimit(options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(m.Stop)
	return m
}

func update(t *testing.T, m *granary.MemoryLimit) granary.LimitState {
	t.Helper()
	state, err := m.Update()
	if err != nil {
		t.Fatal(err)
	}
	return state
}

// keepDirty makes granary keep unused memory until a purge.
func keepDirty(t *testing.T) {
	t.Helper()
	decay := granary.Ctl("arenas.dirty_decay_ms")
	before, err := decay.Int()
	if err != nil {
		t.Fatal(err)
	}
	if err := decay.Set(-1); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := decay.Set(before); err != nil {
			t.Error(err)
		}
	})
}

func touched(n int) granary.Buf[byte] {
	b := granary.Bytes(n, granary.Uninitialized, granary.Tag("limited"))
	for i := 0; i < n; i += 4096 {
		b.Slice()[i] = 1
	}
	return b
}

func TestTheGoLimitFollowsGranary(t *testing.T) {
	const total = 4 << 30
	before := debug.SetMemoryLimit(-1)
	m := manage(t, granary.LimitOptions{Total: total})
	first := update(t, m)
	b := touched(300 << 20)
	second := update(t, m)
	if grown := first.GoLimit - second.GoLimit; grown < 300<<20 || grown > 330<<20 {
		t.Errorf("300 MiB of granary lower the Go limit by %d MiB", grown>>20)
	}
	if now := debug.SetMemoryLimit(-1); now != second.GoLimit || second.GoLimit != total-second.Granary {
		t.Errorf("the Go limit is %d: %+v", now, second)
	}
	b.Free()
	if err := granary.Purge(); err != nil {
		t.Fatal(err)
	}
	third := update(t, m)
	if third.GoLimit < second.GoLimit+290<<20 {
		t.Errorf("freed and purged, the Go limit goes from %d to %d", second.GoLimit, third.GoLimit)
	}
	m.Stop()
	m.Stop()
	if now := debug.SetMemoryLimit(-1); now != before {
		t.Errorf("after Stop the Go limit is %d, it was %d", now, before)
	}
	if state := update(t, m); state != third {
		t.Errorf("an update after Stop says %+v", state)
	}
}

func TestUnusedMemoryIsPurgedBeforeTheLimitAndNotEarlier(t *testing.T) {
	keepDirty(t)
	if err := granary.Purge(); err != nil {
		t.Fatal(err)
	}
	m := manage(t, granary.LimitOptions{Total: 1 << 30, PurgeAt: 0.5})
	touched(100 << 20).Free()
	if state := update(t, m); state.Purged != 0 || state.Granary < 100<<20 {
		t.Errorf("far from the limit: %+v", state)
	}
	for i := 0; i < 3; i++ {
		touched(200<<20 + i).Free() // one after the other in the same memory
	}
	held := touched(350 << 20)
	state := update(t, m)
	if state.Purged < 150<<20 || state.Granary > 400<<20 {
		t.Errorf("near the limit: %+v", state)
	}
	if again := update(t, m); again.Purged > 16<<20 {
		t.Errorf("a second look finds more: %+v", again)
	}
	held.Free()
}

// TestTheCollectorWorksHarderUnderTheLoweredLimit: the Go heap stays near what granary leaves of the
// limit, a hundred MiB; with the whole limit it would be 500.
func TestTheCollectorWorksHarderUnderTheLoweredLimit(t *testing.T) {
	const total = 512 << 20
	held := touched(400 << 20)
	defer held.Free()
	defer debug.SetGCPercent(debug.SetGCPercent(-1)) // the limit alone makes it collect
	m := manage(t, granary.LimitOptions{Total: total})
	update(t, m)
	live := make([][]byte, 20) // 20 MiB live of 2000 that are allocated
	var most uint64
	for i := 0; i < 2000; i++ {
		live[i%len(live)] = make([]byte, 1<<20)
		var stats runtime.MemStats
		if i%50 == 0 {
			runtime.ReadMemStats(&stats)
			most = max(most, stats.Sys-stats.HeapReleased)
		}
	}
	runtime.KeepAlive(live)
	if most > 256<<20 {
		t.Errorf("the Go runtime took %d MiB beside granary's 400, of 512", most>>20)
	}
}

func TestGoKeepsItsMinimum(t *testing.T) {
	held := touched(200 << 20)
	defer held.Free()
	m := manage(t, granary.LimitOptions{Total: 128 << 20, MinGo: 64 << 20})
	if state := update(t, m); state.GoLimit != 64<<20 {
		t.Errorf("granary holds more than everything: %+v", state)
	}
}

func TestALimitIsWanted(t *testing.T) {
	if _, err := granary.ManageMemoryLimit(granary.LimitOptions{}); !errors.Is(err, granary.ErrNoLimit) {
		t.Errorf("without a limit: %v", err)
	}
	broken := errors.New("no cgroup")
	if _, err := granary.ManageMemoryLimit(granary.LimitOptions{
		Provider: func() (uint64, error) { return 0, broken }}); !errors.Is(err, broken) {
		t.Errorf("a provider that fails: %v", err)
	}
	if _, err := granary.ManageMemoryLimit(granary.LimitOptions{
		Provider: func() (uint64, error) { return math.MaxUint64, nil }}); !errors.Is(err, granary.ErrNoLimit) {
		t.Errorf("a provider without a limit: %v", err)
	}
	for _, wrong := range []granary.LimitOptions{{Total: -1}, {Total: 1 << 30, PurgeAt: 1.5}, {Total: 1 << 30, MinGo: 2 << 30},
		{Total: 1 << 30, Interval: -1}, {Total: 1 << 30, PurgeAt: math.NaN()}} {
		if _, err := granary.ManageMemoryLimit(wrong); err == nil {
			t.Errorf("%+v is accepted", wrong)
		}
	}
	m := manage(t, granary.LimitOptions{Provider: func() (uint64, error) { return 1 << 31, nil }})
	if state := update(t, m); state.Total != 1<<31 {
		t.Errorf("the provider's limit is not used: %+v", state)
	}
	if _, err := granary.ManageMemoryLimit(granary.LimitOptions{Total: 1 << 30}); err == nil {
		t.Error("two at a time")
	}
}

func TestItLooksByItself(t *testing.T) {
	defer debug.SetMemoryLimit(debug.SetMemoryLimit(1 << 32)) // as GOMEMLIMIT would
	states := make(chan granary.LimitState)
	m, err := granary.ManageMemoryLimit(granary.LimitOptions{Interval: time.Millisecond,
		OnUpdate: func(state granary.LimitState) {
			select {
			case states <- state:
			default:
			}
		}})
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < 3; i++ {
		if state := <-states; state.Total != 1<<32 {
			t.Errorf("the total is %d", state.Total)
		}
	}
	if last, err := m.Last(); err != nil || last.Granary == 0 || last.Go == 0 {
		t.Errorf("the last look: %+v, %v", last, err)
	}
	m.Stop()
}
