// daemon stands in for the proxies that come in images without a shell: it listens, says when it is told to stop, and ends.
//
// Environment: ADDRESS (default 127.0.0.1:9091; POST /quitquitquit there ends it with 0), EXIT_ON_TERM (default 143, as
// cloud-sql-proxy without --exit-zero-on-sigterm).
package main

import (
	"fmt"
	"net/http"
	"os"
	"os/signal"
	"strconv"
	"syscall"
)

func main() {
	address := os.Getenv("ADDRESS")
	if address == "" {
		address = "127.0.0.1:9091"
	}
	code, err := strconv.Atoi(os.Getenv("EXIT_ON_TERM"))
	if err != nil {
		code = 143
	}
	http.HandleFunc("/quitquitquit", func(http.ResponseWriter, *http.Request) {
		fmt.Println("told to quit")
		os.Exit(0)
	})
	http.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") })
	terminated := make(chan os.Signal, 1)
	signal.Notify(terminated, syscall.SIGTERM, syscall.SIGINT)
	go func() {
		signal := <-terminated
		fmt.Println("received", signal)
		os.Exit(code)
	}()
	fmt.Println("listening on", address)
	fmt.Fprintln(os.Stderr, http.ListenAndServe(address, nil))
	os.Exit(1)
}
