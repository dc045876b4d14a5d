// Package headgatemock starts a Headgate gate in memory for a test, with the verdicts of a real one.
// Copy it into your module. It runs `npx headgate mock`, or what HEADGATE_MOCK_COMMAND names.
package headgatemock

import (
	"bufio"
	"encoding/json"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
)

// Mock is the gate of one test.
type Mock struct {
	// URL is where events go.
	URL string
	t   *testing.T
}

// Good is an event that was accepted.
type Good struct {
	Event      map[string]any `json:"event"`
	Duplicates int            `json:"duplicates"`
}

// Bad is an event that was rejected.
type Bad struct {
	Event      any    `json:"event"`
	Code       string `json:"code"`
	Message    string `json:"message"`
	Violations []struct {
		Path    string `json:"path"`
		Code    string `json:"code"`
		Message string `json:"message"`
	} `json:"violations"`
}

// Start starts a gate, and stops it when the test ends.
func Start(t *testing.T) *Mock {
	t.Helper()
	command := os.Getenv("HEADGATE_MOCK_COMMAND")
	if command == "" {
		command = "npx headgate mock"
	}
	args := append(strings.Fields(command), "--listen", "127.0.0.1:0")
	process := exec.Command(args[0], args[1:]...)
	process.Stderr = os.Stderr
	// In a process group of its own, because npx does not pass signals on to the gate.
	process.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	output, err := process.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := process.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = syscall.Kill(-process.Process.Pid, syscall.SIGTERM)
		_ = process.Wait()
	})
	line, err := bufio.NewReader(output).ReadString('\n')
	at := strings.Index(line, "http://")
	if err != nil || at < 0 {
		t.Fatalf("%s did not start: %v %s", command, err, line)
	}
	return &Mock{URL: strings.TrimSpace(line[at:]), t: t}
}

// Good has the events that were accepted, in the order in which they came.
func (mock *Mock) Good() []Good { return ask[Good](mock, "good") }

// Bad has the events that were rejected, in the order in which they came.
func (mock *Mock) Bad() []Bad { return ask[Bad](mock, "bad") }

func ask[Event any](mock *Mock, page string) []Event {
	mock.t.Helper()
	response, err := http.Get(mock.URL + "/mock/" + page)
	if err != nil {
		mock.t.Fatal(err)
	}
	defer response.Body.Close()
	var answer struct {
		Events []Event `json:"events"`
	}
	if err := json.NewDecoder(response.Body).Decode(&answer); err != nil {
		mock.t.Fatal(err)
	}
	return answer.Events
}
