package localkms

import (
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
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
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		answer(w, nil, fail("SerializationException", "The request body is too long or was cut off"))
		return
	}
	out, err := s.handle(r, body, id)
	answer(w, out, err)
}

// handle authenticates a request and carries out its action.
func (s *Service) handle(r *http.Request, body []byte, id string) (any, error) {
	accessKeyID, failure := s.authenticate(r, body)
	if failure != nil {
		return nil, failure
	}
	action, cut := strings.CutPrefix(r.Header.Get("X-Amz-Target"), targetPrefix)
	do := actions[action]
	if r.Method != http.MethodPost || !cut || do == nil {
		return nil, fail("UnknownOperationException", "")
	}
	if s.o.Fault != nil {
		if err := s.o.Fault(action); err != nil {
			return nil, err
		}
	}
	return do(r.Context(), &call{Service: s, accessKeyID: accessKeyID, requestID: id}, body)
}

// answer writes a result or an error. Errors that aren't *Error are answered without their text.
func answer(w http.ResponseWriter, out any, err error) {
	status := http.StatusOK
	if err != nil {
		failure, ok := errors.AsType[*Error](err)
		if !ok {
			failure = fail("KMSInternalException", "The request could not be processed because of an internal error.")
		}
		status = failure.status()
		w.Header().Set("X-Amzn-Errortype", failure.Type)
		out = struct {
			Type    string `json:"__type"`
			Message string `json:"message,omitempty"`
		}{failure.Type, failure.Message}
	}
	text := []byte("{}")
	if out != nil {
		if text, err = json.Marshal(out); err != nil {
			panic("localkms: internal error: " + err.Error())
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
