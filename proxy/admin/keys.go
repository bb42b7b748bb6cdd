package admin

import (
	"encoding/json"
	"net/http"
)

// A HeldKey is a bucket key in the memory of a replica, as GET /keys shows it.
type HeldKey struct {
	Bucket  string  `json:"bucket"` // ARN
	KMSKey  string  `json:"kmsKey"`
	Age     float64 `json:"ageSeconds"`
	Expires float64 `json:"expiresInSeconds"`
	Uses    int64   `json:"uses"`
}

// showKeys answers GET /keys.
func (o *Options) showKeys(w http.ResponseWriter, _ *http.Request) { writeJSON(w, o.Held()) }

// dropKeys answers POST /keys/drop.
func (o *Options) dropKeys(w http.ResponseWriter, r *http.Request) {
	if err := o.Drop(r.Context(), r.URL.Query().Get("kms-key")); err != nil {
		http.Error(w, "dropped here, but other replicas can't be reached: "+err.Error()+"; try again",
			http.StatusServiceUnavailable)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

// writeJSON writes a document of two-space indents. Errors are ignored: the operator has disconnected.
func writeJSON(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)
	_ = enc.Encode(v)
}
