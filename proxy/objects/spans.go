package objects

import (
	"math"
	"strconv"

	"sealfront/crypto"
	"sealfront/proxy/s3"
)

func spanRange(s crypto.Span) string {
	return "bytes=" + strconv.FormatInt(s.First, 10) + "-" + strconv.FormatInt(s.Last, 10)
}

// storeRange is the Range header for the store that brings the segments of a range of an object whose length isn't
// known yet and whose parts but the last are multiples of a segment. The store cuts it off at its end.
func storeRange(r s3.Range) string {
	header := "bytes=" + strconv.FormatInt(r.First/crypto.SegmentSize*crypto.SealedSegmentSize, 10) + "-"
	if r.Last < math.MaxInt64/2 {
		header += strconv.FormatInt((r.Last/crypto.SegmentSize+1)*crypto.SealedSegmentSize-1, 10)
	}
	return header
}
