// Makes the calls by posthog-go.
package main

import (
	"fmt"
	"time"

	posthog "sdk"
)

type listener struct{ calls []call }

func (l listener) Success(message posthog.APIMessage) { settleMessage(l.calls, message, nil) }

func (l listener) Failure(message posthog.APIMessage, err error) {
	settleMessage(l.calls, message, err)
}

func main() {
	url, key, _, calls := readArguments()
	client, err := posthog.NewWithConfig(key, posthog.Config{
		Endpoint:   url,
		Callback:   listener{calls},
		Interval:   200 * time.Millisecond,
		RetryAfter: func(int) time.Duration { return 100 * time.Millisecond },
	})
	if err != nil {
		panic(err)
	}
	for _, one := range calls {
		if one.name == "flags" || one.name == "decide" {
			askFlag(client, one.marker)
		} else if err := client.Enqueue(messageOf(one)); err != nil {
			settle(one.marker, err, "")
		}
	}
	wait(calls)
	client.Close()
	end(calls)
}

func askFlag(client posthog.Client, marker string) {
	no := false
	value, err := client.GetFeatureFlag(posthog.FeatureFlagPayload{
		Key:                   "new-checkout",
		DistinctId:            marker,
		SendFeatureFlagEvents: &no,
	})
	settle(marker, err, fmt.Sprintf("GetFeatureFlag returned %v", value))
}

func messageOf(one call) posthog.Message {
	user := one.marker
	capture := func(event, name, value string) posthog.Message {
		properties := posthog.NewProperties().Set(name, value)
		return posthog.Capture{DistinctId: user, Event: event, Properties: properties}
	}
	switch one.name {
	case "identify":
		return posthog.Identify{DistinctId: user, Properties: posthog.NewProperties().Set("plan", "team")}
	case "page":
		return capture("$pageview", "$current_url", "https://x.example/")
	case "screen":
		return capture("$screen", "$screen_name", "Cart")
	case "group":
		seats := posthog.NewProperties().Set("seats", 3)
		return posthog.GroupIdentify{Type: "company", Key: user, Properties: seats}
	case "alias":
		return posthog.Alias{DistinctId: user, Alias: "a1"}
	}
	return posthog.Capture{DistinctId: user, Event: "Order Completed", Properties: orderOf(one)}
}
