package objects

import (
	"context"
	"net/http"
	"strconv"
	"strings"
	"time"

	"sealfront/policy"
	"sealfront/proxy/s3"
	"sealfront/proxy/store"
)

// Remove deletes the object if the conditions hold, "" for none. Those on size or date are checked on the object's
// metadata, and the store then deletes that object only. That there is no object is no error, unless an ETag or any object is asked for.
// told is what the store tells of versions; bypass deletes in spite of a retention in governance mode.
func (x *Object) Remove(ctx context.Context, match, size, modified string, bypass bool) (told []s3.Element, err error) {
	conditional := size != "" || modified != "" || match != "" && strings.TrimSpace(match) != "*"
	switch {
	case x.Absent() && match != "":
		return nil, s3.NoSuchKey(x.Key)
	case x.Absent():
		return nil, nil
	case conditional && !x.Objects.o.Abilities.ConditionalDelete:
		// Never ignored: a delete that should not have happened can't be taken back.
		return nil, policy.NotImplemented(policy.DeleteObject)
	case conditional:
		return x.removeIf(ctx, match, size, modified, bypass)
	case match != "" && !x.Objects.o.Abilities.DeleteIfAny:
		return x.removeAny(ctx, bypass)
	}
	r := x.NewRequest("DeleteObject", "DELETE")
	if match != "" {
		r.Set("If-Match", "*")
	}
	told, err = x.sendRemoval(ctx, r, bypass)
	if match != "" && err != nil && Translate(err).Code == "PreconditionFailed" { // so some stores say that there is nothing
		err = s3.NoSuchKey(x.Key)
	}
	if match == "" && err != nil && Translate(err).Code == "NoSuchKey" {
		return nil, nil
	}
	return told, err
}

// removeIf deletes the object under the client's conditions. Stores that find nothing don't look at an ETag.
func (x *Object) removeIf(ctx context.Context, match, size, modified string, bypass bool) (told []s3.Element, err error) {
	r := x.NewRequest("DeleteObject", "DELETE")
	if match != "" && strings.TrimSpace(match) != "*" {
		r.Set("If-Match", s3.StoreCondition(match))
	}
	gone, err := x.checkDeletion(ctx, r, size, modified)
	if gone && match != "" {
		return nil, s3.NoSuchKey(x.Key)
	}
	if gone || err != nil {
		return nil, err
	}
	told, err = x.sendRemoval(ctx, r, bypass)
	if match == "" && err != nil && Translate(err).Code == "NoSuchKey" {
		return nil, nil
	}
	return told, err
}

// removeAny deletes whatever object there is, for a store that takes If-Match: * for an ETag or doesn't look at it. Where the store
// holds conditions, of two such deletions of one object one succeeds.
func (x *Object) removeAny(ctx context.Context, bypass bool) (told []s3.Element, err error) {
	for range GetAttempts {
		h := x.NewRequest("HeadObject", "HEAD")
		a, err := x.Objects.o.Store.Do(ctx, h)
		if err != nil {
			return nil, err
		}
		f := a.Fault(h.Operation)
		if f != nil && f.Status != http.StatusMethodNotAllowed { // a delete marker that is named is something, too
			defer a.Close()
			return nil, x.ReadFault(f, a)
		}
		etag := string(a.Get("Etag"))
		a.Close()
		r := x.NewRequest("DeleteObject", "DELETE")
		if f == nil && x.Objects.o.Abilities.ConditionalDelete && x.Version == "" {
			r.Set("If-Match", etag)
		}
		told, err = x.sendRemoval(ctx, r, bypass)
		if err == nil || Translate(err).Code != "PreconditionFailed" && Translate(err).Code != "NoSuchKey" {
			return told, err
		}
	}
	return nil, conflict(x.Key)
}

// sendRemoval has the store delete. told is what it tells of versions.
func (x *Object) sendRemoval(ctx context.Context, r *store.Request, bypass bool) (told []s3.Element, err error) {
	if bypass {
		r.Set(BypassHeader, "true")
	}
	a, err := x.Objects.o.Store.Do(ctx, r)
	if err != nil {
		return nil, err
	}
	defer a.Close()
	f := a.Fault(r.Operation)
	switch {
	case f == nil:
		return x.VersionOf(a), nil
	case f.Status == http.StatusNotFound && f.Code != "NoSuchBucket":
		return nil, s3.NoSuchKey(x.Key).Because(f)
	case f.Status == http.StatusPreconditionFailed:
		return nil, s3.PreconditionFailed("If-Match").Because(f)
	case x.Version != "" && Locked(f):
		return nil, LockedError(f)
	}
	return nil, x.VersionFault(f, a)
}

// BypassHeader asks to delete in spite of a retention in governance mode.
const BypassHeader = "x-amz-bypass-governance-retention"

// Locked reports whether the store refused to delete or change a version because Object Lock protects it. Stores differ
// in how they say so.
func Locked(f *store.Fault) bool {
	deletes := f.Operation == "DeleteObject" || f.Operation == "DeleteObjects"
	return f.Status == http.StatusForbidden && f.Code == "AccessDenied" || f.Code == "ObjectLocked" || deletes && f.Code == "InvalidRequest"
}

// LockedError is 403 AccessDenied, as S3 answers for what Object Lock protects.
func LockedError(f *store.Fault) error {
	return s3.Refuse("AccessDenied", "Access Denied because object protected by object lock.").Because(f)
}

// checkDeletion compares ETag, size and date with the object's, and binds the deletion to the version it looked at. gone
// tells that there is no object, which satisfies size and date.
func (x *Object) checkDeletion(ctx context.Context, r *store.Request, size, modified string) (gone bool, err error) {
	a, s, err := x.HeadIf(ctx, func(h *store.Request) { h.Header = append(h.Header, r.Header...) })
	if err != nil {
		if Translate(err).Code == "NoSuchKey" && len(r.Header) == 0 {
			return true, nil
		}
		return false, err
	}
	defer a.Close()
	length, err := x.PlainLength(s)
	if err != nil {
		return false, err
	}
	if size != "" && size != strconv.FormatInt(length, 10) {
		return false, s3.PreconditionFailed("x-amz-if-match-size")
	}
	if modified != "" {
		want, err1 := http.ParseTime(modified)
		is, err2 := http.ParseTime(string(a.Get("Last-Modified")))
		if err1 != nil || err2 != nil || !want.Truncate(time.Second).Equal(is.Truncate(time.Second)) {
			return false, s3.PreconditionFailed("x-amz-if-match-last-modified-time")
		}
	}
	r.Header = nil
	r.Set("If-Match", s.ETag)
	return false, nil
}
