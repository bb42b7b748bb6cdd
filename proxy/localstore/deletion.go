//go:build !noembedded

package localstore

import (
	"context"
	"hash/maphash"
	"os"
	"sync"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/versity/versitygw/backend/posix"
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
