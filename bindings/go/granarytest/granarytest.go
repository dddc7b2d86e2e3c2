// SPDX-License-Identifier: Apache-2.0 OR MIT

// Package granarytest fails tests that leave memory of granary behind.
//
// What is in use is counted for the whole process: tests that run in parallel, and count under the
// same tags, disturb each other.
package granarytest

import (
	"fmt"
	"strings"
	"testing"

	granary "granary/bindings/go"
)

// Option restricts what counts as a leak.
type Option func(*scope)

type scope struct {
	ignored  map[string]bool
	baseline map[key]granary.Site
}

type key struct{ tag, place string }

// Ignore leaves out what is counted under a tag.
func Ignore(tag string) Option { return func(s *scope) { s.ignored[tag] = true } }

// IgnoreCurrent leaves out as much as is in use now.
func IgnoreCurrent() Option {
	baseline := byKey()
	return func(s *scope) { s.baseline = baseline }
}

func byKey() map[key]granary.Site {
	sums := map[key]granary.Site{}
	for _, site := range granary.Sites() {
		sums[key{site.Tag, site.Place}] = site
	}
	return sums
}

// VerifyNone fails the test, now, if any memory of package granary is in use:
//
//	defer granarytest.VerifyNone(t)
func VerifyNone(t testing.TB, options ...Option) {
	t.Helper()
	s := scope{ignored: map[string]bool{}}
	for _, option := range options {
		option(&s)
	}
	if lines := s.leaks(); len(lines) > 0 {
		t.Errorf("granary: memory is still in use:\n  %s", strings.Join(lines, "\n  "))
	}
}

// Watch fails the test at its end if it leaves more memory in use than there is now, and says where
// in the program that was allocated.
func Watch(t testing.TB, options ...Option) {
	t.Helper()
	options = append(options, IgnoreCurrent())
	before := granary.Trace(true)
	t.Cleanup(func() {
		t.Helper()
		granary.Trace(before)
		VerifyNone(t, options...)
	})
}

func (s *scope) leaks() (lines []string) {
	for _, site := range granary.Sites() {
		before := s.baseline[key{site.Tag, site.Place}]
		objects, bytes := site.Objects-before.Objects, site.Bytes-before.Bytes
		if s.ignored[site.Tag] || objects <= 0 && bytes <= 0 {
			continue
		}
		line := fmt.Sprintf("tag %q: %d bytes in %d objects", site.Tag, bytes, objects)
		if site.Place != "" {
			line += " from " + site.Place
		}
		lines = append(lines, line)
	}
	return lines
}
