package store

import "sealfront/policy/xmldoc"

// A Page is the store's answer to ListObjectsV2 or ListObjects, as far as it is used. Names are encoded as EncodingType
// says.
type Page struct {
	IsTruncated           bool
	NextContinuationToken string
	NextMarker            string
	EncodingType          string
	Contents              []PageObject
	CommonPrefixes        []PagePrefix
}

// PageObject is an object of a Page.
type PageObject struct {
	Key          string
	LastModified string // RFC 3339
	ETag         string
	Size         int64 // as stored
	StorageClass string
}

// PagePrefix is a common prefix of a Page.
type PagePrefix struct{ Prefix string }

// ParsePage reads a page. It takes whatever encoding/xml takes, and means the same by it: plain documents, as stores
// write them, are read in one pass, which costs a tenth; all others by encoding/xml. The page's strings share
// document's memory.
func ParsePage(document []byte) (*Page, error) {
	if page := parsePlainPage(document); page != nil {
		return page, nil
	}
	page := new(Page)
	if err := xmldoc.Unmarshal(document, page); err != nil {
		return nil, err
	}
	return page, nil
}
