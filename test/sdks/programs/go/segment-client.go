package main

import (
	"time"

	analytics "sdk"
)

func newClient(url, key string, _ bool, callback analytics.Callback) (analytics.Client, error) {
	return analytics.NewWithConfig(key, analytics.Config{
		Endpoint:   url + "/v1/segment",
		Callback:   callback,
		Interval:   200 * time.Millisecond,
		RetryAfter: func(int) time.Duration { return 100 * time.Millisecond },
	})
}
