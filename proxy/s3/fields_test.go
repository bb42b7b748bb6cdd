package s3_test

import (
	"fmt"
	"strings"
	"testing"

	"sealfront/proxy/s3"
	"sealfront/sigv4"
)

// fieldsOf are lines of a header, name by name and value by value.
func fieldsOf(pairs ...string) (fields []sigv4.Field) {
	for i := 0; i < len(pairs); i += 2 {
		fields = append(fields, sigv4.Field{Name: []byte(pairs[i]), Value: []byte(pairs[i+1])})
	}
	return fields
}

// lister is what has fields in an order.
type lister interface {
	All(yield func(name, value string) bool)
}

// allOf are the fields as "name=value", the first n of them.
func allOf(l lister, n int) string {
	var all []string
	l.All(func(name, value string) bool {
		all = append(all, name+"="+value)
		return len(all) < n
	})
	return strings.Join(all, " ")
}

func TestHeadersAreFoundInAnyCase(t *testing.T) {
	h := s3.Header{Fields: fieldsOf("Host", "a", "X-AMZ-Date", " d ", "x-amz-date", "second", "Empty", "")}
	for name, want := range map[string]string{"host": "a", "x-amz-date": "d", "empty": ""} {
		if got, ok := h.Get(name); !ok || got != want {
			t.Errorf("%s is %q, %t, want %q", name, got, ok, want)
		}
	}
	for _, name := range []string{"hos", "hosts", ""} {
		if got, ok := h.Get(name); ok {
			t.Errorf("%q is %q", name, got)
		}
	}
	if got := allOf(&h, 9); got != "Host=a X-AMZ-Date=d x-amz-date=second Empty=" {
		t.Errorf("all are %q", got)
	}
	if got := allOf(&h, 2); got != "Host=a X-AMZ-Date=d" {
		t.Errorf("the first two are %q", got)
	}
}

func TestNamesOfHeadersInLowerCase(t *testing.T) {
	var buf s3.NameBuffer
	long := strings.Repeat("X-Long", 11)
	for _, name := range []string{"", "Host", "host", "X-Amz-Meta-[Z]", strings.Repeat("A", len(buf)), long} {
		if got := s3.LowerName([]byte(name), &buf); got != strings.ToLower(name) {
			t.Errorf("%q became %q", name, got)
		}
	}
	name := []byte("X-Amz-Date")
	if n := testing.AllocsPerRun(100, func() { s3.LowerName(name, &buf) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestQueriesAreReadInOrder(t *testing.T) {
	for raw, want := range map[string]string{
		"":                  "",
		"a=1&b=2":           "a=1 b=2",
		"a&&b=&=c&":         "a= b= =c",
		"a=1&a=2":           "a=1 a=2",
		"a+b=c+d%2Be":       "a b=c d+e",
		"%61=%3d%2f":        "a==/",
		"a=%4&b=%zz&c=%":    "a=%4 b=%zz c=%", // left as it is: the signature check refuses it
		"prefix=%E2%82%AC":  "prefix=€",
		"a=b=c":             "a=b=c",
		"uploads&x-id=Some": "uploads= x-id=Some",
	} {
		q := s3.Query{Parameters: []s3.Parameter{{Name: "an earlier request's", Value: "x"}}}
		q.Parse([]byte(raw))
		if got := allOf(&q, 1<<10); got != want {
			t.Errorf("%q is %q, want %q", raw, got, want)
		}
	}
	var q s3.Query
	q.Parse([]byte("a=1&b=2&a=3&empty"))
	for name, want := range map[string]string{"a": "1", "b": "2", "empty": ""} {
		if got, ok := q.Get(name); !ok || got != want {
			t.Errorf("%s is %q, %t", name, got, ok)
		}
	}
	if _, ok := q.Get("A"); ok {
		t.Error("names of parameters have no case of their own")
	}
	if got := allOf(&q, 1); got != "a=1" {
		t.Errorf("the first one is %q", got)
	}
}

// S3 knows fewer than a hundred parameters: who sends more pays for no more.
func TestOnlySoManyParametersAreRead(t *testing.T) {
	var raw strings.Builder
	for i := range 1000 {
		fmt.Fprintf(&raw, "a%d=%d&", i, i)
	}
	var q s3.Query
	q.Parse([]byte(raw.String()))
	if n := len(q.Parameters); n != 256 {
		t.Errorf("%d parameters were read", n)
	}
}

func TestPercentEscapesAreDecoded(t *testing.T) {
	for escaped, want := range map[string]string{
		"": "", "plain+plus": "plain+plus", "%41%6a%6A": "Ajj", "a%2Fb": "a/b", "%00": "\x00", "%E2%82%AC": "€",
		"100%25": "100%",
	} {
		if got, ok := s3.Unescape([]byte(escaped)); !ok || got != want {
			t.Errorf("%q is %q, %t, want %q", escaped, got, ok, want)
		}
	}
	for _, escaped := range []string{"%", "%4", "a%", "%zz", "%4g", "%g4", "%%41", "% 41"} {
		if got, ok := s3.Unescape([]byte(escaped)); ok {
			t.Errorf("%q is %q", escaped, got)
		}
	}
	b := []byte("shared")
	got, _ := s3.Unescape(b)
	b[0] = 'S'
	if got != "shared" {
		t.Error("what is decoded shares the memory of what was sent")
	}
}

func TestViewsShareMemory(t *testing.T) {
	if s3.View(nil) != "" || s3.View([]byte{}) != "" || len(s3.ViewBytes("")) != 0 {
		t.Error("the view of nothing is something")
	}
	if s3.View([]byte("abc")) != "abc" || string(s3.ViewBytes("abc")) != "abc" {
		t.Error("a view shows something else")
	}
	b := []byte("abc")
	if n := testing.AllocsPerRun(100, func() { _ = s3.ViewBytes(s3.View(b)) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
