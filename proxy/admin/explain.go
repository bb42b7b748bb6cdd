package admin

import (
	"errors"
	"fmt"
	"net/http"
)

// A BadQuestion is an error of the request of GET /explain.
type BadQuestion struct{ error }

// NewBadQuestion makes err an error of the request.
func NewBadQuestion(err error) BadQuestion { return BadQuestion{err} }

// Unwrap returns the error.
func (b BadQuestion) Unwrap() error { return b.error }

// explain answers GET /explain?operation=…&bucket=… with the parameters key, header, query, session-header (each of
// these three may be repeated), long-term, http, principal and source-ip.
func (o *Options) explain(w http.ResponseWriter, r *http.Request) {
	explanation, err := o.Explain(r.Context(), r.URL.Query())
	var bad BadQuestion
	switch {
	case errors.As(err, &bad):
		http.Error(w, err.Error(), http.StatusBadRequest)
	case err != nil:
		http.Error(w, fmt.Sprintf("the bucket's record can't be read: %v", err), http.StatusServiceUnavailable)
	default:
		writeJSON(w, explanation)
	}
}
