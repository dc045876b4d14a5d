// Makes the calls by Segment's analytics-go, or RudderStack's, which began as a copy of it.
package main

import analytics "sdk"

type listener struct{ calls []call }

func (l listener) Success(message analytics.Message) { settleMessage(l.calls, message, nil) }

func (l listener) Failure(message analytics.Message, err error) { settleMessage(l.calls, message, err) }

func main() {
	url, key, isGzip, calls := readArguments()
	client, err := newClient(url, key, isGzip, listener{calls})
	if err != nil {
		panic(err)
	}
	for _, one := range calls {
		if err := client.Enqueue(messageOf(one)); err != nil {
			settle(one.marker, err, "")
		}
	}
	wait(calls)
	client.Close()
	end(calls)
}

func messageOf(one call) analytics.Message {
	user := one.marker
	switch one.name {
	case "identify":
		return analytics.Identify{UserId: user, Traits: analytics.NewTraits().Set("plan", "team")}
	case "page":
		url := analytics.NewProperties().Set("url", "https://x.example/")
		return analytics.Page{UserId: user, Name: "Home", Properties: url}
	case "screen":
		return analytics.Screen{UserId: user, Name: "Cart"}
	case "group":
		return analytics.Group{UserId: user, GroupId: "g1", Traits: analytics.NewTraits().Set("seats", 3)}
	case "alias":
		return analytics.Alias{UserId: user, PreviousId: "a1"}
	}
	return analytics.Track{UserId: user, Event: "Order Completed", Properties: orderOf(one)}
}
