package store

import (
	"context"
	"encoding/xml"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"sealfront/policy/xmldoc"
	"sealfront/sigv4"
)

// A store made of directory buckets authenticates requests about objects by sessions: credentials for one bucket, good
// for five minutes. Source: CreateSession.
//
//	request ─▶ session of its bucket ─┬─ fresh: sign with it
//	                                  ├─ ends soon: one request fetches the next, the others continue with this one
//	                                  └─ ended, or none: one request fetches it, the others wait
//
// Operations on buckets and those that copy are signed with the long-term credentials.

// session is never changed, only replaced.
type session struct {
	credentials    sigv4.Credentials
	renew, expires time.Time
}

// bucketSession is the session of one bucket. turn is held by the request that fetches one.
type bucketSession struct {
	turn    chan struct{}
	current atomic.Pointer[session]
}

type sessions struct {
	mu      sync.Mutex
	buckets map[string]*bucketSession // those that have, or are about to have, a session; guarded by mu
}

const (
	// renewAhead is how long before its end a session is replaced, endsAhead how long before it is no longer used: a
	// request takes its time to arrive, and clocks differ.
	renewAhead = 90 * time.Second
	endsAhead  = 15 * time.Second
	// renewAgain is how long a failure to renew is waited out as long as the session is good.
	renewAgain = 5 * time.Second
	// maxSessionAnswer bounds the answer to CreateSession, in bytes.
	maxSessionAnswer = 64 << 10
)

// longTerm reports whether an operation is one that sessions are not for. Source: "CreateSession", "Authorizing
// Regional endpoint APIs".
func longTerm(r *Request) bool {
	switch r.Operation {
	case "CreateSession", "CreateBucket", "DeleteBucket", "ListBuckets", "ListDirectoryBuckets", "CopyObject",
		"UploadPartCopy":
		return true
	}
	return r.Bucket == ""
}

// regional reports whether an operation is one of the endpoint that makes and removes buckets.
func regional(r *Request) bool {
	switch r.Operation {
	case "CreateBucket", "DeleteBucket", "ListBuckets", "ListDirectoryBuckets":
		return true
	}
	return false
}

func (s *sessions) bucket(name string) *bucketSession {
	s.mu.Lock()
	defer s.mu.Unlock()
	b := s.buckets[name]
	if b == nil {
		b = &bucketSession{turn: make(chan struct{}, 1)}
		if s.buckets == nil {
			s.buckets = make(map[string]*bucketSession)
		}
		s.buckets[name] = b
	}
	return b
}

// forget drops a bucket that no session could be had for, so that the map holds no more than there are buckets.
func (s *sessions) forget(name string, b *bucketSession) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.buckets[name] == b && b.current.Load() == nil {
		delete(s.buckets, name)
	}
}

// session returns a session of the bucket. refused is the store's answer when it gives none: the answer, then, to the
// request that needed it. The caller closes it.
func (c *Client) session(ctx context.Context, bucket string) (s *session, refused *Answer, err error) {
	b := c.sessions.bucket(bucket)
	now := c.o.Now()
	s = b.current.Load()
	if s != nil && now.Before(s.renew) {
		return s, nil, nil
	}
	select {
	case b.turn <- struct{}{}:
	default:
		if s != nil && now.Before(s.expires.Add(-endsAhead)) {
			return s, nil, nil
		}
		select {
		case b.turn <- struct{}{}:
		case <-ctx.Done():
			return nil, nil, fmt.Errorf("%w: wait for a session of %s: %w", ErrUnavailable, bucket, ctx.Err())
		}
	}
	defer func() { <-b.turn }()
	if s = b.current.Load(); s != nil && now.Before(s.renew) {
		return s, nil, nil // another request was first
	}
	next, refused, err := c.createSession(ctx, bucket)
	if next != nil {
		b.current.Store(next)
		return next, nil, nil
	}
	if s != nil && now.Before(s.expires.Add(-endsAhead)) {
		if refused != nil {
			refused.Close()
		}
		b.current.Store(&session{s.credentials, now.Add(renewAgain), s.expires})
		return s, nil, nil
	}
	b.current.Store(nil)
	c.sessions.forget(bucket, b)
	return nil, refused, err
}

