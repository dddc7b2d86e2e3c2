// SPDX-License-Identifier: Apache-2.0 OR MIT

package granary

import "reflect"

// encode returns the bits of a value for a C type of that kind, false if it does not fit.
func (k valueKind) encode(value any) (uint64, bool) {
	if k.width <= 0 {
		return 0, false
	}
	v := reflect.ValueOf(value)
	switch {
	case k.bool:
		if v.Kind() != reflect.Bool {
			return 0, false
		}
		if v.Bool() {
			return 1, true
		}
		return 0, true
	case v.IsValid() && v.CanInt():
		return uint64(v.Int()), v.Int() >= 0 && k.holds(uint64(v.Int())) || v.Int() < 0 && k.signed
	case v.IsValid() && v.CanUint():
		return v.Uint(), k.holds(v.Uint())
	}
	return 0, false
}

// holds says whether a number of at least 0 fits.
func (k valueKind) holds(number uint64) bool {
	bits := uint(k.width) * 8
	if k.signed {
		bits--
	}
	return bits >= 64 || number>>bits == 0
}
