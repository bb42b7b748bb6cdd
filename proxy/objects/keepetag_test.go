package objects

import (
	"bytes"
	"crypto/md5"
	"encoding/hex"
	"errors"
	"strings"
	"testing"

	"sealfront/proxy/store"
)

// Of what stores make ETags is read off their form.
func TestETagsOfMD5sAreTold(t *testing.T) {
	const sum = "0123456789abcdef0123456789abcdef"
	for _, c := range []struct {
		name, etag, sum string
		parts           int
	}{
		{"an MD5", `"` + sum + `"`, sum, 0},
		{"without quotes", sum, sum, 0},
		{"of parts", `"` + sum + `-17"`, sum, 17},
		{"of one part", `"` + sum + `-1"`, sum, 1},
		{"of no part", `"` + sum + `-0"`, "", 0},
		{"with a number that isn't one", `"` + sum + `-01"`, "", 0},
		{"in capitals", `"` + strings.ToUpper(sum) + `"`, "", 0},
		{"too short", `"` + sum[2:] + `"`, "", 0},
		{"a CRC", `"CRC64NVME-YFNg/g6VZ/E="`, "", 0},
		{"none", "", "", 0},
	} {
		if sum, parts := md5ETag(c.etag); sum != c.sum || parts != c.parts {
			t.Errorf("%s: %q %d, want %q %d", c.name, sum, parts, c.sum, c.parts)
		}
	}
}

// The last byte of what would get another ETag never leaves.
func TestBytesOfAnotherMD5AreHeldBack(t *testing.T) {
	body := bytes.Repeat([]byte("sealed"), 20_000)
	is := md5.Sum(body)
	sum := hex.EncodeToString(is[:])
	for _, c := range []struct {
		name, sum string
		body      []byte
		written   int
		err       error
	}{
		{"as the ETag says", sum, body, len(body), nil},
		{"of another MD5", strings.Repeat("0", 32), body, len(body) - 1, errETagChanges},
		{"another last byte", sum, append(body[:len(body)-1:len(body)-1], '!'), len(body) - 1, errETagChanges},
		{"cut off", sum, body[:len(body)-2], len(body) - 2, store.ErrUnavailable},
	} {
		var out bytes.Buffer
		n, err := copyChecked(&out, bytes.NewReader(c.body), int64(len(body)), c.sum, make([]byte, 1000))
		if !errors.Is(err, c.err) || n != int64(c.written) || out.Len() != c.written {
			t.Errorf("%s: %d bytes, %d written, %v; want %d, %v", c.name, n, out.Len(), err, c.written, c.err)
		}
	}
}
