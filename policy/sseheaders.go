package policy

// sseHeaders is what the server-side encryption headers of a request say, once they have been found
// well-formed.
type sseHeaders struct {
	sse       SSE    // NoSSE: the header is absent
	key       string // "" absent
	context   string // as sent; "" absent
	bucketKey string // "true", "false" or "" for absent
}

const sseMask = 1<<hSse | 1<<hSseKey | 1<<hSseContext | 1<<hSseBucketKey | 1<<hSseBucketKeyAlt

const needsKMSText = "Server Side Encryption with AWS KMS managed key requires HTTP header " +
	"x-amz-server-side-encryption : aws:kms"

// readSSEHeaders checks the headers by themselves, rows H-1 to H-3, H-6, H-12 and H-17, and returns
// what they say. Rows that need to know the bucket or the session are not decided here.
func (d *digest) readSSEHeaders() (sseHeaders, *Refusal) {
	var h sseHeaders
	if d.present&sseMask == 0 {
		return h, nil
	}
	for id := hSse; id <= hSseBucketKey; id++ {
		if d.clashing&(1<<id) != 0 {
			return h, invalidArgument("H-17", headerNames[id], d.header(id), "The header "+headerNames[id]+
				" was given more than once with different values.")
		}
	}
	if d.has(hSse) {
		switch v := d.header(hSse); v {
		case "AES256":
			h.sse = SSES3
		case "aws:kms":
			h.sse = SSEKMS
		default:
			row := "H-1"
			if v == "aws:kms:dsse" {
				row = "H-2"
			}
			return h, invalidArgument(row, headerNames[hSse], v, "The encryption method specified is not supported")
		}
	}
	h.key = d.header(hSseKey)
	if h.key != "" && h.sse != SSEKMS {
		return h, refuse("H-3", codeInvalidArgument, needsKMSText, "ArgumentName", headerNames[hSse])
	}
	var refusal *Refusal
	if h.bucketKey, refusal = d.readBucketKeyHeader(); refusal != nil {
		return h, refusal
	}
	if d.has(hSseContext) {
		h.context = d.header(hSseContext)
		if _, ok := parseContext(h.context); !ok {
			return h, invalidArgument("H-6", headerNames[hSseContext], h.context,
				"The header 'x-amz-server-side-encryption-context' shall be Base64-encoded UTF-8 string holding JSON "+
					"which represents a string-string map")
		}
	}
	return h, nil
}

// readBucketKeyHeader knows both spellings of the bucket key header (C-01).
func (d *digest) readBucketKeyHeader() (string, *Refusal) {
	v, name := d.header(hSseBucketKey), headerNames[hSseBucketKey]
	if d.has(hSseBucketKeyAlt) {
		alt := d.header(hSseBucketKeyAlt)
		if d.clashing&(1<<hSseBucketKeyAlt) != 0 || d.has(hSseBucketKey) && alt != v {
			return "", invalidRequest("C-01", "The two spellings of the bucket key header have different values.")
		}
		v, name = alt, headerNames[hSseBucketKeyAlt]
	}
	switch {
	case v == "true", v == "false", v == "" && !d.has(hSseBucketKey) && !d.has(hSseBucketKeyAlt):
		return v, nil
	}
	return "", invalidArgument("H-12", name, v, "The value of the header "+name+" must be true or false.")
}

// refuseSSEHeaders is for operations that take none: G-1 to G-3 of section 4.1, and with them UP-2 and UC-3.
func (d *digest) refuseSSEHeaders(row string) *Refusal {
	if d.present&sseMask == 0 {
		return nil
	}
	if row == "" {
		switch {
		case d.has(hSse):
			row = "G-1"
		case d.has(hSseKey):
			row = "G-2"
		default:
			row = "G-3"
		}
	}
	if !d.has(hSse) && d.has(hSseKey) {
		return refuse(row, codeInvalidArgument, needsKMSText, "ArgumentName", headerNames[hSse])
	}
	id := hSse
	for !d.has(id) {
		id++ // the mask says that there is one
	}
	return invalidArgument(row, headerNames[id], d.header(id), headerNames[id]+
		" header is not supported for this operation.")
}
