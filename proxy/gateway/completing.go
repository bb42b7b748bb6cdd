package gateway

import "sync"

// completing lets one CompleteMultipartUpload of an upload in at a time. Some stores lose an upload whose Completes race:
// versitygw moves the upload's directory while it works, and a part written meanwhile makes a new one in its place. A
// second Complete waits and then finds the upload completed. At two replicas at once such an upload can still be
// lost, as it would be without the proxy; what is visible is not touched.
type completing struct {
	mu      sync.Mutex
	uploads map[string]*queue // by upload id
}

type queue struct {
	sync.Mutex
	waiting int
}

// enter waits for its turn and returns how to leave.
func (c *completing) enter(id string) (leave func()) {
	c.mu.Lock()
	if c.uploads == nil {
		c.uploads = make(map[string]*queue)
	}
	q := c.uploads[id]
	if q == nil {
		q = &queue{}
		c.uploads[id] = q
	}
	q.waiting++
	c.mu.Unlock()
	q.Lock()
	return func() {
		q.Unlock()
		c.mu.Lock()
		defer c.mu.Unlock()
		if q.waiting--; q.waiting == 0 {
			delete(c.uploads, id)
		}
	}
}
