package gateway

import (
	"encoding/xml"
	"errors"
	"io"
	"strings"

	"sealfront/policy"
	"sealfront/policy/xmldoc"
	"sealfront/proxy/objects"
	"sealfront/proxy/s3"
	"sealfront/proxy/store"
)

// maxDeletions is how many keys one DeleteObjects may name; maxDeleteDocument bounds its body, in bytes.
const (
	maxDeletions      = 1000
	maxDeleteDocument = 2 << 20
)

// A deletion is one object to delete, and its conditions; "" for none.
type deletion struct {
	Key                          string
	VersionId                    string
	ETag, LastModifiedTime, Size string
	Strangers                    []s3.Stranger `xml:",any"`
}

func (d *deletion) conditional() bool {
	return d.ETag != "" || d.LastModifiedTime != "" || d.Size != ""
}

type deletedEntry struct {
	Key                   string
	VersionId             string `xml:",omitempty"`
	DeleteMarker          bool   `xml:",omitempty"`
	DeleteMarkerVersionId string `xml:",omitempty"`
}

type deletionError struct {
	Key           string
	VersionId     string `xml:",omitempty"`
	Code, Message string
}

// A deletionResult is the answer of DeleteObjects, ours and the store's.
type deletionResult struct {
	XMLName xml.Name        `xml:"DeleteResult"`
	Xmlns   string          `xml:"xmlns,attr,omitempty"`
	Deleted []deletedEntry  `xml:",omitempty"`
	Error   []deletionError `xml:",omitempty"`
}

func (r *deletionResult) fail(key, version string, err error) {
	e := objects.Translate(err)
	r.Error = append(r.Error, deletionError{key, version, e.Code, e.Message})
}

// deleteObjects carries out DeleteObjects. Nothing is deleted before the whole document has been read and checked. Keys
// without conditions go to the store in one request, each other one before it as DeleteObject, several at once.
func deleteObjects(x *exchange) error {
	list, quiet, err := x.readDeletions()
	if err != nil {
		return err
	}
	y := x.at(x.Record, "")
	batch := make([]store.Deletion, 0, len(list))
	var outcomes, each []*deletionOutcome // of what is refused or deleted alone; each are the latter
	for i := range list {
		d := &list[i]
		y.Key, y.Version = d.Key, ""
		if x.Facts.Kind == policy.General {
			y.Version = d.VersionId
		}
		err := x.permitDeletion(d, y)
		if err == nil && !d.conditional() && !y.Absent() {
			batch = append(batch, store.Deletion{Key: d.Key, Version: y.Version})
			continue
		}
		o := &deletionOutcome{index: i, version: y.Version, err: err}
		if outcomes = append(outcomes, o); err == nil {
			each = append(each, o)
		}
	}
	x.removeEach(list, each)
	result := deletionResult{Xmlns: s3.Namespace}
	for _, o := range outcomes {
		d := &list[o.index]
		if o.err != nil {
			result.fail(d.Key, d.VersionId, o.err)
			continue
		}
		result.Deleted = append(result.Deleted, newDeletedEntry(d.Key, o.version, o.headers))
	}
	if len(batch) > 0 {
		if err := x.deleteBatch(batch, &result); err != nil {
			return err
		}
	}
	if quiet {
		result.Deleted = nil
	}
	return x.answerXML(&result)
}

// newDeletedEntry is the answer's entry for a deleted key. A deleted version may have been a delete marker; a deletion
// without a version may have made one.
func newDeletedEntry(key, version string, headers []s3.Element) deletedEntry {
	d := deletedEntry{Key: key, VersionId: version}
	for _, e := range headers {
		d.DeleteMarker = d.DeleteMarker || e.Name == "x-amz-delete-marker" && e.Value == "true"
	}
	for _, e := range headers {
		if e.Name == "x-amz-version-id" && d.DeleteMarker {
			d.DeleteMarkerVersionId = e.Value
		}
	}
	return d
}

// permitDeletion checks one key as DeleteObject would be checked.
func (x *exchange) permitDeletion(d *deletion, y *objects.Object) error {
	e := policy.Entry{Key: d.Key, ETag: d.ETag, Size: d.Size, LastModified: d.LastModifiedTime}
	if refused := policy.CheckEntry(x.Bucket, &e); refused != nil {
		return refused
	}
	if d.VersionId != "" && !policy.ValidVersion(x.Facts.Kind, d.VersionId) {
		return s3.InvalidArgument("versionId", d.VersionId, "Invalid version id specified")
	}
	if x.Facts.Kind == policy.General {
		place, err := x.place(y)
		if err != nil {
			return err
		}
		return x.grant.MayDelete(&place)
	}
	return nil
}

