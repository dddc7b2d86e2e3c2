// SPDX-License-Identifier: Apache-2.0 OR MIT

package prom_test

import (
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	granary "granary/bindings/go"
	"granary/bindings/go/prom"
)

func TestTagsAreCollected(t *testing.T) {
	held := granary.Bytes(12345, granary.Tag("collected"))
	defer held.Free()
	want := `
		# HELP granary_go_tag_bytes Bytes in use of the Go package, by tag.
		# TYPE granary_go_tag_bytes gauge
		granary_go_tag_bytes{tag="collected"} 12345
		# HELP granary_go_tag_objects Objects in use of the Go package, by tag.
		# TYPE granary_go_tag_objects gauge
		granary_go_tag_objects{tag="collected"} 1
		# HELP granary_go_tag_allocations_total Allocations of the Go package so far, by tag.
		# TYPE granary_go_tag_allocations_total counter
		granary_go_tag_allocations_total{tag="collected"} 1
	`
	if err := testutil.CollectAndCompare(prom.NewCollector(), strings.NewReader(want),
		"granary_go_tag_bytes", "granary_go_tag_objects", "granary_go_tag_allocations_total"); err != nil {
		t.Error(err)
	}
}

func TestMetricsKeepPrometheusRules(t *testing.T) {
	problems, err := testutil.CollectAndLint(prom.NewCollector())
	if err != nil {
		t.Fatal(err)
	}
	for _, problem := range problems {
		t.Errorf("%s: %s", problem.Metric, problem.Text)
	}
}

// TestNamesAreThoseOfTheOpenMetricsText: whoever scrapes the one or the other sees the same series.
func TestNamesAreThoseOfTheOpenMetricsText(t *testing.T) {
	text, err := granary.OpenMetrics()
	if err != nil {
		t.Skip(err)
	}
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(prom.NewCollector())
	gathered, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	series := 0
	for _, family := range gathered {
		if strings.HasPrefix(family.GetName(), "granary_go_") {
			continue
		}
		for _, metric := range family.GetMetric() {
			name := family.GetName()
			for _, label := range metric.GetLabel() {
				name += "{" + label.GetName() + `="` + label.GetValue() + `"}`
			}
			if !strings.Contains(text, "\n"+name+" ") {
				t.Errorf("granary does not print %s", name)
			}
			series++
		}
	}
	if series < 19 {
		t.Errorf("only %d series", series)
	}
}
