package gateway

import (
	"crypto/md5"
	"encoding/base64"
	"encoding/xml"
	"errors"
	"io"
	"strconv"
	"strings"

	"sealfront/policy"
	"sealfront/proxy/store"
)

// maxDeletions is how many keys one DeleteObjects may name; maxDeleteDocument bounds its body, in bytes.
const (
	maxDeletions      = 1000
	maxDeleteDocument = 2 << 20
)

// A deletion is one object that is to go, and under which conditions; "" for none.
type deletion struct {
	Key                          string
	VersionId                    string
	ETag, LastModifiedTime, Size string
}

func (d *deletion) conditional() bool {
	return d.ETag != "" || d.LastModifiedTime != "" || d.Size != ""
}

type deletedEntry struct{ Key string }

type deletionError struct{ Key, Code, Message string }

// A deletionResult is the answer of DeleteObjects, ours and the store's.
type deletionResult struct {
	XMLName xml.Name        `xml:"DeleteResult"`
	Xmlns   string          `xml:"xmlns,attr,omitempty"`
	Deleted []deletedEntry  `xml:",omitempty"`
	Error   []deletionError `xml:",omitempty"`
}

func (r *deletionResult) fail(key string, err error) {
	e := answerTo(err)
	r.Error = append(r.Error, deletionError{key, e.code, e.message})
}

// deleteObjects carries out DeleteObjects. Nothing is deleted before the whole document has been read and checked. Keys
// without conditions go to the store in one request, each other one as DeleteObject.
func deleteObjects(x *exchange) error {
	list, quiet, err := x.readDeletions()
	if err != nil {
		return err
	}
	result := deletionResult{Xmlns: s3Namespace}
	y := x.at(x.record, "")
	batch := make([]string, 0, len(list))
	var check policy.Request
	for i := range list {
		d := &list[i]
		y.key = d.Key
		if err := x.permitDeletion(d, y, &check); err != nil {
			result.fail(d.Key, err)
			continue
		}
		if !d.conditional() {
			batch = append(batch, d.Key)
			continue
		}
		if err := y.remove(d.ETag, d.Size, d.LastModifiedTime); err != nil {
			result.fail(d.Key, err)
			continue
		}
		result.Deleted = append(result.Deleted, deletedEntry{d.Key})
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

// permitDeletion checks one key as DeleteObject would be checked. check is reused.
func (x *exchange) permitDeletion(d *deletion, y *exchange, check *policy.Request) error {
	fields := policy.MapFields{}
	for _, c := range [...]parameter{{"if-match", d.ETag}, {"x-amz-if-match-size", d.Size}, {"x-amz-if-match-last-modified-time", d.LastModifiedTime}} {
		if c.value != "" {
			fields[c.name] = []string{c.value}
		}
	}
	check.Reset()
	check.Method, check.Bucket, check.Key, check.Header = "DELETE", x.bucket, d.Key, fields
	if refused := policy.CheckRequest(policy.DeleteObject, check); refused != nil {
		return refused
	}
	if d.VersionId != "" && d.VersionId != "null" {
		return invalidArgument("versionId", d.VersionId, "Invalid version id specified")
	}
	if err := y.checkKey(); err != nil {
		return err
	}
	if x.facts.Kind == policy.General {
		if refused := policy.Authorize(policy.DeleteObject, &x.request, x.caller(), x.target(d.Key, ""), policy.ReadWrite); refused != nil {
			return refused
		}
	}
	return nil
}

// readDeletions reads the request's document as a stream.
func (x *exchange) readDeletions() (list []deletion, quiet bool, err error) {
	body, err := x.newBody(maxDeleteDocument)
	if err != nil {
		var e *s3Error
		if errors.As(err, &e) && e.code == "EntityTooLarge" {
			return nil, false, refusal("MaxMessageLengthExceeded", "Your request was too big.", "MaxMessageLengthBytes", strconv.Itoa(maxDeleteDocument))
		}
		return nil, false, err
	}
	body.start()
	list, quiet, err = parseDeletions(body, x.facts.Kind == policy.Directory)
	var told *s3Error
	if errors.As(err, &told) && told.code != "MalformedXML" {
		return nil, false, err // the body itself was wrong
	}
	if err == nil {
		_, err = body.finish()
	}
	return list, quiet, err
}

// parseDeletions reads a Delete document to its end. In directory buckets a key needs a character that isn't white space.
func parseDeletions(r io.Reader, directory bool) (list []deletion, quiet bool, err error) {
	d := xml.NewDecoder(r)
	malformed := func(err error) ([]deletion, bool, error) {
		var told *s3Error
		if errors.As(err, &told) {
			return nil, false, err
		}
		return nil, false, malformedXML(err)
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
			if one.Key == "" || directory && strings.TrimSpace(one.Key) == "" {
				return malformed(errors.New("a key of nothing"))
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

// deleteBatch has the store delete keys, and puts what came of it into result.
func (x *exchange) deleteBatch(keys []string, result *deletionResult) error {
	var b strings.Builder
	b.WriteString(`<Delete xmlns="` + s3Namespace + `"><Quiet>true</Quiet>`)
	for _, key := range keys {
		b.WriteString("<Object><Key>")
		_ = xml.EscapeText(&b, []byte(key))
		b.WriteString("</Key></Object>")
	}
	b.WriteString("</Delete>")
	r := &store.Request{Operation: "DeleteObjects", Method: "POST", Bucket: x.record.StoreName, Query: "delete=", Bytes: []byte(b.String())}
	sum := md5.Sum(r.Bytes)
	r.Set("Content-MD5", base64.StdEncoding.EncodeToString(sum[:]))
	r.Set("Content-Type", "application/xml")
	a, err := x.g.o.Store.Do(x.context, r)
	if err != nil {
		return err
	}
	defer a.Close()
	if f := a.Fault(r.Operation); f != nil {
		return storeError(f, x.bucket, "")
	}
	body, err := a.Bytes(maxListing)
	if err != nil {
		return unavailable(err)
	}
	var stored deletionResult
	if err := xml.Unmarshal(body, &stored); err != nil {
		return internal(err)
	}
	failed := make(map[string]bool, len(stored.Error))
	for _, e := range stored.Error {
		f := &store.Fault{Operation: r.Operation, Status: 500, Code: e.Code, Message: e.Message}
		switch e.Code {
		case "NoSuchKey":
			continue // gone is gone
		case "ServiceUnavailable", "SlowDown":
			f.Status = 503
		}
		failed[e.Key] = true
		result.fail(e.Key, storeError(f, x.bucket, e.Key))
	}
	for _, key := range keys {
		if !failed[key] {
			result.Deleted = append(result.Deleted, deletedEntry{key})
		}
	}
	return nil
}
