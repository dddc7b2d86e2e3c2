// SPDX-License-Identifier: Apache-2.0 OR MIT

// Stats is a server that shows both heaps of itself, under a memory limit for both.
//
//	go run ./examples/stats                       asks itself once, and ends
//	go run ./examples/stats -listen :8080         serves
//	    /debug/granary          text; ?format=json, openmetrics or report-json
//	    /debug/vars             expvar, with the variable memory
package main

import (
	"context"
	"expvar"
	"flag"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strings"

	granary "granary/bindings/go"
	"granary/bindings/go/metrics"
	"granary/bindings/go/override" // C code of this program allocates from granary too
)

var listen = flag.String("listen", "", "address to serve on")

func handler() http.Handler {
	metrics.Publish("memory")
	mux := http.NewServeMux()
	mux.Handle("/debug/granary", metrics.Handler())
	mux.Handle("/debug/vars", expvar.Handler())
	return mux
}

// ask prints the first lines of what the server answers.
func ask(address, path string, lines int) error {
	response, err := http.Get("http://" + address + path)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return err
	}
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s", path, response.Status)
	}
	fmt.Printf("%s: %s\n", path, response.Header.Get("Content-Type"))
	for _, line := range strings.SplitN(string(body), "\n", lines+1)[:lines] {
		fmt.Println("  " + line)
	}
	return nil
}

func run() error {
	flag.Parse()
	limit, err := granary.ManageMemoryLimit(granary.LimitOptions{Total: 2 << 30})
	if err != nil {
		return err
	}
	defer limit.Stop()
	cache := granary.Bytes(64<<20, granary.Tag("cache"))
	defer cache.Free()
	clear(cache.Slice())

	address := *listen
	if address == "" {
		address = "localhost:0"
	}
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return err
	}
	server := &http.Server{Handler: handler()}
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(listener) }()
	if *listen != "" {
		fmt.Println("serving on", listener.Addr())
		interrupt, stop := signal.NotifyContext(context.Background(), os.Interrupt)
		defer stop()
		select {
		case err := <-failed:
			return err
		case <-interrupt.Done():
			return server.Close()
		}
	}
	fmt.Println("the C side is on granary:", override.Active())
	for path, lines := range map[string]int{"/debug/granary": 15, "/debug/granary?format=json": 5, "/debug/vars": 1} {
		if err := ask(listener.Addr().String(), path, lines); err != nil {
			return err
		}
	}
	state, err := limit.Update()
	if err != nil {
		return err
	}
	fmt.Printf("of %d MiB granary has %d, Go may have %d\n", state.Total>>20, state.Granary>>20, state.GoLimit>>20)
	return server.Close()
}

func main() {
	if err := run(); err != nil {
		log.Fatal(err)
	}
}
