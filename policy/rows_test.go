package policy_test

import (
	"bufio"
	"encoding/base64"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"sealfront/policy"
)

// The facts of the tables.
const (
	bucketName = "demo--usw2-az1--x-s3"
	account    = "123456789012"
	bucketARN  = "arn:aws:s3express:us-west-2:" + account + ":bucket/" + bucketName
	id         = "11111111-2222-3333-4444-555555555555"
	otherID    = "99999999-2222-3333-4444-555555555555"
	keyK       = "arn:aws:kms:us-west-2:" + account + ":key/" + id
	keyOther   = "arn:aws:kms:us-west-2:" + account + ":key/" + otherID
	keyForeign = "arn:aws:kms:us-west-2:210987654321:key/" + id
)

func encoded(json string) string { return base64.StdEncoding.EncodeToString([]byte(json)) }

var words = map[string]string{
	"$K": keyK, "$ID": id, "$OTHER": keyOther, "$OTHERID": otherID,
	"$ALIAS": "alias/mine", "$ALIASARN": "arn:aws:kms:us-west-2:" + account + ":alias/mine",
	"$ELSEWHERE": keyForeign, "$ELSEWHEREID": id,
	"$FAR":     "arn:aws:kms:eu-west-1:" + account + ":key/" + id,
	"$CTX":     encoded(`{"aws:s3express:arn":"` + bucketARN + `"}`),
	"$CTXODD":  encoded(`{"aws:s3express:arn":"arn:aws:s3:::` + bucketARN + `"}`),
	"$WRONG":   encoded(`{"aws:s3express:arn":"` + bucketARN + `x"}`),
	"$EXTRA":   encoded(`{"aws:s3express:arn":"` + bucketARN + `","team":"a"}`),
	"$GENERAL": encoded(`{"aws:s3:arn":"` + bucketARN + `"}`),
	"$JUNK":    "%%%", "$EMPTY": encoded(`{}`), "$NOTUTF8": encoded("{\"a\":\"\xff\"}"),
	"$LIST": encoded(`["a"]`), "$NUMBER": encoded(`{"a":1}`), "$TWICE": encoded(`{"a":"1","a":"2"}`),
	"$TAIL": encoded(`{} {}`),
}

// short are the abbreviations of headers in the tables.
var short = map[string]string{
	"sse": "x-amz-server-side-encryption", "key": "x-amz-server-side-encryption-aws-kms-key-id",
	"ctx": "x-amz-server-side-encryption-context", "bk": "x-amz-server-side-encryption-bucket-key-enabled",
	"bk2":  "x-amz-server-side-encryption-aws-bucket-key-enabled",
	"ssec": "x-amz-server-side-encryption-customer-algorithm", "sseckey": "x-amz-server-side-encryption-customer-key",
	"srcssec": "x-amz-copy-source-server-side-encryption-customer-algorithm", "md5": "content-md5",
}

// bucket makes the record of a bucket in one of the states of section 2.4.
func bucket(state string) *policy.Bucket {
	b := &policy.Bucket{
		Name: bucketName, ARN: bucketARN, Account: account, Region: "us-west-2", Kind: policy.Directory,
		Default: policy.Encryption{SSE: policy.SSES3},
	}
	switch state {
	case "none":
	case "kms":
		b.BoundKey, b.Default = keyK, policy.Encryption{SSE: policy.SSEKMS, KeyARN: keyK, BucketKey: true}
	case "back":
		b.BoundKey = keyK
	case "foreign":
		b.BoundKey, b.Default = keyForeign, policy.Encryption{SSE: policy.SSEKMS, KeyARN: keyForeign, BucketKey: true}
	default:
		panic("unknown state " + state)
	}
	return b
}

func session(name string) *policy.Session {
	switch name {
	case "-", "long":
		return nil
	case "sA":
		return &policy.Session{Bucket: bucketName, Encryption: policy.Encryption{SSE: policy.SSES3}}
	case "sK":
		return &policy.Session{
			Bucket: bucketName, Encryption: policy.Encryption{SSE: policy.SSEKMS, KeyARN: keyK, BucketKey: true},
		}
	}
	panic("unknown session " + name)
}

func stored(name string) *policy.Encryption {
	switch name {
	case "-":
		return nil
	case "AES256":
		return &policy.Encryption{SSE: policy.SSES3}
	case "kms":
		return &policy.Encryption{SSE: policy.SSEKMS, KeyARN: keyK, BucketKey: true}
	case "copied":
		return &policy.Encryption{SSE: policy.SSEKMS, KeyARN: keyK}
	}
	panic("unknown encryption " + name)
}

// request makes a well-formed request for op, to which the headers of a row are added.
func request(op policy.Operation, bucketName, headers string) *policy.Request {
	h, q := policy.MapFields{}, policy.MapFields{}
	r := &policy.Request{Bucket: bucketName, Header: h, Query: q, TLS: true}
	if op.OnObject() {
		r.Key = "key"
	}
	switch op {
	case policy.CreateSession:
		q["session"] = []string{""}
	case policy.CopyObject, policy.UploadPartCopy:
		h["x-amz-copy-source"] = []string{"/source--usw2-az1--x-s3/a%20key"}
	case policy.RenameObject:
		h["x-amz-rename-source"] = []string{"old"}
	case policy.GetObjectAttributes:
		h["x-amz-object-attributes"] = []string{"ETag,ObjectSize"}
	}
	if op == policy.UploadPart || op == policy.UploadPartCopy {
		q["partNumber"], q["uploadId"] = []string{"1"}, []string{"u"}
	}
	for _, field := range strings.Fields(headers) {
		name, value, _ := strings.Cut(field, "=")
		if word, ok := words[value]; ok {
			value = word
		}
		full, ok := short[name]
		if !ok {
			panic("unknown header " + name)
		}
		h[full] = append(h[full], value)
	}
	return r
}

