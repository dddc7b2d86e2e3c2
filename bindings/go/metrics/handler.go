// SPDX-License-Identifier: Apache-2.0 OR MIT

package metrics

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"

	granary "granary/bindings/go"
)

const (
	textType        = "text/plain; charset=utf-8"
	jsonType        = "application/json"
	openMetricsType = "application/openmetrics-text; version=1.0.0; charset=utf-8"
)

// Handler serves the memory of the program:
//
//	?format=text          a table of both heaps and of tags, then granary's report
//	?format=json          a [Snapshot]
//	?format=openmetrics   granary's figures, for a scraper
//	?format=report-json   granary's report as JSON, with the keys of jemalloc's
//
// Without format the Accept header decides, and text is what comes without either. It changes nothing.
// It asks for no password: what it tells, and that it takes granary's locks, is for operators.
func Handler() http.Handler { return http.HandlerFunc(serve) }

func serve(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		http.Error(w, "only GET and HEAD", http.StatusMethodNotAllowed)
		return
	}
	format := r.URL.Query().Get("format")
	if format == "" {
		format = accepted(r.Header.Get("Accept"))
	}
	render, known := renderers[format]
	if !known {
		http.Error(w, fmt.Sprintf("no format %q; there are text, json, openmetrics and report-json", format), http.StatusBadRequest)
		return
	}
	body, contentType, err := render()
	switch {
	case errors.Is(err, errors.ErrUnsupported):
		http.Error(w, err.Error(), http.StatusNotImplemented)
	case err != nil:
		http.Error(w, err.Error(), http.StatusInternalServerError)
	default:
		w.Header().Set("Content-Type", contentType)
		w.Header().Set("Cache-Control", "no-store")
		w.Write([]byte(body)) // an error is the client's, who has gone
	}
}

// accepted returns the first format that the header names, without regard to its weights.
func accepted(header string) string {
	for _, part := range strings.Split(header, ",") {
		kind, _, _ := strings.Cut(strings.TrimSpace(part), ";")
		switch kind {
		case "application/json":
			return "json"
		case "application/openmetrics-text":
			return "openmetrics"
		}
	}
	return "text"
}

var renderers = map[string]func() (body, contentType string, err error){
	"text":        renderText,
	"json":        renderJSON,
	"openmetrics": renderOpenMetrics,
	"report-json": renderReport,
}

func renderText() (string, string, error) {
	snapshot, err := Read()
	if err != nil {
		return "", "", err
	}
	report, err := granary.Report("")
	if errors.Is(err, errors.ErrUnsupported) {
		report, err = "This build has no granary: its memory is from the Go heap.\n", nil
	}
	return snapshot.String() + "\n" + report, textType, err
}

func renderJSON() (string, string, error) {
	snapshot, err := Read()
	if err != nil {
		return "", "", err
	}
	body, err := json.MarshalIndent(snapshot, "", "  ")
	return string(body) + "\n", jsonType, err
}

func renderOpenMetrics() (string, string, error) {
	body, err := granary.OpenMetrics()
	return body, openMetricsType, err
}

func renderReport() (string, string, error) {
	body, err := granary.Report("J")
	return body, jsonType, err
}
