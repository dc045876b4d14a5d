package headgatemock

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
)

// completeOrder is the code under test: in your project it has a package of its own.
func completeOrder(url, key, total string) error {
	event := fmt.Sprintf(`{"event_name":"order_completed","user_id":"u-1","idempotency_key":%q,
		"properties":{"order_id":"A-1001","total":%s,"currency":"EUR"}}`, key, total)
	response, err := http.Post(url+"/v1/track", "application/json", strings.NewReader(event))
	if err != nil {
		return err
	}
	return response.Body.Close()
}

func TestOrders(t *testing.T) {
	mock := Start(t)
	for key, total := range map[string]string{
		"0190b5f0-7c4e-7d60-9f0a-2f1d6c1f6a11": "49.9",
		"0190b5f0-7c4e-7d60-9f0a-2f1d6c1f6a12": `"49.9"`,
	} {
		if err := completeOrder(mock.URL, key, total); err != nil {
			t.Fatal(err)
		}
	}
	good, bad := mock.Good(), mock.Bad()
	if len(good) != 1 || good[0].Event["event_name"] != "order_completed" {
		t.Errorf("accepted: %+v", good)
	}
	if len(bad) != 1 || bad[0].Violations[0].Path != "/properties/total" {
		t.Errorf("rejected: %+v", bad)
	}
}
