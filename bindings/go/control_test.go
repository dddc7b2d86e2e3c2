// SPDX-License-Identifier: Apache-2.0 OR MIT

//go:build cgo && !granary_goheap

package granary_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"sync"
	"syscall"
	"testing"

	granary "granary/bindings/go"
)

func readStats(t *testing.T) granary.Stats {
	t.Helper()
	stats, err := granary.ReadStats()
	if err != nil {
		t.Fatal(err)
	}
	return stats
}

func TestStatsFollowWhatIsAllocated(t *testing.T) {
	before := readStats(t)
	b := granary.Bytes(64<<20, granary.Tag("seen"))
	during := readStats(t)
	if during.HugeAllocated < before.HugeAllocated+64<<20 || during.HugeLive != before.HugeLive+1 {
		t.Errorf("64 MiB more: %+v, before %+v", during, before)
	}
	if during.Epoch <= before.Epoch {
		t.Errorf("the epoch went from %d to %d", before.Epoch, during.Epoch)
	}
	if during.Allocated != during.SmallAllocated+during.LargeAllocated+during.HugeAllocated {
		t.Errorf("allocated is not the sum of its parts: %+v", during)
	}
	b.Free()
	if after := readStats(t); after.HugeLive != before.HugeLive {
		t.Errorf("freed: %+v, before %+v", after, before)
	}
}

func TestStatsAreTheControlTreesFigures(t *testing.T) {
	stats := readStats(t)
	for name, want := range map[string]uint64{
		"epoch": stats.Epoch, "stats.allocated": stats.Allocated, "stats.active": stats.Active,
		"stats.metadata": stats.Metadata, "stats.resident": stats.Resident, "stats.mapped": stats.Mapped,
		"stats.retained": stats.Retained,
	} {
		if got, err := granary.Ctl(name).Uint(); err != nil || got != want {
			t.Errorf("%s is %d, %v; the statistics say %d", name, got, err, want)
		}
	}
}

func TestPurgeGivesUnusedMemoryBack(t *testing.T) {
	for i := 0; i < 100; i++ {
		b := granary.Bytes(1<<20, granary.Uninitialized)
		clear(b.Slice())
		defer b.Free()
	}
	for i := 0; i < 100; i++ {
		b := granary.Bytes(8<<20, granary.Uninitialized)
		clear(b.Slice())
		b.Free()
	}
	before := readStats(t)
	if before.Dirty < 8<<20 {
		t.Fatalf("nothing is dirty: %+v", before)
	}
	if err := granary.Purge(); err != nil {
		t.Fatal(err)
	}
	if after := readStats(t); after.Dirty > before.Dirty/4 || before.Resident-after.Resident < before.Dirty/4*3 {
		t.Errorf("before %+v\nafter %+v", before, after)
	}
}

func TestPurgeGivesBackWhatThisPackageKeeps(t *testing.T) {
	bufs := make([]granary.Buf[byte], 4000)
	granary.MakeBatch(bufs, 1000)
	granary.FreeBatch(bufs)
	granary.Bytes(1000).Free()
	kept := readStats(t).SmallAllocated
	if err := granary.Purge(); err != nil {
		t.Fatal(err)
	}
	if after := readStats(t).SmallAllocated; after >= kept {
		t.Errorf("small regions are %d bytes, before the purge %d", after, kept)
	}
}

// needsInput has the names that take a question along with the place for the answer; from Go they are
// not readable.
var needsInput = map[string]bool{
	"thread.tcache.ncached_max.read_sizeclass": true,
	"arenas.lookup":            true,
	"experimental.batch_alloc": true,
}

// TestEveryReadableNameIsRead reads the whole tree, with the index 0 wherever one belongs.
func TestEveryReadableNameIsRead(t *testing.T) {
	names, err := granary.Names()
	if err != nil || len(names) < 400 {
		t.Fatalf("%d names, %v", len(names), err)
	}
	read := map[string]int{}
	for _, node := range names {
		if node.Name == "" || node.Type == "" || node.Meaning == "" {
			t.Errorf("the node %+v is incomplete", node)
		}
		if !strings.HasPrefix(node.Access, "r") || node.Type == "struct" {
			continue
		}
		parts := strings.Split(node.Name, ".")
		for i, part := range parts {
			if strings.HasPrefix(part, "<") {
				parts[i] = "0"
			}
		}
		name := strings.Join(parts, ".")
		value, err := granary.Ctl(name).Get()
		if needsInput[node.Name] && errors.Is(err, syscall.EINVAL) {
			continue
		}
		if err != nil && !errors.Is(err, syscall.ENOENT) && !errors.Is(err, syscall.EFAULT) {
			t.Errorf("%s (%s): %v", name, node.Type, err)
		}
		if err == nil {
			read[fmt.Sprintf("%T", value)]++
		}
	}
	for _, kind := range []string{"bool", "uint64", "int64", "string"} {
		if read[kind] < 3 {
			t.Errorf("only %d values are a %s: %v", read[kind], kind, read)
		}
	}
}