// dropSession makes the next request fetch a session, unless somebody has.
func (c *Client) dropSession(bucket string, s *session) {
	c.sessions.bucket(bucket).current.CompareAndSwap(s, nil)
}

func (c *Client) createSession(ctx context.Context, bucket string) (s *session, refused *Answer, err error) {
	a, err := c.Do(ctx, &Request{Operation: "CreateSession", Method: http.MethodGet, Bucket: bucket, Query: "session="})
	if err != nil {
		return nil, nil, err
	}
	if a.Status >= 300 {
		return nil, a, nil
	}
	defer a.Close()
	body, err := a.Bytes(maxSessionAnswer)
	if err != nil {
		return nil, nil, fmt.Errorf("%w: CreateSession: %w", ErrUnavailable, err)
	}
	var doc struct {
		Credentials struct {
			SessionToken, SecretAccessKey, AccessKeyId string
			Expiration                                 time.Time
		}
	}
	if err := xmldoc.Unmarshal(body, &doc); err != nil {
		return nil, nil, fmt.Errorf("%w: read the answer to CreateSession: %w", ErrUnavailable, err)
	}
	k := &doc.Credentials
	if k.AccessKeyId == "" || k.SecretAccessKey == "" || k.SessionToken == "" ||
		!k.Expiration.After(c.o.Now().Add(endsAhead)) {
		return nil, nil, fmt.Errorf("%w: the answer to CreateSession holds no session that lasts: it ends at %s; "+
			"do the clocks agree?", ErrUnavailable, k.Expiration)
	}
	s = &session{
		credentials: sigv4.Credentials{
			AccessKeyID: k.AccessKeyId, SecretAccessKey: k.SecretAccessKey,
			SessionToken: k.SessionToken,
		},
		renew: k.Expiration.Add(-renewAhead), expires: k.Expiration,
	}
	return s, nil, nil
}

// sessionEnded reports whether the store's answer says that the session is no longer accepted, because the bucket was
// made again for instance. An answer to HEAD doesn't say why it refuses.
func (a *Answer) sessionEnded(r *Request) bool {
	if a.Status != http.StatusBadRequest && a.Status != http.StatusForbidden {
		return false
	}
	switch a.fault(r.Operation).Code {
	case "ExpiredToken", "InvalidToken", "InvalidAccessKeyId", "TokenRefreshRequired":
		return true
	case "":
		return r.Method == http.MethodHead && a.Status == http.StatusBadRequest
	}
	return false
}

// zoneOf returns the zone in the name of a directory bucket, base--zone--x-s3; "" if it is none.
func zoneOf(bucket string) string {
	rest, ok := strings.CutSuffix(bucket, "--x-s3")
	if i := strings.LastIndex(rest, "--"); ok && i > 0 {
		return rest[i+2:]
	}
	return ""
}

// directoryConfiguration is the body of CreateBucket for a directory bucket. The id of a Local Zone has three parts,
// usw2-lax1-az1, that of an Availability Zone two. Source: CreateBucket, "CreateBucketConfiguration".
func directoryConfiguration(zone string) []byte {
	location, redundancy := "AvailabilityZone", "SingleAvailabilityZone"
	if strings.Count(zone, "-") == 2 {
		location, redundancy = "LocalZone", "SingleLocalZone"
	}
	var name strings.Builder
	_ = xml.EscapeText(&name, []byte(zone)) // a strings.Builder never fails
	return []byte(`<CreateBucketConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Location><Name>` +
		name.String() +
		`</Name><Type>` + location + `</Type></Location><Bucket><DataRedundancy>` + redundancy +
		`</DataRedundancy><Type>Directory</Type></Bucket></CreateBucketConfiguration>`)
}
