package crypto_test

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"

	"sealfront/crypto"
)

// bust derives a failing vector from a working one. change gets a copy whose stored bytes are the base's.
func (m *maker) bust(base, name, about, expect string, change func(*vector)) {
	m.t.Helper()
	v := *m.vectors[base]
	v.About, v.Expect = about, expect
	v.Stored, v.Rebuild, v.rebuilt, v.Base = nil, nil, nil, base
	v.DataKey, v.ObjectID, v.WrapSalt, v.TrailerSalt, v.Parts = nil, nil, nil, nil, nil
	prefix := "busted_"
	if expect == "ok" {
		prefix = "working_"
	} else {
		v.PlaintextLength, v.PlaintextSHA256 = 0, nil
	}
	change(&v)
	if m.vectors[prefix+name] != nil {
		m.t.Fatalf("two vectors named %s", name)
	}
	m.vectors[prefix+name] = &v
}

func (m *maker) bustedEnvelopes() {
	const base = "working_put_100_bytes"
	reencode := func(change func(b []byte) []byte) func(*vector) {
		return func(v *vector) {
			v.Envelope = base64.RawURLEncoding.EncodeToString(change(decodeText(m.t, v.Envelope)))
		}
	}
	flip := func(at int, bit byte) func(*vector) {
		return reencode(func(b []byte) []byte { b[(at+len(b))%len(b)] ^= bit; return b })
	}
	arn := 84 + 2
	blob := arn + len(newEnvelope().KeyARN) + 1 + 2
	for _, b := range []struct {
		name, about, expect string
		change              func(*vector)
	}{
		{
			"envelope_missing", "no header: whatever the bytes are, they are not to be returned", "not sealed",
			func(v *vector) { v.Envelope = "" },
		},
		{"envelope_format_2", "a later format", "version", flip(0, 3)},
		{"envelope_suite_2", "another suite", "version", flip(1, 3)},
		{"envelope_sse_kind_0", "no kind of encryption", "format", flip(2, 2)},
		{"envelope_sse_kind_changed", "SSE-KMS shown as SSE-S3", "tampered", flip(2, 3)},
		{"envelope_unknown_flag", "a flag that format 1 doesn't have", "format", flip(3, 8)},
		{"envelope_bucket_key_flag", "bucket key flag taken away", "tampered", flip(3, 1)},
		{"envelope_copy_flag", "copy flag added", "tampered", flip(3, 2)},
		{"envelope_multipart_flag", "multipart, but a part salt that isn't zeros", "format", flip(3, 4)},
		{
			"envelope_multipart_flag_and_salt", "multipart, and the part salt zeroed to match", "tampered",
			reencode(func(b []byte) []byte {
				b[3] |= 4
				clear(b[36:52])
				return b
			}),
		},
		{"envelope_object_id", "object id changed", "tampered", flip(4, 1)},
		{"envelope_wrap_salt", "wrap salt changed", "tampered", flip(20, 1)},
		{"envelope_part_salt", "part salt changed", "tampered", flip(36, 1)},
		{"envelope_commitment", "commitment changed", "tampered", flip(52, 1)},
		{"envelope_key_arn", "the store names a KMS key of its own", "tampered", flip(blob-4, 1)},
		{"envelope_key_arn_line_end", "a line end in the ARN, for a response header", "format", flip(arn, 'a'^'\n')},
		{"envelope_blob", "blob changed", "tampered", flip(blob, 1)},
		{"envelope_wrapped", "wrapped changed in its first byte", "tampered", flip(blob+184+1, 1)},
		{"envelope_wrapped_tag", "wrapped changed in its last byte", "tampered", flip(-1, 1)},
		{"envelope_cut", "last byte missing", "format", reencode(func(b []byte) []byte { return b[:len(b)-1] })},
		{"envelope_longer", "a byte after the end", "format", reencode(func(b []byte) []byte { return append(b, 0) })},
		{
			"envelope_of_84_bytes", "ends with the commitment", "format",
			reencode(func(b []byte) []byte { return b[:84] }),
		},
		{"envelope_wrapped_size", "wrapped has a size that no secrets have", "format", reencode(func(b []byte) []byte {
			b[blob+184]++
			return append(b, 0)
		})},
		{"envelope_padded_text", "base64 with padding", "format", func(v *vector) { v.Envelope += "=" }},
		{
			"envelope_line_end_in_text", "base64 with a line end", "format", func(v *vector) {
				v.Envelope = v.Envelope[:8] + "\n" + v.Envelope[8:]
			},
		},
		{
			"envelope_standard_base64", "a character of the other base64", "format", func(v *vector) {
				v.Envelope = v.Envelope[:8] + "+" + v.Envelope[9:]
			},
		},
		{"envelope_of_another_object", "the envelope of another object of the bucket", "tampered", func(v *vector) {
			v.Envelope = m.vectors["working_put_sse_s3"].Envelope
		}},
		{"place_other_key", "moved to another key of the bucket", "tampered", func(v *vector) { v.Key = "elsewhere" }},
		{"place_other_bucket", "moved to another bucket", "tampered", func(v *vector) { v.BucketARN += "x" }},
		{"place_shifted_border", "the border between bucket and key moved by a character", "tampered", func(v *vector) {
			v.BucketARN, v.Key = v.BucketARN+v.Key[:1], v.Key[1:]
		}},
		{"bucket_key_other", "another bucket key", "tampered", func(v *vector) {
			other := fixed("another bucket key")
			v.BucketKey = other[:]
		}},
		{"bucket_key_zeros", "a wiped bucket key", "zero key", func(v *vector) { v.BucketKey = make([]byte, 32) }},
	} {
		m.bust(base, b.name, b.about, b.expect, b.change)
	}
	pairs := len(newEnvelope().KeyARN) + arn + 1
	m.bust("working_put_context", "envelope_pairs_unsorted", "two context pairs in the wrong order", "format",
		reencode(func(b []byte) []byte {
			copy(b[pairs+2:], "z")
			return b
		}))
	m.bust("working_put_context", "envelope_pairs_count", "more pairs announced than there are bytes", "format",
		reencode(func(b []byte) []byte {
			b[pairs-1] = 255
			return b
		}))
}

