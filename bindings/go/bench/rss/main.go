// SPDX-License-Identifier: Apache-2.0 OR MIT

// Rss is a program of 200 threads that call C: SQLite, each thread with databases in memory of its
// own, which come and go. It writes the physical memory of the process over time.
//
//	go run ./rss                     on the C library's malloc
//	go run -tags granary ./rss       on granary
package main

import (
	"database/sql"
	"flag"
	"fmt"
	"log"
	"math/rand"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"time"

	_ "github.com/mattn/go-sqlite3"
)

var (
	threads = flag.Int("threads", 200, "threads that call SQLite")
	rounds  = flag.Int("rounds", 6, "databases of each thread")
	rows    = flag.Int("rows", 1500, "rows of a database")
	idle    = flag.Duration("idle", 12*time.Second, "rest at the end")
	output  = flag.String("csv", "", "file for seconds,MiB")
)

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

// database fills one, asks it, empties a part of it, and drops it.
func database(random *rand.Rand) {
	db, err := sql.Open("sqlite3", ":memory:")
	check(err)
	defer db.Close()
	db.SetMaxOpenConns(1)
	_, err = db.Exec("create table notes (id integer primary key, author text, body blob); create index authors on notes(author)")
	check(err)
	tx, err := db.Begin()
	check(err)
	insert, err := tx.Prepare("insert into notes (author, body) values (?, ?)")
	check(err)
	for i := 0; i < *rows; i++ {
		_, err = insert.Exec(fmt.Sprintf("author %d", random.Intn(100)), make([]byte, 50+random.Intn(1200)))
		check(err)
	}
	check(insert.Close())
	check(tx.Commit())
	for i := 0; i < 5; i++ {
		var count, length int64
		check(db.QueryRow("select count(*), sum(length(body)) from notes where author >= ? order by body",
			fmt.Sprintf("author %d", i)).Scan(&count, &length))
	}
	_, err = db.Exec("delete from notes where id % 3 = 0")
	check(err)
}

func worker(seed int64, working *sync.WaitGroup, end <-chan struct{}) {
	runtime.LockOSThread() // one thread each, which stays
	random := rand.New(rand.NewSource(seed))
	for i := 0; i < *rounds; i++ {
		time.Sleep(time.Duration(random.Intn(400)) * time.Millisecond)
		database(random)
	}
	working.Done()
	<-end
}

func resident() float64 {
	text, err := os.ReadFile("/proc/self/statm")
	check(err)
	pages, err := strconv.ParseUint(strings.Fields(string(text))[1], 10, 64)
	check(err)
	return float64(pages) * float64(os.Getpagesize()) / (1 << 20)
}

// watch writes a line ten times a second until end, and returns the peak.
func watch(out *os.File, end <-chan struct{}) (peak float64) {
	start := time.Now()
	ticker := time.NewTicker(100 * time.Millisecond)
	defer ticker.Stop()
	for {
		select {
		case <-end:
			return peak
		case <-ticker.C:
			now := resident()
			peak = max(peak, now)
			if out != nil {
				fmt.Fprintf(out, "%.2f,%.1f\n", time.Since(start).Seconds(), now)
			}
		}
	}
}

func main() {
	flag.Parse()
	var out *os.File
	if *output != "" {
		var err error
		out, err = os.Create(*output)
		check(err)
		defer out.Close()
	}
	end, peak := make(chan struct{}), make(chan float64)
	go func() { peak <- watch(out, end) }()
	var working sync.WaitGroup
	working.Add(*threads)
	start := time.Now()
	for i := 0; i < *threads; i++ {
		go worker(int64(i), &working, end)
	}
	working.Wait()
	worked, after := time.Since(start), resident()
	time.Sleep(*idle)
	rest := resident()
	close(end)
	fmt.Printf("%-34s %6.1f s  peak %7.1f MiB  after %7.1f MiB  %v later %7.1f MiB\n",
		describe(), worked.Seconds(), <-peak, after, *idle, rest)
}
