// daemon stands in for the programs that run beside a Job's main container, as far as the Job's end
// depends on them: what they answer on which port, how they're told to quit, how long they take to end,
// and with which code. Which one it is depends on the name that it's run by, or on DAEMON.
package main

import (
	"fmt"
	"net"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"time"
)

type daemon struct {
	ports  []int         // HTTP on loopback
	quit   bool          // POST /quitquitquit ends it with 0
	linger time.Duration // from TERM to its end
	code   int           // after TERM
	ships  bool          // writes out log files at its end: a glob for them is in its arguments, or in files that these name
}

var daemons = map[string]daemon{
	"cloud-sql-proxy":    {ports: []int{5432}, code: 143}, // 0 with --exit-zero-on-sigterm
	"cloud_sql_proxy":    {ports: []int{5432}, code: 2},   // version 1
	"alloydb-auth-proxy": {ports: []int{5432}, code: 143},
	"envoy":              {ports: []int{9901}, quit: true},
	"pilot-agent":        {ports: []int{15020, 15021}, quit: true, linger: time.Second},
	"postgres":           {ports: []int{5432}, linger: 500 * time.Millisecond},
	"fluent-bit":         {linger: time.Second, ships: true},
	"vector":             {linger: time.Second, ships: true},
	"browser":            {ports: []int{4444}, code: 143},
	"video":              {linger: 2 * time.Second},
}

func main() {
	name := os.Getenv("DAEMON")
	if name == "" {
		name = filepath.Base(os.Args[0])
	}
	self, known := daemons[name]
	if !known {
		fatal("no daemon is called " + name)
	}
	arguments := os.Args[1:]
	if name == "pilot-agent" && slices.Contains(arguments, "istio-iptables") {
		fmt.Println("traffic is redirected")
		return
	}
	if name == "cloud-sql-proxy" && slices.Contains(arguments, "wait") {
		wait("127.0.0.1:9090")
		return
	}
	if slices.Contains(arguments, "--health-check") {
		self.ports = append(self.ports, 9090)
	}
	if slices.Contains(arguments, "--exit-zero-on-sigterm") {
		self.code = 0
	}
	terminated := make(chan os.Signal, 1)
	signal.Notify(terminated, syscall.SIGTERM, syscall.SIGINT)
	if self.quit {
		http.HandleFunc("POST /quitquitquit", func(http.ResponseWriter, *http.Request) {
			fmt.Println("told to quit")
			os.Exit(0)
		})
	}
	http.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") })
	for _, port := range self.ports {
		listener, err := net.Listen("tcp", fmt.Sprint("127.0.0.1:", port))
		if err != nil {
			fatal(err.Error())
		}
		go http.Serve(listener, nil)
	}
	fmt.Println("ready")
	fmt.Println("received", <-terminated)
	time.Sleep(self.linger)
	if self.ships {
		ship(arguments)
	}
	fmt.Println("stopped")
	os.Exit(self.code)
}

// wait returns once something listens at address, or fails after 30 s, like `cloud-sql-proxy wait`.
func wait(address string) {
	for range 300 {
		if connection, err := net.Dial("tcp", address); err == nil {
			connection.Close()
			return
		}
		time.Sleep(100 * time.Millisecond)
	}
	fatal(address + " did not answer within 30 s")
}

var glob = regexp.MustCompile(`/[\w/]*\*[\w.]*`)

// ship writes out the log files, late, like a program that sends them in batches.
func ship(arguments []string) {
	texts := arguments
	for _, argument := range arguments {
		if text, err := os.ReadFile(argument); err == nil {
			texts = append(texts, string(text))
		}
	}
	files, _ := filepath.Glob(glob.FindString(strings.Join(texts, " ")))
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			fatal(err.Error())
		}
		fmt.Print(string(text))
	}
}

func fatal(message string) {
	fmt.Fprintln(os.Stderr, message)
	os.Exit(1)
}
