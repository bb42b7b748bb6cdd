package conformance

import (
	"slices"
	"strings"
	"testing"
)

// TestRowsThatCannotBeRead has what a hand can write wrong, with the line that the error names.
func TestRowsThatCannotBeRead(t *testing.T) {
	for text, want := range map[string]string{
		"what":                                                 "1: ",
		"== X":                                                 "1: ",
		"== X says":                                            "1: the row X says is in no bucket",
		"== X says\nin kms":                                    "2: the row X says sends nothing",
		"== X says\nin kms\ngiven nine\n>":                     "3: ",
		"== X says\nin kms\nwhere\n> GET /":                    "3: ",
		"== X says\nin kms\n> GET\n200":                        "3: ",
		"== X says\nin kms\n> GET / as\n200":                   "3: ",
		"== X says\nin kms\n> GET / over udp\n200":             "3: ",
		"== X says\nin kms\n> GET /\n> Range\n200":             "4: ",
		"== X says\nin kms\n> GET /":                           "4: ",
		"== X says\nin kms\n> GET /\nOK":                       "4: ",
		"== X says\nin kms\n> GET /\n99":                       "4: ",
		"== X says\nin kms\n> GET /\n200\n<Error/>":            "4: ",
		"== X says\nin kms\n> GET /\n200\n> GET /\nHTTP/1.1 x": "6: ",
	} {
		if _, err := parseRows(text); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%q: %v, want an error that begins with %q", text, err, want)
		}
	}
}

// TestAnExchange reads one of everything.
func TestAnExchange(t *testing.T) {
	rows, err := parseRows("# a comment\n\n== RD-9 says it\nin kms new\nneeds versioning\nopen U-1\nmeasured today\n" +
		"given ten\n> GET|HEAD $KEY?a=b as long over http\n> Range: bytes=0-1\n>\n> line\n> another\n" +
		"HTTP/1.1 206 Partial Content\nContent-Range: bytes 0-1/10\nX: -\n\n01\n\n> DELETE / without length\n204\n" +
		"== N-1 next\nin general\n> GET /\n200\n")
	if err != nil || len(rows) != 2 {
		t.Fatalf("%d rows, %v", len(rows), err)
	}
	r := rows[0]
	if r.Name() != "RD-9 says it (UNVERIFIED U-1)" || r.Measured != "today" || r.General || !rows[1].General ||
		len(r.steps) != 3 {
		t.Errorf("%+v", r)
	}
	s := r.steps[1]
	if !slices.Equal(s.methods, []string{"GET", "HEAD"}) || s.target != "$KEY?a=b" || s.as != "long" || !s.plain ||
		s.chunked ||
		!slices.Equal(s.fields, []string{"Range: bytes=0-1"}) || s.body != "line\nanother" || s.status != 206 ||
		!slices.Equal(s.wants, [][2]string{{"content-range", "bytes 0-1/10"}, {"x", "-"}}) || s.wantBody != "01" {
		t.Errorf("%+v", s)
	}
	if !r.steps[2].chunked {
		t.Errorf("%+v", r.steps[2])
	}
}

func FuzzParseRows(f *testing.F) {
	f.Add("== RD-9 says it\nin kms new\ngiven ten\n> GET|HEAD $KEY?a=b as long\n> Range: bytes=0-1\n>\n> x\n206\nA: " +
		"b\n\n01\n")
	f.Add("== A b\nin general\n> GET /\nHTTP/1.1 200 OK\n")
	f.Fuzz(func(t *testing.T, text string) {
		rows, err := parseRows(text)
		if err != nil {
			return
		}
		for _, r := range rows {
			if r.ID == "" || len(r.steps) < 2 || r.steps[1].status < 200 {
				t.Errorf("%+v", r)
			}
		}
	})
}

// TestAnAnswerFlipsARow pastes what Amazon S3 could answer in the place of what a row wants.
func TestAnAnswerFlipsARow(t *testing.T) {
	const title = "PUT-12 sse=aws:kms bk=false, PutObject, sK kms"
	find := func() (*Row, map[string]*Row) {
		all, err := Rows()
		if err != nil {
			t.Fatal(err)
		}
		titles := make(map[string]*Row)
		for _, r := range all {
			titles[r.ID+" "+r.Says] = r
		}
		if titles[title] == nil {
			t.Fatal("the row is gone")
		}
		return titles[title], titles
	}
	for answer, want := range map[string]string{
		"HTTP/1.1 400 Bad Request\r\nx-amz-request-id: X\r\nContent-Type: application/xml\r\n\r\n<?xml version=\"1.0\"?>\r\n" +
			"<Error><Code>InvalidRequest</Code><Message>No.</Message></Error>": "InvalidRequest",
		"400\n\n<Error><Code>InvalidArgument</Code><ArgumentName>X-Amz-Server-Side-Encryption</ArgumentName></Error>": "InvalidArgument sse",
		"200 OK\nx-amz-server-side-encryption: aws:kms\nx-amz-server-side-encryption-bucket-key-enabled: true":        "kms bk",
		"200\nx-amz-server-side-encryption: AES256":                                                                   "AES256",
	} {
		r, titles := find()
		if r.Want == want || r.Open == "" {
			t.Fatalf("%+v", r)
		}
		if err := enter(titles, "# a comment\n== "+title+"\nmeasured 2026-12-24 usw2-az1\n"+answer+"\n"); err != nil {
			t.Fatal(err)
		}
		if r.Want != want || r.Open != "" || r.Measured != "2026-12-24 usw2-az1" {
			t.Errorf("%q: %+v, want %q", answer, r, want)
		}
	}
	_, titles := find()
	for _, wrong := range []string{
		"== PUT-99 nothing\nmeasured today\n200", "== " + title + "\n200", "== " + title + "\nmeasured today\nyes",
		"== 6.6 Complete again, Abort again\nmeasured today\n200",
	} {
		if err := enter(titles, wrong); err == nil {
			t.Errorf("%q was taken", wrong)
		}
	}
}
