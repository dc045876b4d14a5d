// Package headgate connects to a gate, and reads its refusals.
package headgate

import (
	"context"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"

	headgatev1 "example.com/shop/gen/headgate/v1"
)

// retries has gRPC send a call again where the gate could not take it just now. Nothing is counted
// twice: the same bytes go out again, and with them the same idempotency key.
const retries = `{"methodConfig": [{
	"name": [{"service": "headgate.v1.TrackService"}],
	"timeout": "30s",
	"retryPolicy": {
		"maxAttempts": 4, "initialBackoff": "0.2s", "maxBackoff": "5s", "backoffMultiplier": 2,
		"retryableStatusCodes": ["UNAVAILABLE"]
	}
}]}`

// Connect returns a client for the gate at an address such as 127.0.0.1:8080, and what closes it.
// One is enough for a program: its calls share a connection. A key may be left out where the gate
// asks for none. Over TLS, put credentials.NewTLS(nil) in the place of insecure.
func Connect(address, key string) (headgatev1.TrackServiceClient, func() error, error) {
	connection, err := grpc.NewClient(address,
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDefaultServiceConfig(retries),
		grpc.WithUnaryInterceptor(withKey(key)),
	)
	if err != nil {
		return nil, nil, err
	}
	return headgatev1.NewTrackServiceClient(connection), connection.Close, nil
}

func withKey(key string) grpc.UnaryClientInterceptor {
	return func(ctx context.Context, method string, request, reply any,
		connection *grpc.ClientConn, invoke grpc.UnaryInvoker, options ...grpc.CallOption) error {
		if key != "" {
			ctx = metadata.AppendToOutgoingContext(ctx, "authorization", "Bearer "+key)
		}
		return invoke(ctx, method, request, reply, connection, options...)
	}
}
