//go:build !noembedded

package localstore

import (
	"context"
	"errors"
	"hash/maphash"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/versity/versitygw/backend/posix"
	"github.com/versity/versitygw/s3err"
	"github.com/versity/versitygw/s3response"
)

// guardedBackend is the backend with conditional deletions that are atomic, and without the names of half-done
// replacements (see leftover.go). The backend looks at the condition and then removes what lies at the name, which by
// then may be another object; its writers exclude one another only.
//
// Writers share a key's lock while they publish; a conditional deletion has it alone.
type guardedBackend struct {
	*posix.Posix
	seed  maphash.Seed
	locks [1024]sync.RWMutex // a key's by its hash
}

func newGuarded(p *posix.Posix) *guardedBackend {
	return &guardedBackend{Posix: p, seed: maphash.MakeSeed()}
}

func (g *guardedBackend) lock(bucket, key *string) *sync.RWMutex {
	if bucket == nil || key == nil {
		return &g.locks[0]
	}
	return &g.locks[maphash.String(g.seed, *bucket+"/"+*key)%uint64(len(g.locks))]
}

// PutObject takes the lock when the body has been received, so that a slow client holds up nobody. Going past the
// backend's PutObject, for the sake of that moment, goes past its bound on requests at work, too; the program's own
// limits bound them.
func (g *guardedBackend) PutObject(ctx context.Context, in s3response.PutObjectInput) (s3response.PutObjectOutput,
	error,
) {
	if err := reserved(in.Key); err != nil {
		return s3response.PutObjectOutput{}, err
	}
	lock, published := g.lock(in.Bucket, in.Key), false
	defer func() {
		if published {
			lock.RUnlock()
		}
	}()
	return g.PutObjectWithPostFunc(ctx, in, func(*os.File) error {
		lock.RLock()
		published = true
		return nil
	})
}

// CompleteMultipartUpload and CopyObject read nothing from a client.
func (g *guardedBackend) CompleteMultipartUpload(ctx context.Context,
	in *s3.CompleteMultipartUploadInput,
) (s3response.CompleteMultipartUploadResult, string, error) {
	lock := g.lock(in.Bucket, in.Key)
	lock.RLock()
	defer lock.RUnlock()
	return g.Posix.CompleteMultipartUpload(ctx, in)
}

// CopyObject is as CompleteMultipartUpload.
func (g *guardedBackend) CopyObject(ctx context.Context, in s3response.CopyObjectInput) (s3response.CopyObjectOutput,
	error,
) {
	if err := reserved(in.Key); err != nil {
		return s3response.CopyObjectOutput{}, err
	}
	lock := g.lock(in.Bucket, in.Key)
	lock.RLock()
	defer lock.RUnlock()
	return g.Posix.CopyObject(ctx, in)
}

// DeleteObject excludes writers when it has a condition.
func (g *guardedBackend) DeleteObject(ctx context.Context, in *s3.DeleteObjectInput) (*s3.DeleteObjectOutput, error) {
	if in.IfMatch == nil && in.IfMatchLastModifiedTime == nil && in.IfMatchSize == nil {
		return g.Posix.DeleteObject(ctx, in)
	}
	lock := g.lock(in.Bucket, in.Key)
	lock.Lock()
	defer lock.Unlock()
	return g.Posix.DeleteObject(ctx, in)
}

// The backend replaces an object by linking the new one to a name in the same directory, .NAME.sgwtmp.NANOSECONDS, and
// renaming that. A process that ends in between leaves the name behind, and it looks like an object. So such names are
// reserved: no object can be made under one, listings don't show them, and Start removes those that are old.

// linkedAt reports whether a key is such a name, and when it was linked.
func linkedAt(key string) (at time.Time, ok bool) {
	name := key[strings.LastIndexByte(key, '/')+1:]
	front, digits, found := strings.Cut(name, ".sgwtmp.")
	for found && strings.Contains(digits, ".sgwtmp.") {
		_, digits, _ = strings.Cut(digits, ".sgwtmp.")
	}
	n, err := strconv.ParseInt(digits, 10, 64)
	if !found || err != nil || n < 0 || digits[0] == '+' || !strings.HasPrefix(front, ".") {
		return time.Time{}, false
	}
	return time.Unix(0, n), true
}

// abandoned is the age from which nobody is going to rename a link.
const abandoned = time.Minute

// sweep removes the names that ended processes have left below dir. Other processes may be at work there.
func sweep(dir string, now time.Time) error {
	return filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			if errors.Is(err, fs.ErrNotExist) {
				return nil
			}
			return err
		}
		if at, ok := linkedAt(filepath.Base(path)); ok && d.Type().IsRegular() && now.Sub(at) > abandoned {
			if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return err
			}
		}
		return nil
	})
}

// reserved refuses a key that is such a name.
func reserved(key *string) error {
	if key != nil {
		if _, ok := linkedAt(*key); ok {
			return s3err.GetAPIError(s3err.ErrInvalidURI)
		}
	}
	return nil
}

func withoutLinks(list []s3response.Object) []s3response.Object {
	return slices.DeleteFunc(list, func(o s3response.Object) bool { return reserved(o.Key) != nil })
}

// CreateMultipartUpload refuses reserved keys.
func (g *guardedBackend) CreateMultipartUpload(ctx context.Context,
	in s3response.CreateMultipartUploadInput,
) (s3response.InitiateMultipartUploadResult, error) {
	if err := reserved(in.Key); err != nil {
		return s3response.InitiateMultipartUploadResult{}, err
	}
	return g.Posix.CreateMultipartUpload(ctx, in)
}

// ListObjects leaves reserved names out.
func (g *guardedBackend) ListObjects(ctx context.Context, in *s3.ListObjectsInput) (s3response.ListObjectsResult,
	error,
) {
	page, err := g.Posix.ListObjects(ctx, in)
	page.Contents = withoutLinks(page.Contents)
	return page, err
}

// ListObjectsV2 leaves reserved names out.
func (g *guardedBackend) ListObjectsV2(ctx context.Context, in *s3.ListObjectsV2Input) (s3response.ListObjectsV2Result,
	error,
) {
	page, err := g.Posix.ListObjectsV2(ctx, in)
	before := len(page.Contents)
	page.Contents = withoutLinks(page.Contents)
	if hidden := int32(before - len(page.Contents)); page.KeyCount != nil && hidden > 0 {
		count := *page.KeyCount - hidden
		page.KeyCount = &count
	}
	return page, err
}
