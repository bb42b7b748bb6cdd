package store

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"time"
)

// Probe tries out the store in a bucket of ours, below a random prefix that it removes again. An error means
// that the store could not be tried, not that something is missing. What keeps a store from being used is tried twice
// before it is said.
//
//	what is tried                              who needs it, and what happens otherwise
//	PUT If-None-Match: * / If-Match            bucket records, conditional writes of clients
//	DELETE If-Match: *                         clients: the proxy reads the object's ETag first
//	DELETE If-Match                            RenameObject, conditional deletes
//	CopyObject If-None-Match: * / If-Match     copies with conditions: their bytes stream through the proxy
//	Complete If-None-Match: * / If-Match       appends, conditional Completes of clients
//	a copy onto itself, at once and failing    changes of metadata and key: likewise
//	ETags of such copies, and of parts         UpdateObjectEncryption: bytes stream through, or it is refused
//	a PUT whose connection ends early          uploads that fail a check at their end
//	2,000 and 1,200 bytes of metadata          the envelope and the client's metadata
//	ten large tags with metadata               uploads with more than fits are refused: some stores fail halfway
//	Expires: 0                                 it is stored in metadata of ours
//	the validators in 304 answers                         the proxy reads the object's
//	pages by a delimiter of "-"                the proxy rolls names up itself
//	nasty names, by every way                  Names: what doesn't come back is refused
//	u and u/p                                  the store's error is translated, and tools say what they don't see
//	Complete of part 10,000 alone              where the end of a multipart object goes
//
// Versions can't be tried without a bucket of their own, which would have to be made and removed at each start: there
// no store is trusted (ListObjectVersions, If-None-Match: * over a delete marker).
func (c *Client) Probe(ctx context.Context, bucket string) (Abilities, error) {
	p := c.newProbe(bucket)
	var a Abilities
	tries := []attempt{
		{"conditional PUT", p.conditionalPut, &a.ConditionalPut, true},
		{"conditional DELETE", p.conditionalDelete, &a.ConditionalDelete, false},
		{"DELETE If-Match: *", p.deleteIfAny, &a.DeleteIfAny, false},
		{"conditional copy", p.conditionalCopy, &a.ConditionalCopy, false},
		{"conditional Complete", p.conditionalComplete, &a.ConditionalComplete, false},
		{"copy onto itself", p.atomicSelfCopy, &a.AtomicSelfCopy, false},
		{"ETags", p.etags(&a.ETagOfBytes), &a.CopyKeepsETag, false},
		{"cut-off body", p.cutOff, &a.CutOffRefused, true},
		{"metadata room", p.metadataRoom(2000), &a.MetadataRoom, false},
		{"some metadata", p.metadataRoom(1200), &a.SomeMetadata, true},
		{"tags", func(ctx context.Context) (all bool, err error) {
			a.TagRoom, err = p.tagRoom(ctx)
			return a.TagRoom == math.MaxInt, err
		}, new(bool), false},
		{"Expires", p.anyExpires, &a.AnyExpires, false},
		{"304", p.notModified, &a.NotModified, false},
		{"delimiters", p.delimiters, &a.Delimiters, false},
		{"key beside child", p.keyBesideChild(&a.ChildListed), &a.KeyBesideChild, false},
		{"part numbers", p.partGaps, &a.PartGaps, false},
		{"names", func(ctx context.Context) (distinct bool, err error) {
			a.Names, err = p.tryNames(ctx)
			return a.Names.Distinct, err
		}, new(bool), true},
	}
	err := inParallel(tries, func(try attempt) error { return try.run(ctx) })
	p.sweep(ctx)
	return a, err
}

// ListsChildren tries whether u/p is listed where u is an object, too, in a bucket of ours; a store that can't hold
// both lists all it holds.
func (c *Client) ListsChildren(ctx context.Context, bucket string) (listed bool, err error) {
	p := c.newProbe(bucket)
	defer p.sweep(ctx)
	beside, err := p.keyBesideChild(&listed)(ctx)
	return listed || !beside, err
}

func (c *Client) newProbe(bucket string) *probe {
	var salt [8]byte
	rand.Read(salt[:])
	return &probe{objects: c.Objects(bucket), prefix: "probe-" + hex.EncodeToString(salt[:])}
}

// attemptPause is how long an attempt waits that failed.
const attemptPause = 200 * time.Millisecond

// pause waits, and reports whether ctx lasts.
func pause(ctx context.Context, d time.Duration) bool {
	wait := time.NewTimer(d)
	defer wait.Stop()
	select {
	case <-wait.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// An attempt finds out one ability.
type attempt struct {
	name    string
	do      func(context.Context) (bool, error)
	into    *bool
	refuses bool // the store can't be used without it
}

// run makes the attempt, and once more what would keep the program from starting: an ability that it needs, or an
// answer of no use, such as a gateway's 502 while its store restarts.
func (t *attempt) run(ctx context.Context) error {
	ok, err := t.do(ctx)
	if err != nil && !errors.Is(err, ErrHangs) && pause(ctx, attemptPause) || err == nil && !ok && t.refuses {
		ok, err = t.do(ctx)
	}
	if err != nil {
		return fmt.Errorf("probe the store (%s): %w", t.name, err)
	}
	*t.into = ok
	return nil
}