// decide runs what a gateway runs, and writes the outcome as the tables do.
func decide(
	t *testing.T, op policy.Operation, r *policy.Request, b *policy.Bucket, s *policy.Session, o *policy.Options,
) string {
	t.Helper()
	refusal := policy.CheckRequest(op, r)
	var d policy.Decision
	if refusal == nil {
		_, refusal = policy.DecideSession(op, r, b, s)
	}
	if refusal == nil {
		d, refusal = policy.DecideEncryption(op, r, b, s, o)
	}
	if refusal != nil {
		return written(t, refusal)
	}
	if policy.Why(d.Row) == "" {
		t.Errorf("row %q of the decision has no text", d.Row)
	}
	if d.Encryption.SSE == policy.SSEKMS && d.Encryption.KeyARN != keyK && d.Encryption.KeyARN != b.Default.KeyARN {
		t.Errorf("sealed under %q, which is not the bucket's key", d.Encryption.KeyARN)
	}
	out := "plain"
	d.ResponseHeaders(func(name, value string) {
		switch name {
		case short["sse"]:
			out = strings.TrimPrefix(value, "aws:")
		case short["bk"]:
			out += " bk"
		case short["ctx"]:
			if !slices.Contains(r.Header.(policy.MapFields)[short["ctx"]], value) {
				t.Errorf("the context %q was not the client's", value)
			}
			out += " ctx"
		}
	})
	if fields := strings.Fields(out); len(fields) == 3 { // the tables write bk before ctx
		out = fields[0] + " bk ctx"
	}
	return out
}

// written is a refusal as the tables write it: code and, for headers with an abbreviation, ArgumentName.
func written(t *testing.T, refusal *policy.Refusal) string {
	t.Helper()
	if !slices.Contains(policy.Codes(), refusal.Code) {
		t.Errorf("code %s is not in Codes", refusal.Code)
	}
	if policy.Why(refusal.Row) == "" {
		t.Errorf("row %q of %v has no text", refusal.Row, refusal)
	}
	for _, e := range refusal.Elements {
		for abbreviation, name := range short {
			if e.Name == "ArgumentName" && e.Value == name {
				return refusal.Code + " " + abbreviation
			}
		}
	}
	return refusal.Code
}

// table reads a file of testdata: fields of its lines, and the names of the columns from the last
// comment before them.
func table(t *testing.T, name string) (columns []string, rows [][]string) {
	t.Helper()
	f, err := os.Open("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		line, comment := strings.CutPrefix(lines.Text(), "#")
		var fields []string
		for field := range strings.SplitSeq(line, "|") {
			fields = append(fields, strings.TrimSpace(field))
		}
		switch {
		case comment:
			columns = fields
		case len(fields) != len(columns):
			t.Fatalf("%s: %q has %d fields, not %d", name, line, len(fields), len(columns))
		default:
			rows = append(rows, fields)
		}
	}
	return columns, rows
}

func operation(t *testing.T, name string) policy.Operation {
	t.Helper()
	op, ok := policy.ParseOperation(name)
	if !ok {
		t.Fatalf("no operation %q", name)
	}
	return op
}

func TestRows(t *testing.T) {
	for file, ops := range map[string][]policy.Operation{
		"createsession.txt": {policy.CreateSession},
		"put.txt":           {policy.PutObject, policy.CreateMultipartUpload, policy.PostObject},
		"copy.txt":          {policy.CopyObject},
	} {
		columns, rows := table(t, file)
		for _, row := range rows {
			for i, want := range row[2:] {
				who, state, hasSession := strings.Cut(columns[i+2], " ")
				if !hasSession {
					who, state = "long", columns[i+2]
				}
				for _, op := range ops {
					t.Run(fmt.Sprintf("%s %v %s, %s", row[0], op, row[1], columns[i+2]), func(t *testing.T) {
						got := decide(t, op, request(op, bucketName, row[1]), bucket(state), session(who),
							&policy.Options{})
						if got != want {
							t.Errorf("got %s, want %s", got, want)
						}
					})
				}
			}
		}
	}
	_, rows := table(t, "requests.txt")
	for _, row := range rows {
		t.Run(strings.Join(row[:6], " "), func(t *testing.T) {
			appends := row[1] == "Append"
			if appends {
				row[1] = "PutObject"
			}
			op := operation(t, row[1])
			r := request(op, bucketName, row[5])
			if appends {
				r.Header.(policy.MapFields)["x-amz-write-offset-bytes"] = []string{"5"}
			}
			got := decide(t, op, r, bucket(row[2]), session(row[3]), &policy.Options{Existing: stored(row[4])})
			if got != row[6] {
				t.Errorf("got %s, want %s", got, row[6])
			}
		})
	}
}
