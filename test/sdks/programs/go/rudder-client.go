package main

import (
	"time"

	analytics "sdk"
)

func newClient(url, key string, isGzip bool, callback analytics.Callback) (analytics.Client, error) {
	return analytics.NewWithConfig(key, analytics.Config{
		DataPlaneUrl: url + "/v1/segment",
		DisableGzip:  !isGzip,
		Callback:     callback,
		Interval:     200 * time.Millisecond,
		RetryAfter:   func(int) time.Duration { return 100 * time.Millisecond },
	})
}
