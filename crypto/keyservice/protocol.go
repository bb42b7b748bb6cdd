package keyservice

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
)

const (
	targetPrefix = "TrentService."
	contentType  = "application/x-amz-json-1.1"
	maxBody      = 256 << 10 // bytes; the largest legal request is far below
)

// ServeHTTP answers one request: POST / with the action in X-Amz-Target and a JSON body.
func (s *Service) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	id := requestID()
	w.Header().Set("X-Amzn-Requestid", id)
	w.Header().Set("Content-Type", contentType)
	began := time.Now()
	seen := Call{RequestID: id, Remote: r.RemoteAddr, TLS: r.TLS != nil, Code: "OK", Status: http.StatusOK}
	var out any
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err == nil {
		out, err = s.handle(r, body, &seen)
	} else {
		err = fail("SerializationException", "The request body is too long or was cut off")
	}
	failure := toError(err)
	if seen.Took = time.Since(began); failure != nil {
		seen.Code, seen.Status = failure.Type, failure.status()
		if _, known := errors.AsType[*Error](err); !known {
			seen.Err = err
		}
	}
	s.o.Observer.Call(seen)
	answer(w, out, failure)
}

// toError is the answer to an error: those of records and roots are answered without their text. Both of their names
// are tried again by SDKs.
func toError(err error) *Error {
	if err == nil {
		return nil
	}
	if failure, ok := errors.AsType[*Error](err); ok {
		return failure
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return fail("DependencyTimeoutException", "The system timed out while trying to fulfill the request.")
	}
	return fail("KMSInternalException", "The request could not be processed because of an internal error.")
}

// handle authenticates a request and carries out its action.
func (s *Service) handle(r *http.Request, body []byte, seen *Call) (any, error) {
	caller, err := s.authenticate(r, body, kmsService)
	if err != nil {
		return nil, err
	}
	c := &call{Service: s, ctx: r.Context(), caller: caller, requestID: seen.RequestID}
	seen.Caller = c.arnOf(s.o.Account)
	action, cut := strings.CutPrefix(r.Header.Get("X-Amz-Target"), targetPrefix)
	do := actions[action]
	if r.Method != http.MethodPost || !cut || do == nil {
		return nil, fail("UnknownOperationException", "")
	}
	seen.Action = action
	if s.o.Fault != nil {
		if err := s.o.Fault(action); err != nil {
			return nil, err
		}
	}
	defer func() {
		seen.Key, seen.Context = c.about, c.with
		c.end()
	}()
	return do(c, body)
}

// answer writes a result or an error.
func answer(w http.ResponseWriter, out any, failure *Error) {
	status := http.StatusOK
	if failure != nil {
		status = failure.status()
		w.Header().Set("X-Amzn-Errortype", failure.Type)
		out = struct {
			Type    string `json:"__type"`
			Message string `json:"message,omitempty"`
		}{failure.Type, failure.Message}
	}
	text := []byte("{}")
	if out != nil {
		var err error
		if text, err = json.Marshal(out); err != nil {
			panic("keyservice: internal error: " + err.Error())
		}
	}
	w.Header().Set("Content-Length", strconv.Itoa(len(text)))
	w.WriteHeader(status)
	_, _ = w.Write(text) // a client that has gone away needs no answer
}

func requestID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	return hex.EncodeToString(b[:])
}