// readDeletions reads the request's document as a stream.
func (x *exchange) readDeletions() (list []deletion, quiet bool, err error) {
	body, err := x.newDocument(maxDeleteDocument)
	if err != nil {
		return nil, false, err
	}
	body.Start()
	list, quiet, err = parseDeletions(body, x.Facts.Kind == policy.Directory)
	var refusal *s3.Error
	if errors.As(err, &refusal) && refusal.Code != "MalformedXML" {
		return nil, false, err // the body itself was refused
	}
	if err == nil {
		_, err = body.Finish()
	}
	return list, quiet, err
}

// parseDeletions reads a Delete document to its end. In directory buckets a key needs a character that isn't white
// space.
func parseDeletions(r io.Reader, directory bool) (list []deletion, quiet bool, err error) {
	d := xmldoc.NewDecoder(r)
	malformed := func(err error) ([]deletion, bool, error) {
		var refusal *s3.Error
		if errors.As(err, &refusal) {
			return nil, false, err
		}
		return nil, false, s3.MalformedXML(err)
	}
	depth := 0
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return malformed(err)
		}
		var start xml.StartElement
		switch t := token.(type) {
		case xml.StartElement:
			start = t
		case xml.EndElement:
			depth--
			continue
		case xml.CharData:
			if strings.TrimSpace(string(t)) != "" {
				return malformed(errors.New("text between elements"))
			}
			continue
		default:
			continue
		}
		switch {
		case depth == 0 && list == nil && start.Name.Local == "Delete":
			list = []deletion{}
			depth++
		case depth == 1 && start.Name.Local == "Quiet":
			if err := d.DecodeElement(&quiet, &start); err != nil {
				return malformed(err)
			}
		case depth == 1 && start.Name.Local == "Object":
			if len(list) == maxDeletions {
				return malformed(errors.New("more than 1,000 keys"))
			}
			var one deletion
			if err := d.DecodeElement(&one, &start); err != nil {
				return malformed(err)
			}
			if err := deletionList.RefuseStrangers(one.Strangers, "Object"); err != nil {
				return nil, false, err
			}
			if one.Key == "" || directory && strings.TrimSpace(one.Key) == "" {
				return malformed(errors.New("an empty key"))
			}
			list = append(list, one)
		default:
			return malformed(errors.New("an element that has no place there: " + start.Name.Local))
		}
	}
	if len(list) == 0 {
		return malformed(errors.New("no key is named"))
	}
	return list, quiet, nil
}

// deleteBatch has the store delete keys, and adds the outcome to result.
func (x *exchange) deleteBatch(batch []store.Deletion, result *deletionResult) error {
	// Quiet in directory buckets: otherwise the store reports what became of versions.
	r := store.NewDeleteObjects(x.Record.StoreName, x.Facts.Kind == policy.Directory, batch)
	x.setBypass(r)
	a, err := x.g.o.Store.Do(x.context, r)
	if err != nil {
		return err
	}
	defer a.Close()
	if f := a.Fault(r.Operation); f != nil {
		return objects.StoreError(f, x.Bucket, "")
	}
	body, err := a.Bytes(objects.MaxListing)
	if err != nil {
		return s3.Unavailable(err)
	}
	var stored deletionResult
	if err := xmldoc.Unmarshal(body, &stored); err != nil {
		return s3.Internal(err)
	}
	failed := make(map[store.Deletion]bool, len(stored.Error))
	for _, e := range stored.Error {
		f := &store.Fault{Operation: r.Operation, Status: 500, Code: e.Code, Message: e.Message}
		switch e.Code {
		case "NoSuchKey", "NoSuchVersion":
			continue // an absent object counts as deleted
		case "InvalidArgument": // some stores return it for an id that none of their versions can have
			if e.VersionId != "" {
				continue
			}
		case "ServiceUnavailable", "SlowDown":
			f.Status = 503
		case "AccessDenied":
			f.Status = 403
		}
		failed[store.Deletion{Key: e.Key, Version: e.VersionId}] = true
		var err error = objects.StoreError(f, x.Bucket, e.Key)
		if e.VersionId != "" && objects.Locked(f) {
			err = objects.LockedError(f)
		}
		result.fail(e.Key, e.VersionId, err)
	}
	reported := make(map[store.Deletion]deletedEntry, len(stored.Deleted))
	if x.Facts.Kind == policy.General {
		for _, d := range stored.Deleted {
			reported[store.Deletion{Key: d.Key, Version: d.VersionId}] = d
		}
	}
	for _, o := range batch {
		if failed[o] {
			continue
		}
		d := reported[o]
		d.Key, d.VersionId = o.Key, o.Version
		result.Deleted = append(result.Deleted, d)
	}
	return nil
}
