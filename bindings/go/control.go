// SPDX-License-Identifier: Apache-2.0 OR MIT

package granary

import (
	"fmt"
	"strings"
	"sync"
	"syscall"

	"granary/bindings/go/internal/heap"
)

// Control is one name of granary's control tree. docs/mallctl.md of granary lists them; so does
// [Names].
type Control string

// Ctl returns the control of that name, such as "stats.allocated" or "arena.0.dirty_decay_ms". Whether
// there is one shows in the first use.
func Ctl(name string) Control { return Control(name) }

// CtlNode describes one name of the tree, in which <arena>, <bin> and the like stand for a number.
type CtlNode struct {
	Name    string
	Type    string // in C: "bool", "size_t", "const char *", …
	Access  string // "r", "w", "rw" or "void"
	Meaning string
}

var nodes struct {
	sync.Mutex
	list []CtlNode
	by   map[string]CtlNode
}

// Names returns the whole tree.
func Names() ([]CtlNode, error) {
	nodes.Lock()
	defer nodes.Unlock()
	if nodes.list != nil {
		return nodes.list, nil
	}
	text, err := namesText()
	if err != nil {
		return nil, err
	}
	by := map[string]CtlNode{}
	var list []CtlNode
	for _, line := range strings.Split(strings.TrimSuffix(text, "\n"), "\n") {
		fields := strings.SplitN(line, "\t", 4)
		if len(fields) != 4 {
			return nil, fmt.Errorf("granary: the list of names has the line %q", line)
		}
		node := CtlNode{fields[0], fields[1], fields[2], fields[3]}
		list = append(list, node)
		by[pattern(node.Name)] = node
	}
	nodes.list, nodes.by = list, by
	return list, nil
}

// pattern replaces numbers and what stands for them: the same for a name and its node.
func pattern(name string) string {
	parts := strings.Split(name, ".")
	for i, part := range parts {
		if strings.HasPrefix(part, "<") || (part != "" && strings.Trim(part, "0123456789") == "") {
			parts[i] = "#"
		}
	}
	return strings.Join(parts, ".")
}

// Node returns the description of the control.
func (c Control) Node() (CtlNode, error) {
	if _, err := Names(); err != nil {
		return CtlNode{}, c.failed("read", err)
	}
	nodes.Lock()
	defer nodes.Unlock()
	node, found := nodes.by[pattern(string(c))]
	if !found || strings.ContainsRune(string(c), 0) {
		return CtlNode{}, c.failed("read", syscall.ENOENT)
	}
	return node, nil
}

func (c Control) failed(op string, err error) error {
	return &CtlError{Op: op, Name: string(c), Err: err}
}

// valueKind is what a C type is in Go.
type valueKind struct {
	width  int // bytes; 0 for text, -1 for what is no plain value
	signed bool
	bool   bool
}

func kindOf(node CtlNode) valueKind {
	switch node.Type {
	case "bool":
		return valueKind{width: 1, bool: true}
	case "unsigned", "uint32_t":
		return valueKind{width: 4}
	case "size_t", "uint64_t", "void *", "size_t *", "uint64_t *":
		return valueKind{width: 8}
	case "ssize_t", "int64_t":
		return valueKind{width: 8, signed: true}
	case "const char *":
		return valueKind{}
	}
	return valueKind{width: -1}
}

// Get returns the value: a bool, a uint64, an int64 where it may be negative, or a string. An address
// is a uint64.
func (c Control) Get() (any, error) {
	node, err := c.Node()
	if err != nil {
		return nil, err
	}
	kind := kindOf(node)
	switch {
	case kind.width < 0 || node.Access == "void":
		return nil, c.failed("read", syscall.EPERM)
	case kind.width == 0:
		return c.readText()
	}
	value, err := c.read(kind.width)
	switch {
	case err != nil:
		return nil, err
	case kind.bool:
		return value != 0, nil
	case kind.signed:
		return int64(value), nil
	}
	return value, nil
}

// Uint returns a value that is a number of at least 0.
func (c Control) Uint() (uint64, error) { return as[uint64](c) }

// Int returns a value that is a number and may be negative.
func (c Control) Int() (int64, error) { return as[int64](c) }

// Bool returns a value that is true or false.
func (c Control) Bool() (bool, error) { return as[bool](c) }

// Text returns a value that is a text.
func (c Control) Text() (string, error) { return as[string](c) }

func as[T any](c Control) (T, error) {
	var none T
	value, err := c.Get()
	if err != nil {
		return none, err
	}
	if typed, ok := value.(T); ok {
		return typed, nil
	}
	return none, c.failed("read", fmt.Errorf("%w: the value is a %T and no %T", syscall.EINVAL, value, none))
}

// Set writes a bool, a string, or a number of any type of Go that the value can hold.
func (c Control) Set(value any) error {
	node, err := c.Node()
	if err != nil {
		return err
	}
	kind := kindOf(node)
	if text, ok := value.(string); ok && kind.width == 0 {
		return c.writeText(text)
	}
	bits, ok := kind.encode(value)
	if !ok {
		return c.failed("write", fmt.Errorf("%w: no %s holds the %T %v", syscall.EINVAL, node.Type, value, value))
	}
	return c.write(kind.width, bits)
}

// Do is for the names of access "void", such as "arena.0.purge".
func (c Control) Do() error { return c.act() }

// Purge gives all unused memory back to the system, at once: what this package keeps at hand, what the
// calling thread's cache keeps, and the unused pages of all arenas.
func Purge() error {
	heap.Flush()
	if !supported {
		return nil
	}
	return purge()
}
