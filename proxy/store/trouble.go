package store

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/valyala/fasthttp"

	"sealfront/proxy/breaker"
)

// Besides ErrUnavailable, which both wrap: what kind of no answer it was.
var (
	// ErrHangs: the store took the request, or the connection, and said nothing in the time it had; or it does so now,
	// and wasn't asked.
	ErrHangs = errors.New("the store hangs")
	// ErrAway: no connection could be made, or it was closed without an answer.
	ErrAway = errors.New("the store is away")
)

// ErrNotAsked is what a request gets that wasn't sent: the store has answered nobody for its timeout. It wraps
// ErrHangs.
var ErrNotAsked = fmt.Errorf("%w: %w", ErrHangs, breaker.ErrOpen)

// Trouble names what became of a request without an answer: "hanging", "away", "canceled" when who wanted it has
// left, "unavailable" for the rest.
func Trouble(err error) string {
	switch {
	case errors.Is(err, ErrHangs):
		return breaker.Hanging
	case errors.Is(err, ErrAway):
		return breaker.Away
	case errors.Is(err, context.Canceled):
		return "canceled"
	}
	return "unavailable"
}

// timedOut reports whether an error is that of a deadline.
func timedOut(err error) bool {
	var t net.Error
	return errors.Is(err, os.ErrDeadlineExceeded) || errors.Is(err, context.DeadlineExceeded) ||
		errors.Is(err, fasthttp.ErrTimeout) ||
		errors.As(err, &t) && t.Timeout()
}

// failed tells the breaker of a request that began at start and had no answer.
func (c *Client) failed(start time.Time, err error) {
	trouble := Trouble(err)
	if trouble != breaker.Hanging && trouble != breaker.Away || errors.Is(err, errBusy) || errors.Is(err, ErrNotAsked) {
		return
	}
	c.breaker.Failed(trouble, err, start)
}

// heard tells it of an answer to a request that was sent at start.
func (c *Client) heard(status int, start time.Time) {
	var bad error
	if status >= http.StatusInternalServerError && status != http.StatusNotImplemented {
		bad = fmt.Errorf("the store answered %d", status)
	}
	c.breaker.Heard(bad, start, time.Now())
}

// Health is how the store has answered of late. It costs no request.
func (c *Client) Health() breaker.Health { return c.breaker.Health() }
