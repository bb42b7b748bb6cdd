package sigv4

import "encoding/binary"

// This file is faster than it is plain, for what is done to many bytes of every request. hasControl must equal a look
// at each byte, appendHex must equal hex.AppendEncode. FuzzFastBytes compares them.

// hasControl reports whether s holds a byte below the space. Eight are looked at at a time: a byte under 0x20 is one
// that has its high bit clear and set after 0x20 is taken away, and what borrows from its neighbour is such a byte
// itself.
func hasControl(s []byte) bool {
	const spaces, high = 0x2020202020202020, 0x8080808080808080
	if len(s) < 8 {
		for _, b := range s {
			if b < ' ' {
				return true
			}
		}
		return false
	}
	last := binary.LittleEndian.Uint64(s[len(s)-8:]) // in part looked at twice
	found := (last - spaces) &^ last
	for ; len(s) >= 32; s = s[32:] {
		a, b := binary.LittleEndian.Uint64(s), binary.LittleEndian.Uint64(s[8:])
		c, d := binary.LittleEndian.Uint64(s[16:]), binary.LittleEndian.Uint64(s[24:])
		found |= (a-spaces)&^a | (b-spaces)&^b | (c-spaces)&^c | (d-spaces)&^d
	}
	for ; len(s) >= 8; s = s[8:] {
		a := binary.LittleEndian.Uint64(s)
		found |= (a - spaces) &^ a
	}
	return found&high != 0
}

// appendHex appends the 32 bytes of a hash in lower-case hexadecimal, four of them at a time and without a table: each
// byte is spread over two, each of these becomes a digit, and those above nine are moved up to the letters.
func appendHex(dst []byte, hash *[32]byte) []byte {
	const ones = 0x0101010101010101
	var digits [64]byte
	for i := 0; i < len(hash); i += 4 {
		v := uint64(binary.LittleEndian.Uint32(hash[i:]))
		v = (v | v<<16) & 0x0000ffff0000ffff
		v = (v | v<<8) & 0x00ff00ff00ff00ff
		v = (v>>4 | v<<8) & (15 * ones)
		letters := (v + 6*ones) >> 4 & ones
		binary.LittleEndian.PutUint64(digits[2*i:], v+'0'*ones+('a'-'9'-1)*letters)
	}
	return append(dst, digits[:]...)
}
