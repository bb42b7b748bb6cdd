package sigv4

import "bytes"

// ChunkOptions say what a ChunkReader is to expect. Verifier.ChunkOptions makes them; the exported fields may be read
// but not usefully changed.
type ChunkOptions struct {
	Payload       Payload // one that is Chunked, otherwise there is nothing to read by chunks
	DecodedLength int64   // bytes of the body without framing, x-amz-decoded-content-length
	Trailer       string  // the announced trailer, lower case: x-amz-checksum-crc32; or empty

	a       *Authentication // seed, scope, time and key of the signed modes
	verbose bool

	// unframed: Content-Length is the decoded length, so that no framing can fit: S3 then says that the body
	// ended early.
	unframed bool
}

// ChunkOptions reads what m's header says about an aws-chunked body. It follows a successful Check, and is to be
// called for plain bodies as well, since for them a trailer must not be announced; Payload in the result is always
// a's. The result refers to a, and so to m: neither may be used for another request before the body has been read.
// Errors are *Error.
func (v *Verifier) ChunkOptions(m *Message, a *Authentication) (ChunkOptions, error) {
	if a.key == nil {
		panic("sigv4: internal error: ChunkOptions before a successful Check")
	}
	o := ChunkOptions{Payload: a.Payload, a: a, verbose: v.verbose}
	announced, n := a.header(m, trailerPlace)
	if n > 1 {
		return ChunkOptions{}, refuse("InvalidRequest", multipleChecksums)
	}
	name, algorithm, err := announcedTrailer(announced)
	if err != nil {
		return ChunkOptions{}, err
	}
	if name != "" {
		if err := checkChecksumHeaders(m, a, algorithm); err != nil {
			return ChunkOptions{}, err
		}
		if a.Payload != PayloadSignedChunksTrailer && a.Payload != PayloadUnsignedTrailer {
			return ChunkOptions{}, refuse("MalformedTrailerError", malformedTrailer)
		}
	}
	o.Trailer = name
	if !a.Payload.Chunked() {
		return o, nil
	}
	length, n := a.header(m, decodedLengthPlace)
	decoded, ok := parseLength(length)
	if n != 1 || !ok {
		return ChunkOptions{}, refuse("MissingContentLength", "You must provide the Content-Length HTTP header.")
	}
	o.DecodedLength = decoded
	length, n = a.header(m, contentLengthPlace)
	framed, ok := parseLength(length)
	o.unframed = n == 1 && ok && framed == decoded
	return o, nil
}

// parseLength reads a decimal number of bytes that fits an int64.
func parseLength(s []byte) (n int64, ok bool) {
	if len(s) == 0 || len(s) > 18 {
		return 0, false
	}
	for _, b := range s {
		if b-'0' > 9 {
			return 0, false
		}
		n = n*10 + int64(b-'0')
	}
	return n, true
}

// announcedTrailer reads x-amz-trailer, which must name exactly one checksum. Commas may follow the name, but not come
// before it. A list of commas alone announces nothing.
func announcedTrailer(list []byte) (name, algorithm string, err error) {
	for list = bytes.TrimRight(list, ","); len(list) > 0; {
		element, rest := cut(list, ',')
		list = rest
		element = trim(element)
		known := false
		for i := range trailers {
			if !equalName(element, trailers[i].name) {
				continue
			}
			if name != "" {
				return "", "", refuse("InvalidRequest", multipleChecksums)
			}
			known, name, algorithm = true, trailers[i].name, trailers[i].algorithm
		}
		if !known {
			return "", "", refuse("InvalidRequest", "The value specified in the x-amz-trailer header is not supported")
		}
	}
	return name, algorithm, nil
}

// checkChecksumHeaders compares an announced trailer with the checksum headers sent with it.
func checkChecksumHeaders(m *Message, a *Authentication, algorithm string) error {
	var n int
	if l := a.layout; l != nil && len(m.Header) == l.fields {
		n = int(l.sums)
	} else {
		n = checksumHeaders(m.Header)
	}
	switch {
	case n > 1:
		return refuse("InvalidRequest", multipleChecksums)
	case n == 1:
		return refuse("InvalidRequest", "Expecting a single x-amz-checksum- header")
	}
	if value, count := a.header(m, sdkAlgorithmPlace); count > 0 && !equalName(value, algorithm) {
		return refuse("InvalidRequest", "Value for x-amz-sdk-checksum-algorithm header is invalid.")
	}
	return nil
}

// header returns the trimmed value of the first field at a place of m and how many there are, as Message.header does.
func (a *Authentication) header(m *Message, p place) (value []byte, n int) {
	l := a.layout
	if l == nil || len(m.Header) != l.fields {
		return m.header(placeNames[p])
	}
	if i := l.places[p]; i >= 0 {
		return trim(m.Header[i].Value), 1
	}
	return nil, 0
}
