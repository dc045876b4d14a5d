// Sends COUNT events to the relay at URL, one by one from eight goroutines, each until it has a final verdict. A key is
// PREFIX and 12 hex digits. Prints a line for each verdict and for each request without an answer:
// test/relay/producers.ts reads them.
package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"sync"
	"time"
)

const goroutines = 8

var client = &http.Client{
	Timeout:   10 * time.Second,
	Transport: &http.Transport{MaxIdleConnsPerHost: goroutines},
}

func main() {
	url, prefix := os.Args[1], os.Args[2]
	count, err := strconv.Atoi(os.Args[3])
	if err != nil {
		panic(err)
	}
	indexes, lines := make(chan int), make(chan string)
	var sending sync.WaitGroup
	for range goroutines {
		sending.Go(func() {
			for index := range indexes {
				send(url, fmt.Sprintf("%s%012x", prefix, index), index, lines)
			}
		})
	}
	go func() {
		for index := range count {
			indexes <- index
		}
		close(indexes)
		sending.Wait()
		close(lines)
	}()
	for line := range lines {
		fmt.Println(line)
	}
}

func body(key string, index int) []byte {
	properties := map[string]any{"order_id": fmt.Sprintf("A-%d", index), "total": index, "currency": "EUR"}
	if index%50 == 0 {
		properties["total"] = -1
	}
	bytes, err := json.Marshal(map[string]any{
		"event_name":      "order_completed",
		"user_id":         fmt.Sprintf("u-%d", index%100),
		"idempotency_key": key,
		"properties":      properties,
	})
	if err != nil {
		panic(err)
	}
	return bytes
}

func send(url, key string, index int, lines chan<- string) {
	event := body(key, index)
	for ; ; time.Sleep(50 * time.Millisecond) {
		request, err := http.NewRequest("POST", url+"/v1/track", bytes.NewReader(event))
		if err != nil {
			panic(err)
		}
		request.Header.Set("content-type", "application/json")
		status, code, err := read(client.Do(request))
		switch {
		case err != nil:
			lines <- "unanswered"
		case status < 300:
			lines <- "accepted " + key
			return
		case status == 429 || status == 503:
			lines <- "retry " + key
		default:
			lines <- "rejected " + key + " " + code
			return
		}
	}
}

func read(answer *http.Response, err error) (int, string, error) {
	if err != nil {
		return 0, "", err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		return 0, "", err
	}
	var verdict struct{ Code string }
	if err := json.Unmarshal(text, &verdict); err != nil {
		return 0, "", err
	}
	return answer.StatusCode, verdict.Code, nil
}
