package sigv4_test

import (
	"bytes"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"sealfront/sigv4"
)

// outcome is all that a caller learns of a request.
type outcome struct {
	Err, ChunkErr error
	A             sigv4.Authentication // exported fields only
	Options       [3]any
}

// judge verifies m with what v and a remember. The wrong secret makes the canonical request part of the outcome.
func judge(v *sigv4.Verifier, a *sigv4.Authentication, m *sigv4.Message, secret string) (o outcome) {
	o.Err = v.Read(m, a, "s3", "s3express")
	if o.Err == nil {
		o.Err = v.Check(m, a, secret)
		if o.Err == nil {
			c, err := v.ChunkOptions(m, a)
			o.ChunkErr, o.Options = err, [3]any{c.Payload, c.DecodedLength, c.Trailer}
		}
		from, to := reflect.ValueOf(a).Elem(), reflect.ValueOf(&o.A).Elem()
		for i := range from.NumField() {
			if from.Type().Field(i).IsExported() {
				to.Field(i).Set(from.Field(i))
			}
		}
		o.A = copied(o.A)
	}
	return o
}

// copied returns a with memory of its own.
func copied(a sigv4.Authentication) sigv4.Authentication {
	v := reflect.ValueOf(&a).Elem()
	for i := range v.NumField() {
		if f := v.Type().Field(i); f.IsExported() && f.Type == reflect.TypeFor[[]byte]() {
			v.Field(i).SetBytes(bytes.Clone(v.Field(i).Bytes()))
		}
	}
	return a
}

// sameAsAnew verifies m with a warm Verifier and with a new one, which remembers nothing, and compares.
func sameAsAnew(t *testing.T, warm *sigv4.Verifier, a *sigv4.Authentication, m *sigv4.Message) outcome {
	t.Helper()
	var got outcome
	for _, secret := range []string{"another secret", exampleSecret} {
		lent := clone(m)
		got = judge(warm, a, lent, secret)
		scribble(lent) // nothing that is remembered may be the message's memory
		want := judge(testVerifier(), new(sigv4.Authentication), m, secret)
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s %s?%s %q:\nwarm %+v\nanew %+v", m.Method, m.Path, m.Query, m.Header, got, want)
		}
	}
	return got
}

// scribble writes over the memory of a message.
func scribble(m *sigv4.Message) {
	for _, s := range [][]byte{m.Method, m.Path, m.Query} {
		clear(s)
	}
	for _, f := range m.Header {
		clear(f.Name)
		clear(f.Value)
	}
}

// laxHead makes a message of any text.
func laxHead(text string) *sigv4.Message {
	m := new(sigv4.Message)
	for i, line := range strings.Split(text, "\n") {
		if i == 0 {
			method, target, _ := strings.Cut(line, " ")
			path, query, _ := strings.Cut(target, "?")
			m.Method, m.Path, m.Query = []byte(method), []byte(path), []byte(query)
			continue
		}
		name, value, _ := strings.Cut(line, ":")
		m.Header = append(m.Header, sigv4.Field{Name: []byte(name), Value: []byte(value)})
	}
	return m
}

const edits = 17

