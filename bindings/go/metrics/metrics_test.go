// SPDX-License-Identifier: Apache-2.0 OR MIT

package metrics_test

import (
	"encoding/json"
	"expvar"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	granary "granary/bindings/go"
	"granary/bindings/go/metrics"
)

func TestASnapshotShowsBothHeaps(t *testing.T) {
	goBytes := make([]byte, 30<<20)
	held := granary.Bytes(50<<20, granary.Tag("shown"))
	defer held.Free()
	for i := 0; i < len(goBytes); i += 4096 {
		goBytes[i] = 1
		held.Slice()[i] = 1
	}
	s, err := metrics.Read()
	if err != nil {
		t.Fatal(err)
	}
	if s.Go.Total < 30<<20 || s.Go.Objects < 30<<20 || s.Resident < 60<<20 {
		t.Errorf("30 MiB of Go, 50 of granary: %+v", s)
	}
	if granary.Supported() != (s.Granary != nil) {
		t.Errorf("granary's part is %v", s.Granary)
	}
	if s.Granary != nil && (s.Granary.Allocated < 50<<20 || s.Go.Total > s.Resident) {
		t.Errorf("30 MiB of Go, 50 of granary: %+v", s)
	}
	if text := s.String(); !strings.Contains(text, "shown                          50.0 MiB in 1 objects") {
		t.Errorf("the table is\n%s", text)
	}
	goBytes[0]++
}

func TestExpvarHasTheSnapshot(t *testing.T) {
	metrics.Publish("memory")
	var s metrics.Snapshot
	if err := json.Unmarshal([]byte(expvar.Get("memory").String()), &s); err != nil || s.Go.Total == 0 {
		t.Errorf("%+v, %v", s, err)
	}
}

func get(t *testing.T, query, accept string) (*http.Response, string) {
	t.Helper()
	request := httptest.NewRequest(http.MethodGet, "/debug/granary"+query, nil)
	request.Header.Set("Accept", accept)
	recorder := httptest.NewRecorder()
	metrics.Handler().ServeHTTP(recorder, request)
	return recorder.Result(), recorder.Body.String()
}

func TestTheHandlerServesTextAndJSON(t *testing.T) {
	held := granary.Bytes(1<<20, granary.Tag("served"))
	defer held.Free()
	response, body := get(t, "", "text/html, */*;q=0.8")
	if response.StatusCode != 200 || !strings.Contains(body, "resident") || !strings.Contains(body, "served") {
		t.Errorf("%s\n%.2000s", response.Status, body)
	}
	if granary.Supported() && !strings.Contains(body, "arenas[") {
		t.Error("granary's report is missing")
	}
	for _, question := range [][2]string{{"?format=json", ""}, {"", "application/json"}, {"", "text/plain;q=0.1, application/json"}} {
		response, body = get(t, question[0], question[1])
		var s metrics.Snapshot
		if err := json.Unmarshal([]byte(body), &s); err != nil || response.Header.Get("Content-Type") != "application/json" {
			t.Errorf("%v: %s, %v", question, response.Status, err)
		}
		if len(s.Tags) == 0 || s.Tags[0].Tag != "served" {
			t.Errorf("the tags are %v", s.Tags)
		}
	}
}

func TestTheHandlerServesScrapers(t *testing.T) {
	response, body := get(t, "", "application/openmetrics-text;version=1.0.0,text/plain;q=0.5")
	report, jsonBody := get(t, "?format=report-json", "")
	if !granary.Supported() {
		if response.StatusCode != http.StatusNotImplemented || report.StatusCode != http.StatusNotImplemented {
			t.Errorf("without granary: %s, %s", response.Status, report.Status)
		}
		return
	}
	if !strings.HasSuffix(body, "# EOF\n") || !strings.HasPrefix(response.Header.Get("Content-Type"), "application/openmetrics-text") {
		t.Errorf("%s: %.200s", response.Status, body)
	}
	if !json.Valid([]byte(jsonBody)) || !strings.Contains(jsonBody, `"jemalloc"`) {
		t.Errorf("%s: %.200s", report.Status, jsonBody)
	}
}

func TestTheHandlerRefusesWhatItDoesNotKnow(t *testing.T) {
	if response, _ := get(t, "?format=xml", ""); response.StatusCode != http.StatusBadRequest {
		t.Errorf("an unknown format: %s", response.Status)
	}
	recorder := httptest.NewRecorder()
	metrics.Handler().ServeHTTP(recorder, httptest.NewRequest(http.MethodPost, "/", nil))
	if recorder.Code != http.StatusMethodNotAllowed || recorder.Header().Get("Allow") == "" {
		t.Errorf("a POST: %d", recorder.Code)
	}
}
