// The gate's endpoints as a service in Go: connect-go, jsonschema, nats.go.
//
//	peer <port> <URL of NATS> <file of contracts>
package main

import (
	"errors"
	"fmt"
	"log"
	"net"
	"net/http"
	"os"
	"runtime/debug"
	"time"

	"connectrpc.com/connect"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"example.com/peer/gen/headgate/v1/headgatev1connect"
)

const (
	ackTimeout        = 5 * time.Second
	readHeaderTimeout = 10 * time.Second
	// As many events as the gate takes at a time.
	inFlightMax = 16_384
	// Little of what a request allocates outlives it: collect at five times the live heap, not at twice.
	gcPercent = 400
)

func main() {
	if err := serve(os.Args[1:]); err != nil {
		log.Fatal(err)
	}
}

func serve(args []string) error {
	if len(args) != 3 {
		return errors.New("usage: peer <port> <URL of NATS> <file of contracts>")
	}
	debug.SetGCPercent(gcPercent)
	contracts, err := readContracts(args[2])
	if err != nil {
		return err
	}
	connection, err := nats.Connect(args[1])
	if err != nil {
		return err
	}
	stream, err := jetstream.New(
		connection,
		jetstream.WithPublishAsyncMaxPending(inFlightMax),
		jetstream.WithPublishAsyncTimeout(ackTimeout),
	)
	if err != nil {
		return err
	}
	taker := &acceptor{contracts: contracts, jetstream: stream}
	routes := http.NewServeMux()
	routes.HandleFunc("POST /v1/track", taker.serveTrack)
	routes.HandleFunc("POST /v1/batch", taker.serveBatch)
	routes.Handle(headgatev1connect.NewTrackServiceHandler(
		rpcs{taker}, connect.WithReadMaxBytes(bodyBytesMax),
	))
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	protocols.SetUnencryptedHTTP2(true)
	server := &http.Server{
		Handler:           routes,
		Protocols:         protocols,
		ReadHeaderTimeout: readHeaderTimeout,
	}
	listener, err := net.Listen("tcp", "127.0.0.1:"+args[0])
	if err != nil {
		return err
	}
	fmt.Println("ready")
	return server.Serve(listener)
}