// edit changes m as three numbers say.
func edit(m *sigv4.Message, what, where, by byte) *sigv4.Message {
	m = clone(m)
	if len(m.Header) == 0 {
		return m
	}
	i := int(where) % len(m.Header)
	f := &m.Header[i]
	at := func(s []byte) int { return int(by) % max(1, len(s)) }
	authorization := slices.IndexFunc(m.Header,
		func(f sigv4.Field) bool { return strings.EqualFold(string(f.Name), "authorization") })
	switch what % edits {
	case 0: // another case
		if len(f.Name) > 0 {
			f.Name[at(f.Name)] ^= 0x20
		}
	case 1:
		j := int(by) % len(m.Header)
		m.Header[i], m.Header[j] = m.Header[j], m.Header[i]
	case 2:
		m.Header = slices.Delete(m.Header, i, i+1)
	case 3:
		m.Header = append(m.Header, sigv4.Field{Name: bytes.Clone(f.Name), Value: bytes.Clone(f.Value)})
	case 4:
		f.Value = slices.Insert(f.Value, at(f.Value), ' ', ' ')
	case 5:
		f.Value = slices.Insert(f.Value, at(f.Value), where)
	case 6:
		if len(f.Value) > 0 {
			f.Value[at(f.Value)] = where
		}
	case 7:
		if len(f.Name) > 0 {
			f.Name[at(f.Name)] = where
		}
	case 8:
		if authorization >= 0 {
			if v := m.Header[authorization].Value; len(v) > 0 {
				v[(int(where)<<8|int(by))%len(v)] ^= 0x20
			}
		}
	case 9:
		if authorization >= 0 {
			v := m.Header[authorization].Value
			m.Header[authorization].Value = slices.Insert(v, (int(where)<<8|int(by))%(len(v)+1), "  ,;/=A"[by%7])
		}
	case 10:
		m.Path = append(m.Path, where)
	case 11:
		m.Query = append(m.Query, '&', where, '=', by)
	case 12:
		m.Header = append(m.Header, sigv4.Field{
			Name: []byte("x-amz-meta-" + string(rune('a'+by%26))), Value: []byte{where},
		})
	case 13:
		queries := []string{
			"", "x-id=GetObject", "x-id=PutObject", "X-Amz-Signature=1", "Signature=a", "Signature=a&AWSAccessKeyId=b",
			"X-Amz-Date=1",
			"x-amz-security-token=t", "x-amz-content-sha256=" + emptyHash, "%zz", "list-type=2&prefix=a%2Fb+c",
			"%58-Amz-Algorithm=a",
			"x-amz-s3session-token=" + field(m, "x-amz-s3session-token"),
		}
		m.Query = []byte(queries[int(by)%len(queries)])
	case 14:
		m.Method = []byte([]string{"GET", "POST", "PUT", "get", "G T", "", "G\nT"}[by%7])
	case 15: // signed at another time
		t := now.Add(time.Duration(by%40)*time.Minute - 20*time.Minute + time.Duration(where%3-1)*time.Second)
		set(m, "x-amz-date", string(sigv4.AppendTimestamp(nil, t)))
		sign(m, t)
	case 16: // signed again, whatever it is now
		sign(m, now)
	}
	return m
}

func sign(m *sigv4.Message, t time.Time) {
	c := &sigv4.Credentials{AccessKeyID: exampleKey, SecretAccessKey: exampleSecret}
	set(m, "authorization", string(sigv4.NewSigner("us-west-2", "s3").AppendAuthorization(nil, m, c, t)))
}

// FuzzRememberedLayout holds a Verifier that has seen a request and changed ones against new Verifiers.
func FuzzRememberedLayout(f *testing.F) {
	again := "\x10\x00\x00"
	for _, m := range clientMessages(f, "Get", "Put", "PutBoto3")[:3] {
		text := string(m.Method) + " " + string(m.Path) + "?" + string(m.Query)
		for _, field := range m.Header {
			text += "\n" + string(field.Name) + ":" + string(field.Value)
		}
		for what := range byte(edits) {
			f.Add(text, string([]byte{what, 3, 5})+again+string([]byte{what, 6, 77})+again)
			f.Add(text, again+string([]byte{what, 1, 10, what, 2, 11}))
		}
	}
	f.Add("GET /a%2Fb?b&a=1\nhost:h\nx-amz-date:20261123T070000Z\nx-amz-content-sha256:UNSIGNED-PAYLOAD", again+again)
	f.Add("POST /\nhost:h\ncontent-type:multipart/form-data; boundary=b\nx-amz-content-sha256:"+emptyHash+
		"\nDate:Mon, 23 Nov 2026 07:00:00 GMT", again+again)
	f.Fuzz(func(t *testing.T, head, edits string) {
		m := laxHead(head)
		if len(m.Header) > 100 || len(edits) > 3*40 {
			return
		}
		warm, a := testVerifier(), new(sigv4.Authentication)
		signer := sigv4.NewSigner("us-west-2", "s3")
		check := func() {
			sameAsAnew(t, warm, a, m)
			sameAsAnew(t, warm, a, m)
			signsTheSame(t, signer, m)
		}
		check()
		for ; len(edits) >= 3; edits = edits[3:] {
			m = edit(m, edits[0], edits[1], edits[2])
			check()
		}
	})
}

// signsTheSame signs m with a warm Signer and with a new one.
func signsTheSame(t *testing.T, warm *sigv4.Signer, m *sigv4.Message) {
	t.Helper()
	c := &sigv4.Credentials{AccessKeyID: exampleKey, SecretAccessKey: exampleSecret}
	for range 2 {
		lent := clone(m)
		got := warm.AppendAuthorization([]byte("a"), lent, c, now)
		scribble(lent)
		if want := sigv4.NewSigner("us-west-2", "s3").AppendAuthorization([]byte("a"), m, c,
			now); !bytes.Equal(got, want) {
			t.Errorf("%s %s?%s %q:\nwarm %s\nanew %s", m.Method, m.Path, m.Query, m.Header, got, want)
		}
	}
}