// forgedEnvelopes are sealed under the right keys by somebody who has them: what only a careless writer makes.
func (m *maker) forgedEnvelopes() {
	v := m.vectors["working_put_100_bytes"]
	fields := decodeText(m.t, v.Envelope)
	fields = fields[:len(fields)-(1+33+8+16)]
	with := func(change func(fields, secrets []byte) (newFields, newSecrets []byte)) func(*vector) {
		return func(v *vector) {
			secrets := append(bytes.Clone(m.vectors["working_put_100_bytes"].DataKey), 1)
			secrets = binary.BigEndian.AppendUint64(secrets, 100)
			f, s := change(bytes.Clone(fields), secrets)
			v.Envelope = base64.RawURLEncoding.EncodeToString(naiveWrap(f, v.BucketKey, v.BucketARN, v.Key, s))
		}
	}
	secretsOnly := func(change func([]byte) []byte) func(*vector) {
		return with(func(f, s []byte) ([]byte, []byte) { return f, change(s) })
	}
	base := "working_put_100_bytes"
	m.bust(base, "forged_nothing_changed", "the naive writer's own envelope", "ok",
		secretsOnly(func(s []byte) []byte { return s }))
	for _, b := range []struct {
		name, about, expect string
		change              func(*vector)
	}{
		{
			"forged_other_data_key", "another data key than was committed to", "tampered",
			secretsOnly(func(s []byte) []byte { s[0] ^= 1; return s }),
		},
		{
			"forged_commitment", "a commitment to nothing", "tampered",
			with(func(f, s []byte) ([]byte, []byte) { f[52] ^= 1; return f, s }),
		},
		{
			"forged_zero_data_key", "a data key of zeros", "format",
			secretsOnly(func(s []byte) []byte { clear(s[:32]); return s }),
		},
		{
			"forged_no_length", "an object of one part without its length", "format",
			secretsOnly(func(s []byte) []byte { s[32] = 0; return s[:33] }),
		},
		{
			"forged_unknown_secret", "an unknown flag in the secrets", "format",
			secretsOnly(func(s []byte) []byte { s[32] |= 4; return s }),
		},
		{
			"forged_negative_length", "a length beyond the largest object", "format",
			secretsOnly(func(s []byte) []byte { s[33] = 0x80; return s }),
		},
		{
			"forged_other_length", "a length that isn't the stored size's", "damaged",
			secretsOnly(func(s []byte) []byte { s[40]--; return s }),
		},
		{
			"forged_composite_of_one", "a composite checksum on an object of PutObject", "format",
			secretsOnly(func(s []byte) []byte {
				s[32] |= 2
				return append(s, 2, 1, 0, 0, 0, 0)
			}),
		},
		{
			"forged_unknown_checksum", "a checksum of an algorithm that has another size", "format",
			secretsOnly(func(s []byte) []byte {
				s[32] |= 2
				return append(s, 1, 3, 0, 0, 0, 0)
			}),
		},
		{
			"forged_later_checksum", "a checksum of an algorithm that this page doesn't have", "version",
			secretsOnly(func(s []byte) []byte {
				s[32] |= 2
				return append(s, 1, 11, 0, 0, 0, 0)
			}),
		},
	} {
		m.bust(base, b.name, b.about, b.expect, b.change)
	}
}

