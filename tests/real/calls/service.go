// Go's own HTTP server and client: goroutines, which any thread runs next. Takes the options of propagation.py, and does
// the same. Built of this one file: `go build service.go`.
package main

import (
	"crypto/rand"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"
)

var (
	calls   = flag.String("calls", "", "")
	also    = flag.String("also", "", "")
	context = flag.String("context", "forward", "")
	after   = flag.Bool("after", false, "")
	fanOut  = flag.Bool("fan-out", false, "")
	polls   = flag.Float64("polls", 0, "")
)

func main() {
	flag.Parse()
	http.HandleFunc("/health", func(answer http.ResponseWriter, _ *http.Request) { io.WriteString(answer, "well\n") })
	http.HandleFunc("/", serve)
	if *polls > 0 {
		go poll()
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Printf("listening on %s\n", listener.Addr())
	http.Serve(listener, nil)
}

func serve(answer http.ResponseWriter, request *http.Request) {
	identifier := request.URL.Path[strings.LastIndex(request.URL.Path, "/")+1:]
	lines := outgoing(request.Header)
	work := []func(){func() { call("GET", *calls+"/"+identifier, lines) }}
	if number, err := strconv.Atoi(identifier); *also != "" && err == nil && number%4 == 0 {
		work = append(work, func() { call("POST", *also+"/"+hex(16), lines) })
	}
	all := func() {
		if !*fanOut {
			for _, one := range work {
				one()
			}
			return
		}
		var group sync.WaitGroup
		for _, one := range work {
			group.Add(1)
			go func(one func()) { defer group.Done(); one() }(one)
		}
		group.Wait()
	}
	if *after {
		io.WriteString(answer, "{}")
		go func() { time.Sleep(time.Millisecond); all() }()
		return
	}
	all()
	io.WriteString(answer, "{}")
}

func outgoing(received http.Header) http.Header {
	lines := http.Header{}
	parent, states := received.Get("traceparent"), received.Values("tracestate")
	if *context == "restart" {
		lines.Set("traceparent", "00-"+hex(16)+"-"+hex(8)+"-01")
		return lines
	}
	if *context == "drop" || parent == "" {
		return lines
	}
	if *context == "continue" {
		parent = parent[:36] + hex(8) + parent[52:]
	}
	lines.Set("traceparent", parent)
	if len(states) > 0 && *context != "traceparent" {
		lines.Set("tracestate", strings.Join(states, ","))
	}
	return lines
}

func call(method, url string, lines http.Header) {
	request, err := http.NewRequest(method, url, strings.NewReader(""))
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return
	}
	request.Header = lines.Clone()
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return
	}
	io.Copy(io.Discard, answer.Body)
	answer.Body.Close()
}

func hex(length int) string {
	bytes := make([]byte, length)
	rand.Read(bytes)
	return fmt.Sprintf("%x", bytes)
}

func poll() {
	for number := 1; ; number++ {
		time.Sleep(time.Duration(float64(time.Second) / *polls))
		call("GET", *calls+"/"+strconv.Itoa(number), http.Header{})
	}
}
