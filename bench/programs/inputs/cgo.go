// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// cgo.go — goroutines that keep C memory: buffers are allocated in one and freed in another.
package main

/*
#include <stdlib.h>
#include <string.h>
static void *filled(size_t size, int byte) {
    void *object = malloc(size);
    if (object != NULL) memset(object, byte, size);
    return object;
}
static long sum_and_free(unsigned char *object, size_t size) {
    long sum = object[0] + object[size - 1];
    free(object);
    return sum;
}
*/
import "C"

import (
	"fmt"
	"sync"
	"unsafe"
)

type block struct {
	memory unsafe.Pointer
	size   C.size_t
}

func main() {
	const makers, blocks = 4, 150000
	channel := make(chan []block, 16)
	var makersDone sync.WaitGroup
	for maker := 0; maker < makers; maker++ {
		makersDone.Add(1)
		go func(maker int) {
			defer makersDone.Done()
			batch := []block{}
			for i := 1; i <= blocks; i++ {
				size := C.size_t(16 + i*7919%2000)
				batch = append(batch, block{C.filled(size, C.int((i+maker)%251)), size})
				if len(batch) == 500 || i == blocks {
					channel <- batch
					batch = []block{}
				}
			}
		}(maker)
	}
	go func() { makersDone.Wait(); close(channel) }()
	sums := make(chan int64, makers)
	for user := 0; user < makers; user++ {
		go func() {
			var sum int64
			for batch := range channel {
				for _, b := range batch {
					sum += int64(C.sum_and_free((*C.uchar)(b.memory), b.size))
				}
			}
			sums <- sum
		}()
	}
	var total int64
	for user := 0; user < makers; user++ {
		total += <-sums
	}
	fmt.Println(total)
}
