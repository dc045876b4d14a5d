// Sends requests that the gate refuses before their bodies have arrived, with net/http, and counts how many
// of the answers were read.
package main

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"sync"
	"time"
)

type plan struct {
	Ca    string
	Cases []trial
}

type trial struct {
	Id, Url, Http, Method        string
	Headers                      map[string]string
	Bytes, Runs, Status, PauseMs int
	Chunked                      bool
}

const pieceBytes = 64 * 1024

// slowBody hands out one piece after each pause.
type slowBody struct {
	left  int
	pause time.Duration
}

func (body *slowBody) Read(into []byte) (int, error) {
	if body.left == 0 {
		return 0, io.EOF
	}
	time.Sleep(body.pause)
	count := min(len(into), pieceBytes, body.left)
	for index := range count {
		into[index] = ' '
	}
	body.left -= count
	return count, nil
}

func send(each trial, roots *x509.CertPool) string {
	protocols := new(http.Protocols)
	if each.Http == "1.1" {
		protocols.SetHTTP1(true)
	} else {
		protocols.SetHTTP2(true)
		protocols.SetUnencryptedHTTP2(true)
	}
	transport := &http.Transport{
		Protocols:       protocols,
		TLSClientConfig: &tls.Config{RootCAs: roots},
	}
	if each.Headers["expect"] != "" {
		transport.ExpectContinueTimeout = 10 * time.Second
	}
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport, Timeout: 60 * time.Second}
	var body io.Reader = bytes.NewReader(bytes.Repeat([]byte(" "), each.Bytes))
	if each.PauseMs > 0 {
		body = &slowBody{each.Bytes, time.Duration(each.PauseMs) * time.Millisecond}
	}
	request, err := http.NewRequest(each.Method, each.Url, body)
	if err != nil {
		return err.Error()
	}
	request.ContentLength = int64(each.Bytes)
	if each.Chunked {
		request.ContentLength = -1
	}
	for name, value := range each.Headers {
		request.Header.Set(name, value)
	}
	response, err := client.Do(request)
	if err != nil {
		return err.Error()
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	if err != nil {
		return "body: " + err.Error()
	}
	if response.StatusCode != each.Status || len(answer) == 0 {
		return fmt.Sprint("status ", response.StatusCode, ", ", len(answer), " bytes")
	}
	return ""
}

func main() {
	text, err := os.ReadFile(os.Args[1])
	if err != nil {
		panic(err)
	}
	var given plan
	if err := json.Unmarshal(text, &given); err != nil {
		panic(err)
	}
	roots := x509.NewCertPool()
	if certificate, err := os.ReadFile(given.Ca); err == nil {
		roots.AppendCertsFromPEM(certificate)
	}
	for _, each := range given.Cases {
		faults := make([]string, each.Runs)
		var group sync.WaitGroup
		for run := range each.Runs {
			if each.PauseMs == 0 {
				faults[run] = send(each, roots)
				continue
			}
			group.Go(func() { faults[run] = send(each, roots) })
		}
		group.Wait()
		line, _ := json.Marshal(map[string]any{"id": each.Id, "faults": faults})
		fmt.Println(string(line))
	}
}
