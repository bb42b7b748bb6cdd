package gateway

import (
	"net/http"
	"net/url"
	"strings"
	"time"
	"unicode/utf8"

	"sealfront/proxy/s3"
)

// A Failure is a request that failed or was refused, for an operator. It names no key of an object and holds no
// secret.
type Failure struct {
	Time              time.Time
	RequestID         string
	Operation, Bucket string
	Status            int // that the code stands for; the client may have had another one before the failure
	Code, Row, Cause  string
}

// maxCause is how many bytes of a cause are reported.
const maxCause = 240

// reportFailure reports a request that ended with e. What clients meet in the course of things isn't a failure: what
// isn't there, a condition that doesn't hold, a range that can't be, and clients that left.
func (x *exchange) reportFailure(e *s3.Error) {
	observe := x.g.o.Observe.Failure
	if observe == nil || e == nil || e.Code == "ClientLeft" {
		return
	}
	status := s3.Status(e.Code)
	switch status {
	case http.StatusNotModified, http.StatusNotFound, http.StatusPreconditionFailed,
		http.StatusRequestedRangeNotSatisfiable:
		return
	}
	cause := e.Message
	if e.Cause != nil {
		cause = e.Cause.Error()
	}
	observe(Failure{
		Time: x.g.o.Now().UTC(), RequestID: x.requestID, Operation: x.operation(), Bucket: strings.Clone(x.Bucket),
		Status: status, Code: e.Code, Row: e.Row, Cause: shortCause(cause, x.Key),
	})
}

// shortCause shortens a cause to a line without keys and secrets: the request's key and whatever is quoted, which is
// how errors name keys, become …, and so does what is long enough to be a secret.
func shortCause(text, key string) string {
	if len(key) > 2 {
		text = strings.NewReplacer(key, "…", url.PathEscape(key), "…",
			strings.ReplaceAll(url.PathEscape(key), "%2F", "/"), "…").Replace(text)
	} else if key != "" {
		text = strings.ReplaceAll(text, "/"+key, "/…")
	}
	var b strings.Builder
	for i, part := range strings.Split(strings.ReplaceAll(text, `\"`, ""), `"`) {
		switch {
		case i%2 == 0:
			writeWithoutSecrets(&b, part)
		case part == "":
		default:
			b.WriteString("…")
		}
	}
	text = strings.Join(strings.Fields(b.String()), " ")
	if len(text) <= maxCause {
		return text
	}
	cut := maxCause
	for !utf8.RuneStart(text[cut]) {
		cut--
	}
	return text[:cut] + "…"
}

// secretLen is from how many letters and digits on, without a break, something may be a secret: access keys have 20.
const secretLen = 20

// writeWithoutSecrets writes text with … for each long run of letters, digits and base64's marks that has a digit or
// both cases of letters, as words don't.
func writeWithoutSecrets(b *strings.Builder, text string) {
	for text != "" {
		n, digit, upper, lower := 0, false, false, false
		for n < len(text) && secretByte(text[n]) {
			c := text[n]
			digit = digit || '0' <= c && c <= '9'
			upper = upper || 'A' <= c && c <= 'Z'
			lower = lower || 'a' <= c && c <= 'z'
			n++
		}
		switch {
		case n == 0:
			_, n = utf8.DecodeRuneInString(text)
			b.WriteString(text[:n])
		case n >= secretLen && digit:
			b.WriteString("…")
		case n >= 2*secretLen && upper && lower:
			b.WriteString("…")
		default:
			b.WriteString(text[:n])
		}
		text = text[n:]
	}
}

func secretByte(c byte) bool {
	return '0' <= c && c <= '9' || 'A' <= c && c <= 'Z' || 'a' <= c && c <= 'z' || c == '+' || c == '/' || c == '_'
}
