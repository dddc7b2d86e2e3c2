// SPDX-License-Identifier: Apache-2.0 OR MIT

// Arena parses requests into memory that ends with the request, whatever was allocated in between.
//
//	go run ./examples/arena
package main

import (
	"bytes"
	"fmt"

	granary "granary/bindings/go"
)

// field is a part of the request's text; it may not hold a string, which is a Go pointer.
type field struct{ NameAt, NameLen, ValueAt, ValueLen uint32 }

type request struct {
	text   granary.Buf[byte]
	fields granary.Buf[field]
}

func parse(arena *granary.Arena, line []byte) request {
	text := arena.Bytes(len(line))
	copy(text.Slice(), line)
	fields := granary.ArenaMake[field](arena, bytes.Count(line, []byte("&"))+1)
	at := 0
	for i, pair := range bytes.Split(text.Slice(), []byte("&")) {
		name, value, _ := bytes.Cut(pair, []byte("="))
		fields.Slice()[i] = field{uint32(at), uint32(len(name)), uint32(at + len(name) + 1), uint32(len(value))}
		at += len(pair) + 1
	}
	return request{text, fields}
}

func (r request) value(name string) string {
	text := r.text.Slice()
	for _, f := range r.fields.Slice() {
		if string(text[f.NameAt:f.NameAt+f.NameLen]) == name {
			return string(text[f.ValueAt : f.ValueAt+f.ValueLen])
		}
	}
	return ""
}

func main() {
	arena := granary.NewArena(granary.Tag("request"))
	defer arena.Free()
	var last request
	for i := 0; i < 100_000; i++ {
		arena.Reset() // everything of the request before is gone, its handles are stale
		last = parse(arena, []byte(fmt.Sprintf("user=%d&action=fetch&size=%d", i, i*3)))
	}
	fmt.Printf("the last request: user %s, size %s\n", last.value("user"), last.value("size"))
	fmt.Printf("100000 requests in %d KiB\n", arena.Size()>>10)

	arena.Reset()
	defer func() { fmt.Println("a mistake:", recover()) }()
	last.value("user")
}
