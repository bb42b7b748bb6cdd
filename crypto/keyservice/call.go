package keyservice

import (
	"context"
	"encoding/json"
	"time"
)

// action decodes a request of one action, carries it out and returns what is encoded as the answer.
type action func(c *call, body []byte) (any, error)

// A call is one request of a caller who is known. It lives as long as the request, and so may hold its context.
type call struct {
	*Service
	ctx       context.Context
	caller    Caller
	requestID string

	about string // the key that it is about, for the observer
	with  map[string]string
	views []*view // that were read; they are wiped at its end
}

// typed makes an action of a function over decoded requests. Members that KMS has and this service doesn't read are
// ignored, as KMS ignores unknown ones; those that would change the outcome are read and refused.
func typed[In, Out any](do func(c *call, in *In) (Out, error)) action {
	return func(c *call, body []byte) (any, error) {
		var in In
		if err := json.Unmarshal(body, &in); err != nil {
			return nil, fail("SerializationException", "The request body is not the JSON of this action")
		}
		if err := c.ctx.Err(); err != nil {
			return nil, err
		}
		return do(c, &in)
	}
}

// view returns what names are about, no older than maxAge, without keys that are due to be deleted or rotated. Nothing
// in it may be changed, and it lives as long as the call.
func (c *call) view(maxAge time.Duration, names ...string) (*state, error) {
	v, err := c.records.read(c.ctx, maxAge, names...)
	if err != nil {
		return nil, err
	}
	c.views = append(c.views, v)
	if v.anyDue(c.o.Now()) {
		return c.update(func(*state) *Error { return nil }, names...)
	}
	return v.state, nil
}

// viewAll is view of everything.
func (c *call) viewAll() (*state, error) {
	v, err := c.records.readAll(c.ctx)
	if err != nil {
		return nil, err
	}
	c.views = append(c.views, v)
	if v.anyDue(c.o.Now()) {
		v.removeDue(c.o.Now()) // it is carried out by Sweep, or by whoever uses the key
	}
	return v.state, nil
}

// update changes what names are about, and returns it as it is then.
func (c *call) update(change func(*state) *Error, names ...string) (*state, error) {
	v, err := c.records.update(c.ctx, change, names...)
	if err != nil {
		return nil, err
	}
	c.views = append(c.views, v)
	return v.state, nil
}

// end wipes what the call has read.
func (c *call) end() {
	for _, v := range c.views {
		v.wipe()
	}
}
