package localkms

import (
	"context"
	"encoding/json"
)

// action decodes a request of one action, carries it out and returns what is encoded as the answer.
type action func(ctx context.Context, c *call, body []byte) (any, error)

// A call is one request of a caller who is known.
type call struct {
	*Service
	accessKeyID string
	requestID   string
}

// typed makes an action of a function over decoded requests. Members that KMS has and this service doesn't read are
// ignored, as KMS ignores unknown ones; those that would change the outcome are read and refused.
func typed[In, Out any](do func(c *call, in *In) (Out, error)) action {
	return func(ctx context.Context, c *call, body []byte) (any, error) {
		var in In
		if err := json.Unmarshal(body, &in); err != nil {
			return nil, fail("SerializationException", "The request body is not the JSON of this action")
		}
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		return do(c, &in)
	}
}