func (m *maker) bustedBodies() {
	const small, large = "working_put_100_bytes", "working_put_131172_bytes"
	const sealed = crypto.SealedSegmentSize
	edits := func(edits ...edit) func(*vector) { return func(v *vector) { v.Edits = edits } }
	size := len(m.vectors[large].Stored)
	one := hexText{1}
	for _, b := range []struct {
		base, name, about, expect string
		change                    func(*vector)
	}{
		{small, "body_empty", "cut to nothing", "damaged", edits(edit{Op: "cut", N: 0})},
		{
			small, "body_cut_by_one", "the last byte cut off: the size of an object of 99 bytes", "damaged",
			edits(edit{Op: "cut", N: len(m.vectors[small].Stored) - 1}),
		},
		{small, "body_longer", "a byte appended", "damaged", edits(edit{Op: "append", Hex: one})},
		{small, "body_first_byte", "first byte of ciphertext", "tampered", edits(edit{Op: "xor", At: 0, Hex: one})},
		{small, "body_tag", "last byte of the tag", "tampered", edits(edit{Op: "xor", At: 115, Hex: one})},
		{small, "body_padding", "a byte of padding: not seen", "ok", edits(edit{Op: "xor", At: 116, Hex: one})},
		{
			small, "body_tail_of_one_part", "the tail, which opening one part doesn't need: not seen", "ok",
			edits(edit{Op: "xor", At: len(m.vectors[small].Stored) - 1, Hex: one}),
		},
		{large, "body_first_segment", "a byte of segment 0", "tampered", edits(edit{Op: "xor", At: 1, Hex: one})},
		{
			large, "body_second_segment", "a byte of segment 1: segment 0 is released", "tampered",
			edits(edit{Op: "xor", At: sealed, Hex: one}),
		},
		{
			large, "body_last_segment", "a byte of the last segment: all others are released", "tampered",
			edits(edit{Op: "xor", At: 2 * sealed, Hex: one}),
		},
		{
			large, "body_segments_swapped", "segments 0 and 1 swapped", "tampered",
			edits(edit{Op: "swap", At: 0, To: sealed, N: sealed}),
		},
		{large, "body_segment_dropped", "segment 1 dropped, padding made longer by as much", "tampered", edits(
			edit{Op: "drop", At: sealed, N: sealed}, edit{Op: "insert", At: sealed + 116, Hex: make(hexText, sealed)},
		)},
		{large, "body_segment_doubled", "segment 0 twice, the end cut off by as much", "tampered", edits(
			edit{Op: "double", At: 0, N: sealed}, edit{Op: "cut", N: size},
		)},
		{large, "body_cut_at_segment", "cut behind segment 0", "damaged", edits(edit{Op: "cut", N: sealed})},
		{
			large, "body_cut_to_a_legal_size", "cut to the size of an object of 65,536 bytes", "damaged",
			edits(edit{Op: "cut", N: int(crypto.StoredLength(65536))}),
		},
		{large, "body_of_another_object", "another object's bytes of the same size", "tampered", func(v *vector) {
			v.Envelope = m.vectors["working_put_131172_bytes"].Envelope
			v.Edits = []edit{{Op: "xor", At: 0, Hex: bytes.Repeat(hexText{0x5a}, size)}}
		}},
	} {
		m.bust(b.base, b.name, b.about, b.expect, b.change)
	}
}

