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
	probed []int         // HTTP on every address, for kubelet's probes
	quit   bool          // POST /quitquitquit ends it with 0
	linger time.Duration // from TERM to its end
	code   int           // after TERM
	secret bool          // writes one for main
	ships  bool          // writes out log files at its end: a glob for them is in its arguments, or in files that these name
}

var daemons = map[string]daemon{
	"cloud-sql-proxy":    {ports: []int{5432}, code: 143}, // 0 with --exit-zero-on-sigterm
	"cloud_sql_proxy":    {ports: []int{5432}, code: 2},   // version 1
	"alloydb-auth-proxy": {ports: []int{5432}, code: 143},
	"envoy":              {ports: []int{9901}, quit: true},
	"pilot-agent":        {ports: []int{15020}, probed: []int{15021}, quit: true, linger: time.Second},
	"daprd":              {ports: []int{3500}, probed: []int{3501}, linger: time.Second},
	"vault":              {secret: true},
	"datadog-agent":      {linger: time.Second},
	"postgres":           {ports: []int{5432}, linger: 500 * time.Millisecond},
	"fluent-bit":         {linger: time.Second, ships: true},
	"vector":             {linger: time.Second, ships: true},
	"browser":            {ports: []int{4444}, code: 143},
	"video":              {linger: 2 * time.Second},

	"linkerd2-proxy-identity": {probed: []int{4191}, linger: time.Second},
}

// What the programs' own ways to wait for them wait for.
var waits = map[string]string{
	"cloud-sql-proxy wait": "127.0.0.1:9090",
	"pilot-agent wait":     "127.0.0.1:15021",
	"linkerd-await":        "127.0.0.1:4191",
}

func main() {
	name := os.Getenv("DAEMON")
	if name == "" {
		name = filepath.Base(os.Args[0])
	}
	arguments := os.Args[1:]
	command := name
	if slices.Contains(arguments, "wait") {
		command += " wait"
	}
	if address, waiting := waits[command]; waiting {
		wait(address)
		return
	}
	self, known := daemons[name]
	if !known {
		fatal("no daemon is called " + name)
	}
	if name == "pilot-agent" && slices.Contains(arguments, "istio-iptables") {
		fmt.Println("traffic is redirected")
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
		serve(fmt.Sprint("127.0.0.1:", port))
	}
	for _, port := range self.probed {
		serve(fmt.Sprint(":", port))
	}
	if self.secret && writeSecret(arguments) {
		return
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

func serve(address string) {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		fatal(err.Error())
	}
	go http.Serve(listener, nil)
}

// writeSecret writes a secret for main, and returns true if the configuration says that this is all, as
// `vault agent` does.
func writeSecret(arguments []string) bool {
	_, file, _ := strings.Cut(strings.Join(arguments, " "), "-config=")
	text, err := os.ReadFile(file)
	if err == nil {
		err = os.WriteFile("/vault/secrets/db", []byte("s3cret\n"), 0o644)
	}
	if err != nil {
		fatal(err.Error())
	}
	return strings.Contains(string(text), `"exit_after_auth":true`)
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
