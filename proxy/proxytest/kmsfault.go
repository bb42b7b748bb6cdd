package proxytest

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"time"
)

// A KMSFault answers instead of serve, or lets it answer.
type KMSFault func(w http.ResponseWriter, r *http.Request, action string, serve http.HandlerFunc)

// KMSSays answers with KMS's name of an error.
func KMSSays(name string, status int, message string) KMSFault {
	return func(w http.ResponseWriter, _ *http.Request, _ string, _ http.HandlerFunc) {
		w.Header().Set("Content-Type", "application/x-amz-json-1.1")
		w.WriteHeader(status)
		fmt.Fprintf(w, `{"__type":%q,"message":%q}`, name, message)
	}
}

// OnDecrypt makes a fault that concerns Decrypt alone.
func OnDecrypt(fault KMSFault) KMSFault {
	return func(w http.ResponseWriter, r *http.Request, action string, serve http.HandlerFunc) {
		if action != "Decrypt" {
			serve(w, r)
			return
		}
		fault(w, r, action, serve)
	}
}

// KMSHangs never answers.
func KMSHangs(_ http.ResponseWriter, r *http.Request, _ string, _ http.HandlerFunc) {
	<-r.Context().Done()
}

// KMSIsSlow answers rightly, after a while.
func KMSIsSlow(latency time.Duration) KMSFault {
	return func(w http.ResponseWriter, r *http.Request, _ string, serve http.HandlerFunc) {
		select {
		case <-time.After(latency):
			serve(w, r)
		case <-r.Context().Done():
		}
	}
}

// KMSResets resets the connection.
func KMSResets(w http.ResponseWriter, _ *http.Request, _ string, _ http.HandlerFunc) {
	if c, _, err := http.NewResponseController(w).Hijack(); err == nil {
		_ = c.(*net.TCPConn).SetLinger(0)
		_ = c.Close()
	}
}

// KMSAnswers answers with this status and body.
func KMSAnswers(status int, body string) KMSFault {
	return func(w http.ResponseWriter, _ *http.Request, _ string, _ http.HandlerFunc) {
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}

// KMSAlters lets alter change the true answer's JSON.
func KMSAlters(alter func([]byte) []byte) KMSFault {
	return func(w http.ResponseWriter, r *http.Request, _ string, serve http.HandlerFunc) {
		answer := httptest.NewRecorder()
		serve(answer, r)
		body := answer.Body.Bytes()
		if answer.Code == http.StatusOK {
			body = alter(body)
		}
		w.Header().Set("Content-Type", "application/x-amz-json-1.1")
		w.WriteHeader(answer.Code)
		_, _ = w.Write(body)
	}
}

// KMSBreaksOff sends half of what it declares.
func KMSBreaksOff(w http.ResponseWriter, r *http.Request, _ string, serve http.HandlerFunc) {
	answer := httptest.NewRecorder()
	serve(answer, r)
	w.Header().Set("Content-Length", fmt.Sprint(answer.Body.Len()))
	_, _ = w.Write(answer.Body.Bytes()[:answer.Body.Len()/2])
	panic(http.ErrAbortHandler)
}

// WithPlaintext puts another plaintext into an answer that has one.
func WithPlaintext(plaintext []byte) func([]byte) []byte {
	return func(body []byte) []byte {
		var m map[string]any
		if json.Unmarshal(body, &m) != nil || m["Plaintext"] == nil {
			return body
		}
		m["Plaintext"] = base64.StdEncoding.EncodeToString(plaintext)
		out, err := json.Marshal(m)
		if err != nil {
			panic(err)
		}
		return out
	}
}
