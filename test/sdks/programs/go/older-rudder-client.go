package main

import (
	"time"

	analytics "sdk"
)

func newClient(url, key string, _ bool, callback analytics.Callback) (analytics.Client, error) {
	return analytics.NewWithConfig(key, url+"/v1/segment", analytics.Config{
		Callback: callback,
		Interval: 200 * time.Millisecond,
		// Else it first asks the data plane for its nodes.
		NoProxySupport: true,
		RetryAfter:     func(int) time.Duration { return 100 * time.Millisecond },
	})
}
