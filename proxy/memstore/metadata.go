package memstore

import "strings"

// storedHeader is what of the request's header belongs to the object.
func (x *exchange) storedHeader() ([]headerField, error) {
	list := make([]headerField, 0, 4)
	used, typed := 0, false
	for i := range x.message.Header {
		f := &x.message.Header[i]
		name := strings.ToLower(string(f.Name))
		switch name {
		case "content-type", "cache-control", "content-disposition", "content-language", "expires":
			typed = typed || name == "content-type"
		case "content-encoding":
			if x.auth.Payload.Chunked() && strings.EqualFold(string(f.Value), "aws-chunked") {
				continue // how it was sent, not what it is
			}
		default:
			if !strings.HasPrefix(name, metadata) {
				continue
			}
			used += len(name) - len(metadata) + len(f.Value)
		}
		list = append(list, headerField{name, strings.TrimSpace(string(f.Value))})
	}
	if used > maxMetadata {
		return nil, refuse("MetadataTooLarge")
	}
	if !typed {
		list = append(list, headerField{"content-type", "binary/octet-stream"})
	}
	return list, nil
}

const (
	maxObject   = 5 << 30
	maxMetadata = 2048 // names without x-amz-meta-, and values
	metadata    = "x-amz-meta-"
)
