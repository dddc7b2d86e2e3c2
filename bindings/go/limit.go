// SPDX-License-Identifier: Apache-2.0 OR MIT

package granary

import (
	"errors"
	"math"
	"runtime/debug"
	"runtime/metrics"
	"sync"
	"time"
)

// LimitOptions say how [ManageMemoryLimit] works. The zero value is good for most programs.
type LimitOptions struct {
	// Total is the limit for both heaps together, in bytes. 0 takes what the Go memory limit is
	// (GOMEMLIMIT).
	Total int64
	// Provider is asked for Total if that is 0, as those of github.com/KimMachineGun/automemlimit:
	// memlimit.FromCgroup and others fit.
	Provider func() (uint64, error)
	// Interval is the time between two looks. 0 means 250 ms.
	Interval time.Duration
	// PurgeAt is the part of Total from which unused memory of granary is given back, if that is more
	// than a hundredth of Total. Over 0 up to 1; 0 means 0.9.
	PurgeAt float64
	// MinGo is the least that the Go heap is left, whatever granary holds. 0 means a sixteenth of
	// Total. A limit below what Go needs makes it collect all the time.
	MinGo int64
	// OnUpdate is called after every look, from the goroutine that looks, if it is not nil.
	OnUpdate func(LimitState)
}

// LimitState is what [MemoryLimit.Update] found and did.
type LimitState struct {
	Total   int64 // the limit of both heaps
	Granary int64 // resident memory of granary, after a purge if there was one
	Go      int64 // memory of the Go runtime
	GoLimit int64 // what the Go memory limit is now
	Purged  int64 // bytes of granary that were given back by this look
}

// MemoryLimit makes the Go memory limit take granary's memory into account, see [ManageMemoryLimit].
type MemoryLimit struct {
	options LimitOptions
	before  int64 // the Go limit that Stop restores
	mu      sync.Mutex
	last    LimitState
	err     error
	stopped bool
	stop    chan struct{}
	done    chan struct{}
}

// ErrNoLimit is what [ManageMemoryLimit] fails with where there is no limit to manage.
var ErrNoLimit = errors.New("granary: no memory limit: set GOMEMLIMIT, debug.SetMemoryLimit or LimitOptions.Total")

var limitLock sync.Mutex // of there being one
var limitActive bool

// ManageMemoryLimit makes the program's memory limit one for both heaps. The Go runtime does not count
// memory of C; with this, its limit is lowered by what granary holds, so that the collector works
// harder when granary grows, and granary gives back what it does not use before the limit is reached.
//
// It looks at both several times a second, from a goroutine of its own, until Stop, which puts the Go
// limit back. There is one at a time.
func ManageMemoryLimit(options LimitOptions) (*MemoryLimit, error) {
	before := debug.SetMemoryLimit(-1)
	if err := options.complete(before); err != nil {
		return nil, err
	}
	limitLock.Lock()
	defer limitLock.Unlock()
	if limitActive {
		return nil, errors.New("granary: the memory limit is managed already")
	}
	m := &MemoryLimit{options: options, before: before, stop: make(chan struct{}), done: make(chan struct{})}
	if _, err := m.Update(); err != nil {
		debug.SetMemoryLimit(before)
		return nil, err
	}
	limitActive = true
	go m.run()
	return m, nil
}

func (o *LimitOptions) complete(current int64) error {
	if o.Total == 0 && o.Provider != nil {
		total, err := o.Provider()
		if err != nil {
			return err
		}
		o.Total = int64(min(total, math.MaxInt64))
	}
	if o.Total == 0 {
		o.Total = current
	}
	if o.Total <= 0 || o.Total == math.MaxInt64 {
		return ErrNoLimit
	}
	if o.Interval == 0 {
		o.Interval = 250 * time.Millisecond
	}
	if o.PurgeAt == 0 {
		o.PurgeAt = 0.9
	}
	if o.MinGo == 0 {
		o.MinGo = o.Total / 16
	}
	if o.Interval < 0 || !(o.PurgeAt > 0 && o.PurgeAt <= 1) || o.MinGo < 0 || o.MinGo > o.Total {
		return errors.New("granary: LimitOptions are out of range")
	}
	return nil
}

func (m *MemoryLimit) run() {
	defer close(m.done)
	ticker := time.NewTicker(m.options.Interval)
	defer ticker.Stop()
	for {
		select {
		case <-m.stop:
			return
		case <-ticker.C:
			_, err := m.Update()
			m.mu.Lock()
			m.err = err
			m.mu.Unlock()
		}
	}
}

// Update looks at both heaps now, purges and moves the Go limit as needed, and says what it found. After
// Stop it changes nothing.
func (m *MemoryLimit) Update() (LimitState, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.stopped {
		return m.last, nil
	}
	stats, err := ReadStats()
	if err != nil {
		return m.last, err
	}
	state := LimitState{Total: m.options.Total, Granary: int64(stats.Resident), Go: goMemory()}
	near := int64(float64(state.Total) * m.options.PurgeAt)
	if state.Granary+state.Go > near && int64(stats.Unused()) > state.Total/100 {
		if err := Purge(); err != nil {
			return m.last, err
		}
		if stats, err = ReadStats(); err != nil {
			return m.last, err
		}
		state.Purged = max(0, state.Granary-int64(stats.Resident))
		state.Granary = int64(stats.Resident)
	}
	state.GoLimit = max(m.options.MinGo, state.Total-state.Granary)
	debug.SetMemoryLimit(state.GoLimit)
	m.last = state
	if m.options.OnUpdate != nil {
		m.options.OnUpdate(state)
	}
	return state, nil
}

// goMemory returns what the Go runtime compares with its limit.
func goMemory() int64 {
	samples := []metrics.Sample{{Name: "/memory/classes/total:bytes"}, {Name: "/memory/classes/heap/released:bytes"}}
	metrics.Read(samples)
	return int64(samples[0].Value.Uint64() - samples[1].Value.Uint64())
}

// Last returns what the last look found, and its error if it failed.
func (m *MemoryLimit) Last() (LimitState, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.last, m.err
}

// Stop ends the management and puts the Go limit back. A second Stop does nothing. OnUpdate must not
// call it.
func (m *MemoryLimit) Stop() {
	m.mu.Lock()
	if m.stopped {
		m.mu.Unlock()
		return
	}
	m.stopped = true
	close(m.stop)
	m.mu.Unlock()
	<-m.done
	debug.SetMemoryLimit(m.before)
	limitLock.Lock()
	limitActive = false
	limitLock.Unlock()
}
