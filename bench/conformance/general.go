package conformance

import "net/http"

// general is the general purpose bucket that all rows share.
func (c *check) general() string {
	c.sharing.Lock()
	defer c.sharing.Unlock()
	bucket := c.buckets["general"]
	if bucket != "" {
		return bucket
	}
	bucket = c.generalName("shared")
	c.makeGeneral(bucket)
	c.buckets["general"] = bucket
	return bucket
}

func (c *check) generalName(what string) string {
	name := c.base + "-" + c.run + "-" + what
	return name[:min(len(name), 63)]
}

// makeGeneral makes a general purpose bucket, which is removed at the end of the run.
func (c *check) makeGeneral(bucket string) {
	body := ""
	if c.region != "us-east-1" {
		body = "<CreateBucketConfiguration><LocationConstraint>" + c.region +
			"</LocationConstraint></CreateBucketConfiguration>"
	}
	c.willBe(bucket)
	c.status(c.inGeneral(&request{method: "PUT", bucket: bucket, body: body}), http.StatusOK)
	c.ok(c.settled(c.ctx))
}

// inGeneral sends a request as general purpose buckets are spoken to.
func (c *check) inGeneral(r *request) *answer {
	r.service, r.regional = "s3", true
	if r.as == nil {
		r.as = c.long
	}
	return c.do(r)
}
