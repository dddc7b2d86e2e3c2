// SPDX-License-Identifier: Apache-2.0 OR MIT

//go:build granary

package main

import (
	"log"
	"os"

	"granary/bindings/go/override"
)

func describe() string {
	if !override.Active() {
		log.Fatal("the C side is not on granary")
	}
	if os.Getenv("GRANARY_CONF") != "" {
		return "granary, options of libgranary"
	}
	return "granary"
}
