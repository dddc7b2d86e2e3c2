// SPDX-License-Identifier: Apache-2.0 OR MIT

package heap

import "math/bits"

// Classes are those of granary up to 32 KiB: 8, 16, 32, 48, 64, then four in every doubling. A block
// kept here is of a class's size, so that it serves every request of the class.
const (
	maxCached  = 32 << 10
	classCount = 41
	classLarge = classCount     // above maxCached: not kept here
	classArena = classCount + 1 // not a block: an Arena
)

var classSizes = makeClassSizes()

func makeClassSizes() (sizes [classCount]uintptr) {
	for class := range sizes {
		switch {
		case class == 0:
			sizes[class] = 8
		case class <= 4:
			sizes[class] = uintptr(class) * 16
		default:
			group := uint(class-5) / 4
			sizes[class] = uintptr(class-5)%4*(16<<group) + (80 << group)
		}
	}
	return sizes
}

// classOf returns the smallest class that size fits in, classLarge above the largest.
func classOf(size uintptr) int {
	switch {
	case size <= 8:
		return 0
	case size <= 64:
		return int(size+15) / 16
	case size > maxCached:
		return classLarge
	}
	group := uint(bits.Len64(uint64(size-1))) - 7 // 65..128 is group 0
	step := uintptr(16) << group
	return 5 + int(group)*4 + int((size-1-(64<<group))/step)
}

// batchOf returns how many blocks of the class are fetched or given back at once: 64, fewer for big
// ones, so that a shard keeps at most 128 KiB of each class.
func batchOf(class int) int {
	return max(2, min(64, int(maxCached*2/classSizes[class])))
}