func TestValuesAreWrittenAndReadBack(t *testing.T) {
	decay := granary.Ctl("arenas.dirty_decay_ms")
	before, err := decay.Int()
	if err != nil {
		t.Fatal(err)
	}
	for _, value := range []any{int64(1234), 1234, uint16(1234)} {
		if err := decay.Set(value); err != nil {
			t.Fatalf("%T: %v", value, err)
		}
		if now, err := decay.Int(); now != 1234 || err != nil {
			t.Errorf("%T: the decay time is %d, %v", value, now, err)
		}
	}
	if err := decay.Set(-1); err != nil {
		t.Fatal(err)
	}
	if now, err := decay.Int(); now != -1 || err != nil {
		t.Errorf("the decay time is %d, %v", now, err)
	}
	if err := decay.Set(before); err != nil {
		t.Fatal(err)
	}
	background := granary.Ctl("background_thread")
	if err := background.Set(true); err != nil {
		t.Fatal(err)
	}
	if on, err := background.Bool(); !on || err != nil {
		t.Errorf("the background thread is on: %v, %v", on, err)
	}
	if err := background.Set(false); err != nil {
		t.Fatal(err)
	}
	if err := granary.Ctl("arena.0.name").Set("first of Go"); err != nil {
		t.Fatal(err)
	}
	if text, err := granary.Ctl("arena.0.name").Text(); text != "first of Go" || err != nil {
		t.Errorf("the arena's name is %q, %v", text, err)
	}
	if version, err := granary.Ctl("version").Text(); !strings.HasPrefix(version, "0.") || err != nil {
		t.Errorf("the version is %q, %v", version, err)
	}
}

func TestErrorsNameTheControlAndTheReason(t *testing.T) {
	get := func(name string) error { _, err := granary.Ctl(name).Get(); return err }
	asUint := func(name string) error { _, err := granary.Ctl(name).Uint(); return err }
	for _, c := range []struct {
		name, op string
		err      error
		is       error
	}{
		{"no.such.name", "read", get("no.such.name"), syscall.ENOENT},
		{"no.such.name", "read", get("no.such.name"), fs.ErrNotExist},
		{"stats.allocated\x00x", "read", get("stats.allocated\x00x"), syscall.ENOENT},
		{"arenas.bin.4000.size", "read", get("arenas.bin.4000.size"), syscall.ENOENT},
		{"arena.0.purge", "read", get("arena.0.purge"), syscall.EPERM},
		{"version", "read", asUint("version"), syscall.EINVAL},
		{"stats.allocated", "write", granary.Ctl("stats.allocated").Set(1), syscall.EPERM},
		{"background_thread", "write", granary.Ctl("background_thread").Set(1), syscall.EINVAL},
		{"background_thread", "write", granary.Ctl("background_thread").Set(nil), syscall.EINVAL},
		{"thread.arena", "write", granary.Ctl("thread.arena").Set(1 << 40), syscall.EINVAL},
		{"epoch", "write", granary.Ctl("epoch").Set(-1), syscall.EINVAL},
		{"arena.0.name", "write", granary.Ctl("arena.0.name").Set("a\x00b"), syscall.EINVAL},
		{"no.such.name", "do", granary.Ctl("no.such.name").Do(), syscall.ENOENT},
		{"no.such.name", "write", granary.Ctl("no.such.name").Set(1), syscall.ENOENT},
	} {
		var ctlError *granary.CtlError
		if !errors.Is(c.err, c.is) || !errors.As(c.err, &ctlError) || ctlError.Name != c.name {
			t.Errorf("%s %s: %v", c.op, c.name, c.err)
		}
	}
	if text := get("no.such.name").Error(); text != "granary: read no.such.name: no such file or directory" {
		t.Errorf("the message is %q", text)
	}
}

func TestReportsAreTextJSONAndMetrics(t *testing.T) {
	text, err := granary.Report("")
	if err != nil || !strings.Contains(text, "arenas[") {
		t.Errorf("the report is %.100q…, %v", text, err)
	}
	text, err = granary.Report("J")
	if err != nil || !json.Valid([]byte(text)) {
		t.Errorf("the JSON report is %.100q…, %v", text, err)
	}
	text, err = granary.OpenMetrics()
	if err != nil || !strings.HasSuffix(text, "# EOF\n") || !strings.Contains(text, "granary_allocated_bytes ") {
		t.Errorf("the metrics are %.100q…, %v", text, err)
	}
}

func TestGoroutinesShareTheControl(t *testing.T) {
	var all sync.WaitGroup
	for i := 0; i < 8; i++ {
		all.Add(1)
		go func() {
			defer all.Done()
			for j := 0; j < 50; j++ {
				if _, err := granary.ReadStats(); err != nil {
					t.Error(err)
				}
				if _, err := granary.Ctl("arenas.narenas").Uint(); err != nil {
					t.Error(err)
				}
				granary.Bytes(100 * j).Free()
				if err := granary.Purge(); err != nil {
					t.Error(err)
				}
			}
		}()
	}
	all.Wait()
}
