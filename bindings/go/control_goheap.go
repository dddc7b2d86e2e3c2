// SPDX-License-Identifier: Apache-2.0 OR MIT

//go:build !cgo || granary_goheap

package granary

import "errors"

const supported = false

// ReadStats fails: there is no granary in this build.
func ReadStats() (Stats, error) {
	return Stats{}, &CtlError{Op: "read", Name: "stats", Err: errors.ErrUnsupported}
}

// Report fails: there is no granary in this build.
func Report(string) (string, error) {
	return "", &CtlError{Op: "read", Name: "the report", Err: errors.ErrUnsupported}
}

// OpenMetrics fails: there is no granary in this build.
func OpenMetrics() (string, error) {
	return "", &CtlError{Op: "read", Name: "the metrics", Err: errors.ErrUnsupported}
}

func namesText() (string, error) { return "", errors.ErrUnsupported }

func (c Control) read(int) (uint64, error) { return 0, c.failed("read", errors.ErrUnsupported) }

func (c Control) readText() (string, error) { return "", c.failed("read", errors.ErrUnsupported) }

func (c Control) write(int, uint64) error { return c.failed("write", errors.ErrUnsupported) }

func (c Control) writeText(string) error { return c.failed("write", errors.ErrUnsupported) }

func (c Control) act() error { return c.failed("do", errors.ErrUnsupported) }

func purge() error { return errors.ErrUnsupported }
