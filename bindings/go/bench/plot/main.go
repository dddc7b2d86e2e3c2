// SPDX-License-Identifier: Apache-2.0 OR MIT

// Plot draws files of seconds,MiB as lines of one SVG.
//
//	go run ./plot -o rss.svg -title TITLE name=file.csv …
package main

import (
	"encoding/csv"
	"flag"
	"log"
	"os"
	"strconv"
	"strings"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/plotutil"
	"gonum.org/v1/plot/vg"
)

func read(path string) (plotter.XYs, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	rows, err := csv.NewReader(file).ReadAll()
	if err != nil {
		return nil, err
	}
	points := make(plotter.XYs, len(rows))
	for i, row := range rows {
		if points[i].X, err = strconv.ParseFloat(row[0], 64); err != nil {
			return nil, err
		}
		if points[i].Y, err = strconv.ParseFloat(row[1], 64); err != nil {
			return nil, err
		}
	}
	return points, nil
}

// every puts a label at the multiples of a step.
func every(step int) plot.Ticker {
	return plot.TickerFunc(func(low, high float64) (ticks []plot.Tick) {
		for at := 0; float64(at) <= high; at += step {
			if float64(at) >= low {
				ticks = append(ticks, plot.Tick{Value: float64(at), Label: strconv.Itoa(at)})
			}
		}
		return ticks
	})
}

func main() {
	output := flag.String("o", "rss.svg", "the file to write")
	title := flag.String("title", "", "the title")
	flag.Parse()
	p := plot.New()
	p.Title.Text = *title
	p.X.Label.Text = "seconds"
	p.Y.Label.Text = "resident memory, MiB"
	p.Y.Min = 0
	p.Legend.Top = true
	p.Add(plotter.NewGrid())
	var lines []any
	for _, argument := range flag.Args() {
		name, path, found := strings.Cut(argument, "=")
		if !found {
			log.Fatalf("%s is no name=file", argument)
		}
		points, err := read(path)
		if err != nil {
			log.Fatal(err)
		}
		lines = append(lines, name, points)
	}
	if err := plotutil.AddLines(p, lines...); err != nil {
		log.Fatal(err)
	}
	p.Y.Max *= 1.3 // room for the legend
	p.Y.Tick.Marker = every(50)
	p.X.Tick.Marker = every(2)
	if err := p.Save(8*vg.Inch, 4.5*vg.Inch, *output); err != nil {
		log.Fatal(err)
	}
}