// TestAUsualRequestIsReadByItsLayout makes sure that what the fuzz target compares is there.
func TestAUsualRequestIsReadByItsLayout(t *testing.T) {
	v, a := testVerifier(), new(sigv4.Authentication)
	for i, m := range clientMessages(t, "Get", "Put", "PutBoto3") {
		if o := sameAsAnew(t, v, a, m); o.Err != nil {
			t.Fatal(o.Err)
		}
		if a.Remembered() != (i >= 3) {
			t.Errorf("request %d: remembered %t", i, a.Remembered())
		}
	}
	s := sigv4.NewSigner("us-west-2", "s3")
	for i, m := range storePuts(t) {
		if s.Remembers(m) != (i > 0) {
			t.Errorf("store request %d: remembered %t", i, s.Remembers(m))
		}
		signsTheSame(t, s, m)
	}
}

// TestOnlyVerifiedRequestsAreRemembered keeps strangers from filling a Verifier's memory.
func TestOnlyVerifiedRequestsAreRemembered(t *testing.T) {
	v, a := testVerifier(), new(sigv4.Authentication)
	for _, m := range clientMessages(t, "Get", "Put") {
		for _, secret := range []string{"another secret", ""} {
			if judge(v, a, m, secret).Err == nil || a.Remembered() {
				t.Error("remembered")
			}
		}
		unsigned := added(clone(m), "x-amz-meta-a", "1")
		if err := judge(v, a, unsigned, exampleSecret).Err; code(err) != "AccessDenied" || a.Remembered() {
			t.Error(err, a.Remembered())
		}
	}
}

// TestALayoutDoesNotAnswerForAnother changes one thing after the other in a request whose layout is known.
func TestALayoutDoesNotAnswerForAnother(t *testing.T) {
	base := clientMessages(t, "Get", "PutBoto3")[:2]
	for _, m := range base {
		v, a := testVerifier(), new(sigv4.Authentication)
		if err := judge(v, a, m, exampleSecret).Err; err != nil {
			t.Fatal(err)
		}
		for what := range byte(edits) {
			for where := range byte(len(m.Header)) {
				for _, by := range []byte{0, 1, 9, 77} {
					sameAsAnew(t, v, a, edit(m, what, where, by))
				}
			}
		}
		for i := range field(m, "authorization") { // each of its bytes lost, another, or doubled
			for _, by := range []string{"", "x", ",", " ", "/", "=="} {
				changed := clone(m)
				value := field(m, "authorization")
				set(changed, "authorization", value[:i]+by+value[i+1:])
				sameAsAnew(t, v, a, changed)
			}
		}
		if sameAsAnew(t, v, a, m).Err != nil || !a.Remembered() {
			t.Error("the layout is gone")
		}
	}
}

func TestHasControl(t *testing.T) {
	for n := range 40 {
		s := bytes.Repeat([]byte{' '}, n)
		for i := range s {
			for b := range 256 {
				s[i] = byte(b)
				if got := sigv4.HasControl(s); got != (b < ' ') {
					t.Fatalf("%q: %t", s, got)
				}
			}
			s[i] = "\x20\xff\xa0\x80\x7f"[i%5]
		}
	}
}

// TestTheKeyOfAnotherMechanismIsNoWayRound uses an access key id that a query may hold and an Authorization header may
// not, so that its key is cached when the header comes.
func TestTheKeyOfAnotherMechanismIsNoWayRound(t *testing.T) {
	v, a := testVerifier(), new(sigv4.Authentication)
	s := sigv4.NewSigner("us-west-2", "s3")
	for _, id := range []string{"user", "us,er"} {
		c := &sigv4.Credentials{AccessKeyID: id, SecretAccessKey: exampleSecret}
		m := request(t, "GET", "/key")
		m.Query = s.AppendPresigned(nil, m, c, now, time.Hour)
		if o := sameAsAnew(t, v, a, m); o.Err != nil {
			t.Fatal(o.Err)
		}
		for range 3 {
			m = request(t, "GET", "/key", "x-amz-date: 20261123T070000Z", "x-amz-content-sha256: UNSIGNED-PAYLOAD",
				"authorization: x")
			set(m, "authorization", string(s.AppendAuthorization(nil, m, c, now)))
			if o := sameAsAnew(t, v, a, m); (o.Err == nil) != (id == "user") {
				t.Errorf("%s: %v", id, o.Err)
			}
		}
	}
}

// TestSessionsInTurn changes the key used last, and the secret of every key, at each request.
func TestSessionsInTurn(t *testing.T) {
	v, a := testVerifier(), new(sigv4.Authentication)
	messages := sessionMessages(t, clientRequests, "Get", "Put")
	for range 3 {
		for _, m := range messages {
			sameAsAnew(t, v, a, m) // with a wrong secret, then with the right one
		}
	}
	if n := v.CachedKeys(); n != clientRequests {
		t.Errorf("%d keys are cached", n)
	}
}
