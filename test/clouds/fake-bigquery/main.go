// A fake of Google BigQuery for tests: tables by the REST API, rows by the Storage Write API with streams
// of the type COMMITTED. It holds the rules of offsets, schemas and sizes as the service documents them,
// and keeps everything in memory. Prints the port of gRPC and that of HTTP.
package main

import (
	"fmt"
	"log"
	"net"
	"net/http"

	"cloud.google.com/go/bigquery/storage/apiv1/storagepb"
	"google.golang.org/grpc"
)

func listen() net.Listener {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	return listener
}

func main() {
	all := &fake{tables: map[string]*table{}, streams: map[string]*stream{}}
	server := grpc.NewServer(grpc.MaxRecvMsgSize(4 * requestBytesMax))
	storagepb.RegisterBigQueryWriteServer(server, &writeServer{fake: all})
	mux := http.NewServeMux()
	all.serveTables(mux)
	grpcListener, httpListener := listen(), listen()
	go func() { log.Fatal(http.Serve(httpListener, mux)) }()
	fmt.Println(grpcListener.Addr().(*net.TCPAddr).Port, httpListener.Addr().(*net.TCPAddr).Port)
	log.Fatal(server.Serve(grpcListener))
}