func (m *maker) bustedTrailers() {
	const small, odd, composite = "working_multipart_one_small_part", "working_multipart_odd_parts",
		"working_multipart_composite"
	size := len(m.vectors[small].Stored)
	edits := func(edits ...edit) func(*vector) { return func(v *vector) { v.Edits = edits } }
	fromEnd := func(back int, bits ...byte) func(*vector) { return edits(edit{Op: "xor", At: size - back, Hex: bits}) }
	for _, b := range []struct {
		name, about, expect string
		change              func(*vector)
	}{
		{
			"trailer_cut_by_one", "the size of an object a byte shorter: no trailer ends there", "damaged",
			edits(edit{Op: "cut", N: size - 1}),
		},
		{"trailer_cut_to_nothing", "a multipart object of 0 bytes", "damaged", edits(edit{Op: "cut", N: 0})},
		{
			"trailer_longer_by_one", "a byte put in front of the first segment", "damaged",
			edits(edit{Op: "insert", At: 0, Hex: hexText{0}}),
		},
		{"trailer_magic", "magic changed", "damaged", fromEnd(32, 1)},
		{"trailer_version", "a later format", "version", fromEnd(24, 3)},
		{"trailer_zeros", "not zero where zeros must be", "format", fromEnd(23, 1)},
		{"trailer_size_huge", "a record larger than the object's size allows", "damaged", fromEnd(20, 0x80)},
		{"trailer_size_small", "a record smaller than any", "damaged", fromEnd(17, 50^49)},
		{"trailer_size_other", "a record of another size that could be", "tampered", fromEnd(17, 50^51)},
		{"trailer_salt", "salt changed", "tampered", fromEnd(1, 1)},
		{"trailer_record", "first byte of the sealed record", "tampered", fromEnd(32+50, 1)},
		{"trailer_tag", "last byte of the sealed record's tag", "tampered", fromEnd(33, 1)},
		{
			"trailer_segment", "trailer right, a byte of the segment changed", "tampered",
			edits(edit{Op: "xor", At: 5, Hex: hexText{1}}),
		},
	} {
		m.bust(small, b.name, b.about, b.expect, b.change)
	}
	m.bust(odd, "parts_swapped", "parts 1 and 2 begin where the other should", "tampered",
		edits(edit{Op: "swap", At: 0, To: 5242880 + 1 + 81*16, N: 5242880}))
	m.bust(odd, "second_part", "a byte of part 2: part 1 is released", "tampered",
		edits(edit{Op: "xor", At: 5242881 + 81*16, Hex: hexText{1}}))
	m.bust(composite, "last_part", "a byte of the last part's only segment", "tampered",
		edits(edit{Op: "xor", At: 5242880 + 80*16, Hex: hexText{1}}))

	v := m.vectors[small]
	forge := func(record []byte) func(*vector) {
		return func(target *vector) {
			end := naiveSealTrailer(v.DataKey, v.ObjectID, v.TrailerSalt, record)
			target.Edits = []edit{{Op: "cut", N: size - len(end)}, {Op: "append", Hex: end}}
		}
	}
	row := func(length int64) []byte {
		return append([]byte{
			byte(length >> 32), byte(length >> 24), byte(length >> 16), byte(length >> 8), byte(length), 0,
		}, v.Parts[0].Salt...)
	}
	record := func(total uint64, count uint16, rows ...[]byte) []byte {
		head := binary.BigEndian.AppendUint16(binary.BigEndian.AppendUint64(nil, total), count)
		return bytes.Join(append([][]byte{append(head, 0, 0)}, rows...), nil)
	}
	m.bust(small, "trailer_made_naively", "the naive writer's own trailer", "ok", forge(record(100, 1, row(100))))
	m.bust(small, "trailer_forged_length", "an honest trailer of an object of 99 bytes", "damaged",
		forge(record(99, 1, row(99))))
	m.bust(small, "trailer_forged_sum", "parts that don't add up to the length", "partition",
		forge(record(100, 1, row(99))))
	m.bust(small, "trailer_forged_checksum", "a checksum of no type", "format",
		forge(append(append(record(100, 1)[:10], 3, 1, 1, 2, 3, 4), row(100)...)))
	m.bust(small, "trailer_forged_later_checksum", "a checksum of an algorithm that this page doesn't have", "version",
		forge(append(append(record(100, 1)[:10], 1, 11, 1, 2, 3, 4), row(100)...)))
	later := row(100)
	later[5] = 11
	m.bust(small, "trailer_forged_later_part", "a part's checksum of an algorithm that this page doesn't have",
		"version", forge(record(100, 1, later)))
	m.bust(small, "trailer_forged_count", "one row announced as two", "format", forge(record(100, 2, row(100))))
	m.bust(small, "trailer_forged_no_rows", "rows announced as none", "format", forge(record(100, 0, row(100))))
	m.bust("working_multipart_empty_last_part", "trailer_forged_small_parts", "two parts, the first below 5 MiB",
		"partition", func(target *vector) {
			base := m.vectors["working_multipart_empty_last_part"]
			end := naiveSealTrailer(base.DataKey, base.ObjectID, base.TrailerSalt,
				record(5<<20, 2, row(5<<20-1), row(1)))
			target.Edits = []edit{{Op: "cut", N: naiveStoredLength(5<<20) - len(end)}, {Op: "append", Hex: end}}
		})
}
