package tools

import (
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"sealfront/proxy/attestation"
	"sealfront/proxy/state"
	"sealfront/proxy/store"
)

// A storeUpload is an upload in progress as the store or the proxy's records name it.
type storeUpload struct {
	key, id   string
	initiated time.Time
	recorded  bool
}

// listUploads counts the uploads in progress, of the proxy's clients and of anybody else, with their parts.
func (a *attest) listUploads(ctx context.Context) error {
	recorded := map[string]bool{}
	if a.in.State != nil {
		err := a.in.State.OpenUploads(ctx, a.record, a.t.Key, "", func(u *state.OpenUpload) (string, bool) {
			recorded[u.ID] = true
			return "", len(recorded) < maxUploads
		})
		if err != nil {
			return fmt.Errorf("list the bucket's uploads in progress: %w", err)
		}
		if len(recorded) == maxUploads {
			a.notes = append(a.notes, fmt.Sprintf("there are more than %d uploads in progress, and only those were looked at",
				maxUploads))
		}
	}
	uploads, err := a.uploadsOfStore(ctx)
	if err != nil {
		return err
	}
	seen := map[string]bool{}
	for _, u := range uploads {
		seen[u.id], u.recorded = true, recorded[u.id]
		if err := a.writeUpload(ctx, u); err != nil {
			return err
		}
	}
	if a.in.State == nil {
		return nil
	}
	// Some stores list uploads of one key at a time only.
	return a.in.State.OpenUploads(ctx, a.record, a.t.Key, "", func(u *state.OpenUpload) (string, bool) {
		if !seen[u.ID] {
			err = errors.Join(err, a.writeUpload(ctx, &storeUpload{u.Key, u.ID, u.Initiated, true}))
		}
		return "", err == nil
	})
}

// maxUploads bounds how many uploads are held in memory.
const maxUploads = 100_000

// uploadsOfStore lists the store's uploads below the target.
func (a *attest) uploadsOfStore(ctx context.Context) (list []*storeUpload, err error) {
	for marker, id := "", ""; ; {
		query := store.AppendQuery("encoding-type=url", "prefix", a.t.Key)
		if marker != "" {
			query = store.AppendQuery(store.AppendQuery(query, "key-marker", marker), "upload-id-marker", id)
		}
		r := &store.Request{
			Operation: "ListMultipartUploads", Method: "GET", Bucket: a.record.StoreName, Query: query + "&uploads=",
		}
		var page struct {
			IsTruncated                                     bool
			EncodingType, NextKeyMarker, NextUploadIdMarker string
			Upload                                          []struct {
				Key, UploadId string
				Initiated     time.Time
			}
		}
		err := send(ctx, a.in.Store, r, &page)
		if unsupported(err) != nil {
			a.notes = append(a.notes, "the store doesn't list uploads in progress: only those of the proxy's clients were "+
				"looked at")
			return nil, nil
		}
		if err != nil {
			return nil, fmt.Errorf("list the uploads of the store's bucket: %w", err)
		}
		for _, u := range page.Upload {
			if page.EncodingType == "url" {
				if u.Key, err = url.QueryUnescape(u.Key); err != nil {
					return nil, fmt.Errorf("read the store's list of uploads: %w", err)
				}
			}
			if strings.HasPrefix(u.Key, a.t.Key) {
				list = append(list, &storeUpload{u.Key, u.UploadId, u.Initiated, false})
			}
		}
		next := page.NextKeyMarker
		if page.EncodingType == "url" {
			if next, err = url.QueryUnescape(next); err != nil {
				return nil, fmt.Errorf("read the store's list of uploads: %w", err)
			}
		}
		switch {
		case !page.IsTruncated:
			return list, nil
		case next == marker && page.NextUploadIdMarker == id, len(list) >= maxUploads:
			a.notes = append(a.notes, "the store's list of uploads in progress doesn't go on, or is too long: others may be "+
				"in progress")
			return list, nil
		}
		marker, id = next, page.NextUploadIdMarker
	}
}

// writeUpload writes the row of an upload: how many bytes of parts the store has of it.
func (a *attest) writeUpload(ctx context.Context, u *storeUpload) error {
	row := &attestation.Row{Seen: attestation.Upload, Key: u.key, Upload: u.id}
	if !u.initiated.IsZero() {
		row.Modified = &u.initiated
	}
	for marker := 0; ; {
		query := store.AppendQuery(store.AppendQuery("part-number-marker="+strconv.Itoa(marker), "uploadId", u.id),
			"max-parts",
			"1000")
		r := &store.Request{Operation: "ListParts", Method: "GET", Bucket: a.record.StoreName, Key: u.key, Query: query}
		var page struct {
			XMLName              xml.Name
			IsTruncated          bool
			NextPartNumberMarker int
			Part                 []struct{ Size int64 }
		}
		err := send(ctx, a.in.Store, r, &page)
		if errors.Is(err, errReplaced) {
			return nil // it has ended meanwhile
		}
		if f, ok := asFault(err); ok && f.Status == http.StatusNotFound {
			return nil
		}
		if err != nil {
			return fmt.Errorf("list the parts of an upload: %w", err)
		}
		for _, part := range page.Part {
			row.Parts++
			row.Stored += part.Size
		}
		if !page.IsTruncated || page.NextPartNumberMarker <= marker {
			break
		}
		marker = page.NextPartNumberMarker
	}
	if !u.recorded && !a.blind && a.old(u.initiated) {
		a.found(row, attestation.UnknownUpload,
			"an upload with %d parts of %d bytes that no record of the proxy knows, begun "+
				"%s: by something else, or by a copy that was cut off", row.Parts, row.Stored,
			u.initiated.UTC().Format(time.RFC3339))
		row.Findings[len(row.Findings)-1].Upload = u.id
	}
	return a.add(row)
}

// add writes a row that no walk has made.
func (a *attest) add(row *attestation.Row) error {
	w, err := newWalk("", a.o.Walk.report())
	if err != nil {
		return err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	return errors.Join(a.say(w, row), a.list.row(row))
}

// report are the options of what only reports.
func (o WalkOptions) report() WalkOptions {
	o.Resume = ""
	return o
}

// findStashes looks for sealed bytes of the bucket's objects in the state bucket that belong to no upload in
// progress, and finds out whether the store lists objects below other objects.
func (a *attest) findStashes(ctx context.Context) error {
	if a.in.State == nil {
		return nil
	}
	listed, err := a.in.Store.ListsChildren(ctx, a.in.StateBucket)
	switch {
	case err != nil:
		a.notes = append(a.notes, fmt.Sprintf("it is unknown whether the store lists an object u/p as well as an object u "+
			"(%v): if it doesn't, such objects were not seen", err))
	case !listed:
		a.notes = append(a.notes, "the store can hold an object u/p as well as an object u, and doesn't list u/p: such "+
			"objects were not seen")
	}
	return a.in.State.Stashes(ctx, a.record, func(s *state.Stash) error {
		if s.Open || !a.old(s.Modified) || !a.old(s.Ended) { // those of an upload that has just ended are being removed
			return nil
		}
		modified := s.Modified
		row := &attestation.Row{Seen: attestation.Left, Key: s.Name, Modified: &modified, Stored: s.Size}
		row.Findings = []attestation.Finding{attestation.NewFinding(attestation.Leftover,
			Target{a.in.StateBucket, s.Name}.URI(),
			"%d bytes of a part or of an object on its way, in the state bucket where no "+
				"client's listing shows them, and no upload in progress that they belong to", s.Size)}
		return a.add(row)
	})
}
