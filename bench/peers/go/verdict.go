package main

type violation struct {
	// A JSON pointer into the event.
	Path    string `json:"path"`
	Code    string `json:"code"`
	Message string `json:"message"`
}

// fault says why an event is not stored.
type fault struct {
	Code       string      `json:"code"`
	Message    string      `json:"message"`
	Violations []violation `json:"violations"`
}

func faultAt(code, message, path string) *fault {
	return &fault{code, message, []violation{{path, code, message}}}
}

func (reason *fault) isRetryable() bool { return reason.Code == "not_stored" }

// httpStatus is that of a request with this event alone.
func (reason *fault) httpStatus() int {
	switch reason.Code {
	case "not_stored":
		return 503
	case "unknown_field", "malformed_request":
		return 400
	default:
		return 422
	}
}

type status string

const (
	accepted  status = "accepted"
	duplicate status = "duplicate"
	rejected  status = "rejected"
	retry     status = "retry"
)

// verdict is what came of one event.
type verdict struct {
	idempotencyKey string
	// Empty if the key is no UUID.
	eventID       string
	status        status
	schemaVersion uint32
	sequence      uint64
	fault         *fault
}
