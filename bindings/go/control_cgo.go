// SPDX-License-Identifier: Apache-2.0 OR MIT

//go:build cgo && !granary_goheap

package granary

import (
	"errors"
	"strings"
	"syscall"

	"granary/bindings/go/internal/capi"
)

const supported = true

// ReadStats refreshes granary's statistics and returns them.
func ReadStats() (Stats, error) {
	out := capi.NewStats_v1()
	defer capi.DeleteStats_v1(out)
	if code := capi.Stats_v1_read(out); code != 0 {
		return Stats{}, &CtlError{Op: "read", Name: "stats", Err: syscall.Errno(code)}
	}
	return Stats{
		Epoch:          out.GetEpoch(),
		Allocated:      out.GetAllocated(),
		SmallAllocated: out.GetSmall_allocated(),
		LargeAllocated: out.GetLarge_allocated(),
		HugeAllocated:  out.GetHuge_allocated(),
		Active:         out.GetActive(),
		Resident:       out.GetResident(),
		Mapped:         out.GetMapped(),
		Metadata:       out.GetMetadata(),
		Dirty:          out.GetDirty(),
		Muzzy:          out.GetMuzzy(),
		Retained:       out.GetRetained(),
		Cached:         out.GetCached(),
		ThreadCached:   out.GetThread_cached(),
		RunBytes:       out.GetRun_bytes(),
		DirtyPurged:    out.GetDirty_purged(),
		MuzzyPurged:    out.GetMuzzy_purged(),
		LargeLive:      out.GetLarge_live(),
		HugeLive:       out.GetHuge_live(),
		Arenas:         out.GetArenas(),
		Threads:        out.GetThreads(),
	}, nil
}

// Report returns granary's report. The letters of options leave parts of it out (see
// granary_malloc_stats_print() in granary.h); J makes it JSON.
func Report(options string) (string, error) {
	return textOr("the report", capi.Stats_text(options))
}

// OpenMetrics returns granary's figures in the OpenMetrics text format.
func OpenMetrics() (string, error) { return textOr("the metrics", capi.Metrics_text()) }

func namesText() (string, error) { return textOr("the names", capi.Ctl_names()) }

// textOr: none of these texts is ever empty but when there was no memory.
func textOr(what, text string) (string, error) {
	if text == "" {
		return "", &CtlError{Op: "read", Name: what, Err: ErrOutOfMemory}
	}
	return text, nil
}

func (c Control) read(width int) (uint64, error) {
	value := make([]uint64, 1)
	err := c.check("read", func() int { return capi.Ctl_read(string(c), int64(width), value) })
	return value[0], err
}

// check makes an error of the result of a call. A name with a zero byte would be cut off there in C.
func (c Control) check(op string, call func() int) error {
	if strings.ContainsRune(string(c), 0) {
		return c.failed(op, syscall.ENOENT)
	}
	if code := call(); code != 0 {
		return c.failed(op, syscall.Errno(code))
	}
	return nil
}

func (c Control) readText() (string, error) {
	// A text is read twice: as an address, for the error, and then what is there. An arena's name has no
	// address: it is copied to one, and reading that as a number fails.
	address, err := c.read(8)
	if errors.Is(err, syscall.EINVAL) {
		if text := capi.Ctl_read_text(string(c)); text != "" {
			return text, nil
		}
	}
	if err != nil || address == 0 {
		return "", err
	}
	return capi.Ctl_read_text(string(c)), nil
}

func (c Control) write(width int, bits uint64) error {
	return c.check("write", func() int { return capi.Ctl_write(string(c), int64(width), bits) })
}

func (c Control) writeText(text string) error {
	if strings.ContainsRune(text, 0) {
		return c.failed("write", syscall.EINVAL)
	}
	return c.check("write", func() int { return capi.Ctl_write_text(string(c), text) })
}

func (c Control) act() error {
	return c.check("do", func() int { return capi.Ctl_do(string(c)) })
}

func purge() error {
	// EFAULT: this thread has no cache.
	if err := Ctl("thread.tcache.flush").Do(); err != nil && !errors.Is(err, syscall.EFAULT) {
		return err
	}
	return Ctl("arena.4096.purge").Do() // all arenas
}
