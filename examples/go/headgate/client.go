// Package headgate connects to a gate, and reads the details of its errors.
package headgate

import (
	"context"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"

	headgatev1 "example.com/shop/gen/headgate/v1"
)

// retries makes gRPC send a call again if the gate is unavailable. No event counts twice, because
// the same bytes are sent again, with the same idempotency key.
const retries = `{"methodConfig": [{
	"name": [{"service": "headgate.v1.TrackService"}],
	"timeout": "30s",
	"retryPolicy": {
		"maxAttempts": 4, "initialBackoff": "0.2s", "maxBackoff": "5s", "backoffMultiplier": 2,
		"retryableStatusCodes": ["UNAVAILABLE"]
	}
}]}`

// Connect returns a client for the gate at an address such as 127.0.0.1:8080, and a function that
// closes it. One client is enough for a program: its calls share a connection. The key may be empty
// if the gate requires none. For TLS, replace insecure.NewCredentials() by credentials.NewTLS(nil).
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
