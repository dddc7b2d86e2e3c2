// SPDX-License-Identifier: Apache-2.0 OR MIT

// Package prom is a Prometheus collector for granary. It is a module of its own, so that the others need
// nothing but the standard library.
//
//	prometheus.MustRegister(prom.NewCollector())
//
// Names and labels are those of granary's own OpenMetrics text, so that the dashboard of granary's
// examples fits. What this process has through package granary is granary_go_tag_…, by tag.
package prom

import (
	"errors"

	"github.com/prometheus/client_golang/prometheus"

	granary "granary/bindings/go"
)

// family is a metric with a row for each value of its label, or one row without.
type family struct {
	name, help, label string
	kind              prometheus.ValueType
	rows              []row
}

type row struct {
	value string
	read  func(granary.Stats) uint64
}

const gauge, counter = prometheus.GaugeValue, prometheus.CounterValue

var families = []family{
	{"granary_allocated_bytes", "Usable bytes of live regions.", "kind", gauge, []row{
		{"small", func(s granary.Stats) uint64 { return s.SmallAllocated }},
		{"large", func(s granary.Stats) uint64 { return s.LargeAllocated }},
		{"huge", func(s granary.Stats) uint64 { return s.HugeAllocated }}}},
	{"granary_active_bytes", "Pages that hold live or cached regions.", "", gauge, []row{
		{"", func(s granary.Stats) uint64 { return s.Active }}}},
	{"granary_resident_bytes", "Upper bound of physical memory.", "", gauge, []row{
		{"", func(s granary.Stats) uint64 { return s.Resident }}}},
	{"granary_mapped_bytes", "Active, dirty, muzzy and metadata pages.", "", gauge, []row{
		{"", func(s granary.Stats) uint64 { return s.Mapped }}}},
	{"granary_metadata_bytes", "Descriptors of granary's own.", "", gauge, []row{
		{"", func(s granary.Stats) uint64 { return s.Metadata }}}},
	{"granary_unused_bytes", "Pages without regions, by what the kernel still keeps of them.", "state", gauge, []row{
		{"dirty", func(s granary.Stats) uint64 { return s.Dirty }},
		{"muzzy", func(s granary.Stats) uint64 { return s.Muzzy }},
		{"retained", func(s granary.Stats) uint64 { return s.Retained }}}},
	{"granary_cached_bytes", "Freed regions in magazines.", "place", gauge, []row{
		{"threads", func(s granary.Stats) uint64 { return s.ThreadCached }},
		{"parked", func(s granary.Stats) uint64 { return s.Cached - min(s.Cached, s.ThreadCached) }}}},
	{"granary_run_bytes", "Pages of runs, from which small regions come.", "", gauge, []row{
		{"", func(s granary.Stats) uint64 { return s.RunBytes }}}},
	{"granary_arenas", "Arenas made so far.", "", gauge, []row{
		{"", func(s granary.Stats) uint64 { return s.Arenas }}}},
	{"granary_threads", "Threads attached to arenas.", "", gauge, []row{
		{"", func(s granary.Stats) uint64 { return s.Threads }}}},
	{"granary_live_blocks", "Live regions that are not small.", "kind", gauge, []row{
		{"large", func(s granary.Stats) uint64 { return s.LargeLive }},
		{"huge", func(s granary.Stats) uint64 { return s.HugeLive }}}},
	{"granary_purged_bytes_total", "Unused memory given back.", "state", counter, []row{
		{"dirty", func(s granary.Stats) uint64 { return s.DirtyPurged }},
		{"muzzy", func(s granary.Stats) uint64 { return s.MuzzyPurged }}}},
}

func (f family) desc() *prometheus.Desc {
	var labels []string
	if f.label != "" {
		labels = []string{f.label}
	}
	return prometheus.NewDesc(f.name, f.help, labels, nil)
}

type collector struct {
	descs                                []*prometheus.Desc // of families
	tagBytes, tagObjects, tagAllocations *prometheus.Desc
}

// NewCollector makes a collector. It reads granary's statistics once in every collection.
func NewCollector() prometheus.Collector {
	tag := []string{"tag"}
	c := &collector{
		tagBytes:       prometheus.NewDesc("granary_go_tag_bytes", "Bytes in use of the Go package, by tag.", tag, nil),
		tagObjects:     prometheus.NewDesc("granary_go_tag_objects", "Objects in use of the Go package, by tag.", tag, nil),
		tagAllocations: prometheus.NewDesc("granary_go_tag_allocations_total", "Allocations of the Go package so far, by tag.", tag, nil),
	}
	for _, f := range families {
		c.descs = append(c.descs, f.desc())
	}
	return c
}

func (c *collector) Describe(out chan<- *prometheus.Desc) {
	for _, desc := range c.descs {
		out <- desc
	}
	out <- c.tagBytes
	out <- c.tagObjects
	out <- c.tagAllocations
}

// Collect leaves granary's figures out in a build without granary; any other failure becomes the
// scrape's.
func (c *collector) Collect(out chan<- prometheus.Metric) {
	for _, usage := range granary.Usage() {
		out <- prometheus.MustNewConstMetric(c.tagBytes, gauge, float64(usage.Bytes), usage.Tag)
		out <- prometheus.MustNewConstMetric(c.tagObjects, gauge, float64(usage.Objects), usage.Tag)
		out <- prometheus.MustNewConstMetric(c.tagAllocations, counter, float64(usage.Allocations), usage.Tag)
	}
	stats, err := granary.ReadStats()
	for i, f := range families {
		if errors.Is(err, errors.ErrUnsupported) {
			return
		}
		if err != nil {
			out <- prometheus.NewInvalidMetric(c.descs[i], err)
			continue
		}
		for _, r := range f.rows {
			var labels []string
			if f.label != "" {
				labels = []string{r.value}
			}
			out <- prometheus.MustNewConstMetric(c.descs[i], f.kind, float64(r.read(stats)), labels...)
		}
	}
}
