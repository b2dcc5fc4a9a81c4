// A webhook as people write them in Go, with the standard library only. Arguments: mode, certificate,
// key, file of an answer.
//
//	diff      decodes the object into a map, edits it, encodes it, decodes both and compares them, as
//	          admission.PatchResponseFromRaw of sigs.k8s.io/controller-runtime does. The edits are those of the answer's patch.
//	metadata  decodes the object's metadata only, and answers with the answer's patch as it is.
package main

import (
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"reflect"
	"strconv"
	"strings"
)

type review struct {
	Kind       string    `json:"kind"`
	APIVersion string    `json:"apiVersion"`
	Request    *request  `json:"request,omitempty"`
	Response   *response `json:"response,omitempty"`
}

type request struct {
	UID    string          `json:"uid"`
	Object json.RawMessage `json:"object"`
}

type response struct {
	UID       string `json:"uid"`
	Allowed   bool   `json:"allowed"`
	PatchType string `json:"patchType"`
	Patch     []byte `json:"patch"`
}

type operation struct {
	Op    string `json:"op"`
	Path  string `json:"path"`
	Value any    `json:"value,omitempty"`
}

func main() {
	mode, cert, key := os.Args[1], os.Args[2], os.Args[3]
	var sample review
	text := must(os.ReadFile(os.Args[4]))
	check(json.Unmarshal(text, &sample))
	var edits []operation
	check(json.Unmarshal(sample.Response.Patch, &edits))

	http.HandleFunc("/mutate", func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		var asked review
		if err != nil || json.Unmarshal(body, &asked) != nil || asked.Request == nil {
			http.Error(w, "no review", http.StatusBadRequest)
			return
		}
		patch := sample.Response.Patch
		if mode == "diff" {
			patch = diffOf(asked.Request.Object, edits)
		} else {
			var object struct {
				Metadata struct {
					Labels      map[string]string `json:"labels"`
					Annotations map[string]string `json:"annotations"`
				} `json:"metadata"`
			}
			check(json.Unmarshal(asked.Request.Object, &object))
			if object.Metadata.Labels["curfew.sh/enabled"] != "true" {
				patch = nil
			}
		}
		answer := review{Kind: "AdmissionReview", APIVersion: "admission.k8s.io/v1"}
		answer.Response = &response{UID: asked.Request.UID, Allowed: true, PatchType: "JSONPatch", Patch: patch}
		encoded := must(json.Marshal(answer))
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Content-Length", strconv.Itoa(len(encoded)))
		_, _ = w.Write(encoded)
	})
	listener := must(net.Listen("tcp", "127.0.0.1:0"))
	fmt.Printf("{\"port\":%d}\n", listener.Addr().(*net.TCPAddr).Port)
	server := &http.Server{TLSConfig: &tls.Config{MinVersion: tls.VersionTLS12}}
	log.Fatal(server.ServeTLS(listener, cert, key))
}

// diffOf edits the object and returns the JSON Patch from the old object to the new one.
func diffOf(raw json.RawMessage, edits []operation) []byte {
	var object any
	check(json.Unmarshal(raw, &object))
	for _, edit := range edits {
		object = apply(object, strings.Split(edit.Path, "/")[1:], edit)
	}
	edited := must(json.Marshal(object))
	var before, after any
	check(json.Unmarshal(raw, &before))
	check(json.Unmarshal(edited, &after))
	return must(json.Marshal(compare(nil, "", before, after)))
}

var unescape = strings.NewReplacer("~1", "/", "~0", "~")
var escape = strings.NewReplacer("~", "~0", "/", "~1")

// apply carries out an add or a replace; the answers have no other operations.
func apply(node any, path []string, edit operation) any {
	if len(path) == 0 {
		return edit.Value
	}
	key := unescape.Replace(path[0])
	switch node := node.(type) {
	case map[string]any:
		node[key] = apply(node[key], path[1:], edit)
		return node
	case []any:
		index, err := strconv.Atoi(key)
		if err != nil {
			return append(node, edit.Value)
		}
		if len(path) == 1 && edit.Op == "add" {
			return append(node[:index:index], append([]any{edit.Value}, node[index:]...)...)
		}
		node[index] = apply(node[index], path[1:], edit)
		return node
	}
	return node
}

// compare does less work than the usual libraries, which look up each element of a list in the other
// list.
func compare(found []operation, path string, before, after any) []operation {
	switch after := after.(type) {
	case map[string]any:
		if before, ok := before.(map[string]any); ok {
			for key, value := range after {
				at := path + "/" + escape.Replace(key)
				if old, there := before[key]; there {
					found = compare(found, at, old, value)
				} else {
					found = append(found, operation{"add", at, value})
				}
			}
			for key := range before {
				if _, there := after[key]; !there {
					found = append(found, operation{"remove", path + "/" + escape.Replace(key), nil})
				}
			}
			return found
		}
	case []any:
		if before, ok := before.([]any); ok && len(before) <= len(after) {
			for index, value := range after {
				at := path + "/" + strconv.Itoa(index)
				if index < len(before) {
					found = compare(found, at, before[index], value)
				} else {
					found = append(found, operation{"add", at, value})
				}
			}
			return found
		}
	}
	if !reflect.DeepEqual(before, after) {
		found = append(found, operation{"replace", path, after})
	}
	return found
}

func must[T any](value T, err error) T {
	check(err)
	return value
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
