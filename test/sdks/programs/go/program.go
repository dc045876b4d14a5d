package main

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"sync"
	"time"
)

// What the programs of Go's SDKs share: the calls that they make, and how they report.
type call struct {
	name, marker string
	isGood       bool
}

type belief struct {
	isSent bool
	why    string
}

var (
	beliefs = map[string]belief{}
	mutex   sync.Mutex
)

// The arguments: the gate's address, the write key, `plain` or `gzip`, and the calls. A call is
// `track=MARKER`, or `track!=MARKER` for an event that breaks its schema.
func readArguments() (url, key string, isGzip bool, calls []call) {
	for _, text := range os.Args[4:] {
		name, marker, _ := strings.Cut(text, "=")
		calls = append(calls, call{strings.TrimSuffix(name, "!"), marker, !strings.HasSuffix(name, "!")})
	}
	return os.Args[1], os.Args[2], os.Args[3] == "gzip", calls
}

func orderOf(one call) map[string]interface{} {
	if !one.isGood {
		return map[string]interface{}{"order_id": one.marker}
	}
	return map[string]interface{}{"order_id": one.marker, "total": 12.5, "currency": "EUR"}
}

func settle(marker string, err error, shown string) {
	mutex.Lock()
	defer mutex.Unlock()
	if err != nil {
		beliefs[marker] = belief{false, err.Error()}
	} else {
		beliefs[marker] = belief{true, shown}
	}
}

// Settles each call whose marker is in a message of the SDK's callback.
func settleMessage(calls []call, message interface{}, err error) {
	text, _ := json.Marshal(message)
	for _, one := range calls {
		if strings.Contains(string(text), `"`+one.marker+`"`) {
			settle(one.marker, err, "its callback had no error")
		}
	}
}

// Closed earlier, an SDK would give up a request that it is about to send again.
func wait(calls []call) {
	for tries := 0; tries < 300; tries++ {
		mutex.Lock()
		settled := len(beliefs)
		mutex.Unlock()
		if settled == len(calls) {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
}

func say(line map[string]interface{}) {
	text, _ := json.Marshal(line)
	fmt.Println("report " + string(text))
}

func end(calls []call) {
	for _, one := range calls {
		known, isKnown := beliefs[one.marker]
		if !isKnown {
			say(map[string]interface{}{"log": "the SDK never said what became of " + one.marker})
			continue
		}
		name := "failed"
		if known.isSent {
			name = "sent"
		}
		say(map[string]interface{}{"marker": one.marker, "belief": name, "why": known.why})
	}
	say(map[string]interface{}{"end": true})
}
