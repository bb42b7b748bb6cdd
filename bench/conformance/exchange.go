package conformance

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Rows that are exchanges of requests and answers are written as they go over the wire, in rows/*.http:
//
//	== RD-1 bytes=2-5
//	in kms
//	given ten
//	> GET|HEAD $KEY
//	> Range: bytes=2-5
//	206
//	Content-Range: bytes 2-5/10
//
//	2345
//
// A row begins with its id and what it says. What follows up to the first request: in, the bucket (none, kms, back, the
// states of a directory bucket; general; "new" behind it: one of the row's own); given ten, an object of ten bytes
// under $KEY, whose ETag is {etag} and whose date is {date}; needs, what the endpoint or its store may lack; open, what
// is UNVERIFIED; source and measured. A request's lines begin with ">": method and target ("/" is the bucket), behind
// which may stand "as long" or another credential, "over http", "without length"; then fields, an empty line, the body.
// GET|HEAD is both, of which HEAD's body isn't looked at.
//
// What isn't marked is the answer: status, with or without HTTP/1.1 and reason; the fields and, behind an empty line,
// the body that it must have. An answer of Amazon S3 can be pasted as it came: what differs from request to request
// (volatile, below) isn't compared. A field's value "-" says that it must be absent, "*" that it may be anything;
// {name} keeps a value for what follows, where it stands for it. Of a body in XML each element that holds text must be
// in the answer, in this order; an error must have a Message and a RequestId as well.
//
// Variables: $KEY, $BUCKET, $ACCOUNT, $REGION, $ZONE, $RUN, those of the tables in fields ($K, $CTX, …); $SHA256, $MD5,
// $CRC32 of the request's body; $LARGE, 5 MiB; $K1025, a key of 1025 bytes. {date-1h} is an hour before {date}.
type step struct {
	methods          []string
	target           string
	as               string
	plain, chunked   bool
	fields           []string
	body             string
	status           int
	wants            [][2]string
	wantBody, answer string // answer: as it is written
}

// volatile are fields and elements that differ from request to request; they are compared only where a row names a
// variable.
var volatile = []string{
	"date", "server", "connection", "keep-alive", "transfer-encoding", "via", "x-amz-request-id", "x-amz-id-2", "etag",
	"last-modified", "requestid", "hostid", "message", "lastmodified", "creationdate", "initiated", "uploadid", "id",
	"displayname", "accept-ranges", "expiration",
}

// parseRows reads rows that are written as exchanges. An error begins with the line's number.
func parseRows(text string) (rows []*Row, err error) {
	lines := strings.Split(strings.TrimRight(text, "\n"), "\n")
	for i := 0; i < len(lines); {
		if title, ok := strings.CutPrefix(lines[i], "== "); ok {
			r := &Row{}
			if r.ID, r.Says, ok = strings.Cut(title, " "); !ok || r.ID == "" || r.Says == "" {
				return nil, fmt.Errorf("%d: a row has an id and says something", i+1)
			}
			if i, err = r.parse(lines, i+1); err != nil {
				return nil, err
			}
			rows = append(rows, r)
			continue
		}
		if lines[i] != "" && !strings.HasPrefix(lines[i], "#") {
			return nil, fmt.Errorf("%d: %q is outside of any row", i+1, lines[i])
		}
		i++
	}
	return rows, nil
}

// parse reads a row's attributes and exchanges from lines[i] on, and returns where the next row begins.
func (r *Row) parse(lines []string, i int) (int, error) {
	in := &step{methods: []string{"in"}}
	r.steps = []step{}
	for ; i < len(lines) && !strings.HasPrefix(lines[i], ">"); i++ {
		word, rest, _ := strings.Cut(lines[i], " ")
		switch word {
		case "in":
			in.target = rest
			r.General = strings.HasPrefix(rest, "general")
		case "given":
			if in.body = rest; rest != "ten" {
				return 0, fmt.Errorf("%d: given %q; only ten can be", i+1, rest)
			}
		case "needs":
			in.fields = append(in.fields, rest)
		case "open":
			r.Open = rest
		case "source":
			r.Source = rest
		case "measured":
			r.Measured = rest
		default:
			if lines[i] != "" && !strings.HasPrefix(lines[i], "#") {
				return 0, fmt.Errorf("%d: %q is none of in, given, needs, open, source, measured", i+1, lines[i])
			}
		}
	}
	if in.target == "" {
		return 0, fmt.Errorf("%d: the row %s %s is in no bucket", i, r.ID, r.Says)
	}
	r.steps = append(r.steps, *in)
	for i < len(lines) && strings.HasPrefix(lines[i], ">") {
		s := step{}
		var err error
		if i, err = s.parseRequest(lines, i); err != nil {
			return 0, err
		}
		if i, err = s.parseAnswer(lines, i); err != nil {
			return 0, err
		}
		r.steps = append(r.steps, s)
	}
	if len(r.steps) == 1 {
		return 0, fmt.Errorf("%d: the row %s %s sends nothing", i, r.ID, r.Says)
	}
	return i, nil
}

func (s *step) parseRequest(lines []string, i int) (int, error) {
	words := strings.Fields(strings.TrimPrefix(lines[i], ">"))
	if len(words) < 2 {
		return 0, fmt.Errorf("%d: a request begins with its method and target", i+1)
	}
	s.methods, s.target = strings.Split(words[0], "|"), words[1]
	for words = words[2:]; len(words) > 0; words = words[2:] {
		if len(words) == 1 {
			return 0, fmt.Errorf("%d: %q behind the target", i+1, words[0])
		}
		switch words[0] + " " + words[1] {
		case "over http":
			s.plain = true
		case "without length":
			s.chunked = true
		default:
			if words[0] != "as" {
				return 0, fmt.Errorf("%d: %q behind the target", i+1, strings.Join(words, " "))
			}
			s.as = words[1]
		}
	}
	var body []string
	inBody := false
	for i++; i < len(lines) && strings.HasPrefix(lines[i], ">"); i++ {
		line := strings.TrimPrefix(strings.TrimPrefix(lines[i], ">"), " ")
		switch {
		case inBody:
			body = append(body, line)
		case line == "":
			inBody = true
		case !strings.Contains(line, ":"):
			return 0, fmt.Errorf("%d: %q is no field; a body stands behind a line with > alone", i+1, line)
		default:
			s.fields = append(s.fields, line)
		}
	}
	s.body = strings.Join(body, "\n")
	return i, nil
}

func (s *step) parseAnswer(lines []string, i int) (int, error) {
	from := i
	for i < len(lines) && !strings.HasPrefix(lines[i], "> ") && !strings.HasPrefix(lines[i], "== ") {
		i++
	}
	s.answer = strings.TrimRight(strings.Join(lines[from:i], "\n"), "\n ")
	a, err := parseAnswer(s.answer)
	if err != nil {
		return 0, fmt.Errorf("%d: %w", from+1, err)
	}
	s.status, s.wants, s.wantBody = a.status, a.wants, a.wantBody
	return i, nil
}

// parseAnswer reads an answer as it is written, or was pasted.
func parseAnswer(text string) (s step, err error) {
	head, body, _ := strings.Cut(strings.ReplaceAll(text, "\r", ""), "\n\n")
	status, fields, _ := strings.Cut(head, "\n")
	words := strings.Fields(status)
	if len(words) > 0 && strings.HasPrefix(words[0], "HTTP/") {
		words = words[1:]
	}
	if len(words) == 0 {
		return s, fmt.Errorf("the answer has no status")
	}
	if s.status, err = strconv.Atoi(words[0]); err != nil || s.status < 200 || s.status > 599 {
		return s, fmt.Errorf("%q is no status", status)
	}
	for line := range strings.SplitSeq(fields, "\n") {
		if line == "" {
			continue
		}
		name, value, ok := strings.Cut(line, ":")
		if !ok {
			return s, fmt.Errorf("%q is no field; a body stands behind an empty line", line)
		}
		s.wants = append(s.wants, [2]string{strings.ToLower(name), strings.TrimSpace(value)})
	}
	s.wantBody = strings.TrimSpace(body)
	return s, nil
}

// isVolatile reports whether a field or element needn't be as it is written.
func isVolatile(name, value string) bool {
	return slices.Contains(volatile, strings.ToLower(name)) && !strings.ContainsAny(value, "{$") && value != "-" &&
		value != "*"
}
