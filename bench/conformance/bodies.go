package conformance

import (
	"crypto/sha256"
	"encoding/base64"
	"strings"
)

// ten is the body of the object that requests.txt is about, and of what it writes.
const ten = "0123456789"

func base64SHA256(body string) string {
	sum := sha256.Sum256([]byte(body))
	return base64.StdEncoding.EncodeToString(sum[:])
}

// large is a body of the smallest part that needn't be the last.
func large() string { return strings.Repeat("0123456789abcdef", 5<<20/16) }

// regionalQuery reports whether a request is for the regional endpoint: one of its subresources, or the bucket.
func regionalQuery(method, path, query string) bool {
	name, _, _ := strings.Cut(query, "=")
	switch name {
	case "encryption", "versioning", "acl", "location", "object-lock", "tagging", "cors", "website", "notification",
		"replication", "inventory":
		return path == ""
	}
	return path == "" && query == "" && method == "DELETE"
}
