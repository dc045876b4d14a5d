// A fake of Google Pub/Sub for tests: pstest of Google's own Go client, with the limits that the service
// documents and pstest does not hold. Prints the port of gRPC and that of HTTP, on which a test creates
// topics and reads what was published.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log"
	"net"
	"net/http"
	"strings"
	"time"

	"cloud.google.com/go/pubsub/v2/apiv1/pubsubpb"
	"cloud.google.com/go/pubsub/v2/pstest"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
)

// https://cloud.google.com/pubsub/quotas#resource_limits
const (
	requestBytesMax     = 10_000_000
	messagesMax         = 1_000
	attributesMax       = 100
	attributeNameMax    = 256
	attributeTextMax    = 1_024
	orderingKeyBytesMax = 1_024
)

const answerDelay = 30 * time.Millisecond

// What stands for a schema of the topic: messages with it are refused.
const refusedText = `"refused_by_schema":true`

type message struct {
	Data        string            `json:"data"`
	Attributes  map[string]string `json:"attributes"`
	OrderingKey string            `json:"orderingKey"`
}

// What Headgate must never send. The service says INVALID_ARGUMENT, upon which Headgate would send halves
// and hide the fault; the fake says something else, so that events do not arrive and a test fails.
func brokenLimit(request *pubsubpb.PublishRequest) string {
	if size := proto.Size(request); size > requestBytesMax {
		return fmt.Sprintf("the request has %d bytes", size)
	}
	if count := len(request.Messages); count == 0 || count > messagesMax {
		return fmt.Sprintf("the request has %d messages", count)
	}
	for _, one := range request.Messages {
		if one.OrderingKey != request.Messages[0].OrderingKey {
			return "the request has messages of two ordering keys"
		}
		if len(one.OrderingKey) > orderingKeyBytesMax {
			return "the ordering key is too long"
		}
		if len(one.Attributes) > attributesMax {
			return "too many attributes"
		}
		for name, text := range one.Attributes {
			if name == "" || len(name) > attributeNameMax || strings.HasPrefix(name, "goog") {
				return "the name of an attribute is not allowed"
			}
			if len(text) > attributeTextMax {
				return "an attribute is too long"
			}
		}
	}
	return ""
}

func holdLimits(ctx context.Context, request any, _ *grpc.UnaryServerInfo, handle grpc.UnaryHandler) (any, error) {
	if publish, ok := request.(*pubsubpb.PublishRequest); ok {
		if fault := brokenLimit(publish); fault != "" {
			return nil, status.Error(codes.FailedPrecondition, fault)
		}
		for _, one := range publish.Messages {
			if strings.Contains(string(one.Data), refusedText) {
				return nil, status.Error(codes.InvalidArgument, "a message does not have the schema of the topic")
			}
		}
	}
	answer, err := handle(ctx, request)
	// As far as the service is away: a worker that is killed then has events that are published and not settled.
	time.Sleep(answerDelay)
	return answer, err
}

func listen() net.Listener {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	return listener
}

func main() {
	fake := pstest.NewServerWithAddress("127.0.0.1:0")
	server := grpc.NewServer(grpc.MaxRecvMsgSize(4*requestBytesMax), grpc.UnaryInterceptor(holdLimits))
	pubsubpb.RegisterPublisherServer(server, &fake.GServer)
	http.HandleFunc("POST /topics", func(answer http.ResponseWriter, asked *http.Request) {
		topic := &pubsubpb.Topic{Name: asked.URL.Query().Get("name")}
		if _, err := fake.GServer.CreateTopic(asked.Context(), topic); err != nil {
			http.Error(answer, err.Error(), http.StatusConflict)
		}
	})
	http.HandleFunc("GET /messages", func(answer http.ResponseWriter, asked *http.Request) {
		lines := json.NewEncoder(answer)
		for _, one := range fake.Messages() {
			if one.Topic == asked.URL.Query().Get("topic") {
				_ = lines.Encode(message{string(one.Data), one.Attributes, one.OrderingKey})
			}
		}
	})
	grpcListener, httpListener := listen(), listen()
	go func() { log.Fatal(http.Serve(httpListener, nil)) }()
	fmt.Println(grpcListener.Addr().(*net.TCPAddr).Port, httpListener.Addr().(*net.TCPAddr).Port)
	log.Fatal(server.Serve(grpcListener))
}
